/**
 * A room's past: pages of events, and what was around one of them.
 * https://spec.matrix.org/v1.19/client-server-api/#getting-events-for-a-room
 */
import type { CompiledEventFilter } from '../../core/filter.ts'
import { type StateKey, stateKeyOf } from '../../core/event.ts'
import type { EventId, RoomId, UserId } from '../../core/ids.ts'
import type { PaginationToken } from '../../core/token.ts'
import type { Database } from '../../storage/database.ts'
import type { StoredEvent } from '../../storage/events.ts'
import { type Direction, type EventPage, type EventRange, listRoomEvents, placeBeyond } from '../../storage/history.ts'
import type { StateGroups } from '../../storage/state-groups.ts'
import type { Streams } from '../../storage/streams.ts'
import type { Requester } from '../accounts/requester.ts'
import type { ClientEvents } from './client-event.ts'
import type { EventCache } from './event-cache.ts'
import { GapFiller } from './gap-filler.ts'
import type { RoomHooks } from './hooks.ts'
import type { Members } from './members.ts'
import { type EventInTime, findByTime } from './timestamp.ts'
import type { Reader, Visibility } from './visibility.ts'
import { findVisible } from './visible-event.ts'

export interface HistoryParts {
  readonly database: Database
  readonly streams: Streams
  readonly events: EventCache
  readonly groups: StateGroups
  readonly members: Members
  readonly visibility: Visibility
  readonly clientEvents: ClientEvents
  readonly roomHooks: Pick<RoomHooks, 'historySources' | 'timeSources'>
}

export interface MessagesQuery {
  readonly dir: Direction
  readonly from?: PaginationToken | undefined
  readonly to?: PaginationToken | undefined
  readonly limit: number
  readonly filter: CompiledEventFilter
}

/** Events are JSON texts. */
export interface MessagesPage {
  readonly start: PaginationToken
  /** Undefined where the room, or what the server has of it, is at its end. */
  readonly end: PaginationToken | undefined
  readonly chunk: readonly string[]
  readonly state: readonly string[]
}

export interface EventContext {
  readonly start: PaginationToken
  readonly end: PaginationToken
  readonly event: string
  /** The one next to the event first. */
  readonly before: readonly string[]
  readonly after: readonly string[]
  readonly state: readonly string[]
}

interface Walk {
  readonly events: readonly StoredEvent[]
  /** Where the walk came to a halt. */
  readonly place: PaginationToken | undefined
  readonly isOver: boolean
}

/** Pages read for one answer: what a user may not see or does not want is passed over, but not without end. */
const MAX_PAGES = 10
/** Events of the pages that follow the first, which did not fill the answer. */
const NEXT_PAGE = 200

const roomStart: PaginationToken = { depth: 0, stream: Number.MIN_SAFE_INTEGER }

export class History {
  readonly #parts: HistoryParts
  readonly #gaps: GapFiller

  constructor(parts: HistoryParts) {
    this.#parts = parts
    this.#gaps = new GapFiller({ database: parts.database, sources: parts.roomHooks.historySources })
  }

  /** Throws `M_FORBIDDEN` unless the user is, or was, in the room or the world may read it. */
  async enter(userId: UserId, roomId: RoomId): Promise<Reader> {
    return await this.#parts.visibility.requireReader(userId, roomId)
  }

  /** The next events in a direction. `reader` is what `enter` gave. */
  async messages(who: Requester, roomId: RoomId, reader: Reader, query: MessagesQuery): Promise<MessagesPage> {
    const { dir, from, filter } = query
    const { events, place, isOver } = await this.#walk(who.userId, roomId, { ...query, upTo: reader.upto }, filter)
    const [chunk, state] = await Promise.all([
      this.#texts(who, roomId, events),
      filter.lazyLoadMembers ? this.#senders(who, events[0], events) : [],
    ])
    const start = from ?? (dir === 'f' ? roomStart : { stream: this.#parts.streams.position('events') })
    return { start, end: isOver ? undefined : (place ?? start), chunk, state }
  }

  /** One event. Throws `M_NOT_FOUND` if the user may not see it. */
  async event(who: Requester, roomId: RoomId, eventId: string): Promise<string> {
    const { event } = await findVisible(this.#parts, who.userId, roomId, eventId)
    const [text = ''] = await this.#texts(who, roomId, [event])
    return text
  }

  /** The event nearest to a time that the user may see. Throws `M_FORBIDDEN`, or `M_NOT_FOUND` where there is none. */
  async nearest(who: Requester, roomId: RoomId, time: { ts: number; dir: Direction }): Promise<EventInTime> {
    return await findByTime(this.#parts, who.userId, roomId, time)
  }

  /** What came before and after an event, `limit` events in all. Throws `M_NOT_FOUND` if the user may not see it. */
  async context(
    who: Requester,
    roomId: RoomId,
    eventId: string,
    { limit, filter }: Pick<MessagesQuery, 'limit' | 'filter'>,
  ): Promise<EventContext> {
    const { event, reader } = await findVisible(this.#parts, who.userId, roomId, eventId)
    const [start, end] = [placeOf(event, 'b'), placeOf(event, 'f')]
    const half = Math.floor(limit / 2)
    const range = (dir: Direction, from: PaginationToken, length: number): EventRange => ({
      dir,
      from,
      limit: length,
      upTo: reader.upto,
    })
    const [before, after] = await Promise.all([
      this.#walk(who.userId, roomId, range('b', start, half), filter),
      this.#walk(who.userId, roomId, range('f', end, limit - half), filter),
    ])
    const events = [...before.events.toReversed(), event, ...after.events]
    const [[text = ''], textsBefore, textsAfter, state] = await Promise.all([
      this.#texts(who, roomId, [event]),
      this.#texts(who, roomId, before.events),
      this.#texts(who, roomId, after.events),
      this.#stateAt(who, events.at(-1) ?? event, filter, filter.lazyLoadMembers ? events : undefined),
    ])
    return {
      start: before.place ?? start,
      end: after.place ?? end,
      event: text,
      before: textsBefore,
      after: textsAfter,
      state,
    }
  }

  /** Goes on until `limit` events are found that the user may see and the filter lets through, or the room ends. */
  async #walk(userId: UserId, roomId: RoomId, range: EventRange, filter: CompiledEventFilter): Promise<Walk> {
    const { database, events: cache, visibility } = this.#parts
    const { limit } = range
    const events: StoredEvent[] = []
    let place = range.from
    const cut = await visibility.cutOf(roomId)
    if (limit === 0 || !filter.passesRoom(roomId)) return { events, place, isOver: limit > 0 }
    for (let pages = 0; pages < MAX_PAGES; pages++) {
      const next = { ...range, from: place, limit: pages === 0 ? limit : Math.max(limit, NEXT_PAGE) }
      const read = (): Promise<EventPage> =>
        listRoomEvents(database, roomId, next, { filter: filter.source, peek: (id) => cache.peek(id) })
      const page = range.dir === 'f' ? await read() : await this.#gaps.filled(roomId, next, read, cut)
      const seen = await visibility.visibleTo(userId, roomId, page.events)
      for (const event of seen) {
        if (!passes(event, filter)) continue
        events.push(event)
        if (events.length < limit) continue
        const isOver = page.next === undefined && event === page.events.at(-1)
        return { events, place: placeBeyond(event.row, range), isOver }
      }
      place = page.next ?? placeBeyond(page.events.at(-1)?.row, range) ?? place
      // With a filter the end is told by an empty page, as clients know it from other servers.
      if (!page.next) return { events, place, isOver: filter.passesAll || events.length === 0 }
    }
    return { events, place, isOver: false }
  }

  async #texts(who: Requester, roomId: RoomId, events: readonly StoredEvent[]): Promise<string[]> {
    if (events.length === 0) return []
    const memberships = await this.#membershipsAt(who.userId, roomId, events)
    return await this.#parts.clientEvents.texts(events, who, { memberships })
  }

  /** What the user was at each event; for what came after his last change of membership without a look at the state. */
  async #membershipsAt(
    userId: UserId,
    roomId: RoomId,
    events: readonly StoredEvent[],
  ): Promise<ReadonlyMap<EventId, string>> {
    const { members, visibility } = this.#parts
    const now = await members.find(roomId, userId)
    const isSince = ({ row }: StoredEvent): boolean => now !== undefined && (row.stream_id ?? 0) >= now.stream_id
    const earlier = events.filter((event) => !isSince(event))
    const memberships = new Map(earlier.length > 0 ? await visibility.membershipsAt(userId, earlier) : [])
    if (now) for (const event of events) if (isSince(event)) memberships.set(event.eventId, now.membership)
    return memberships
  }

  /** The members who sent these events, as they were at one of them. */
  async #senders(who: Requester, at: StoredEvent | undefined, events: readonly StoredEvent[]): Promise<string[]> {
    const { database, groups } = this.#parts
    const group = at?.row.state_group ?? null
    if (group === null) return []
    const state = await groups.find(database, group, memberKeysOf(events))
    return await this.#stateTexts(
      who,
      [...state.values()].map(({ eventId }) => eventId),
    )
  }

  /** The state after an event; of the members only those who sent one of `senders`, if given. */
  async #stateAt(
    who: Requester,
    event: StoredEvent,
    filter: CompiledEventFilter,
    senders: readonly StoredEvent[] | undefined,
  ): Promise<string[]> {
    const { database, groups } = this.#parts
    if (event.row.state_group === null) return []
    const wanted = senders && new Set<StateKey>(memberKeysOf(senders))
    const state = [...(await groups.load(database, event.row.state_group))]
    const ids = state
      .filter(([key]) => !wanted || !key.startsWith(memberPrefix) || wanted.has(key))
      .map(([, { eventId }]) => eventId)
    return await this.#stateTexts(who, ids, filter)
  }

  async #stateTexts(who: Requester, ids: readonly EventId[], filter?: CompiledEventFilter): Promise<string[]> {
    const found = [...(await this.#parts.events.list(ids)).values()]
    const state = filter ? found.filter((event) => passes(event, filter)) : found
    return await this.#parts.clientEvents.texts(state, who, { bundled: false })
  }
}

const memberPrefix = stateKeyOf('m.room.member', '')

function memberKeysOf(events: readonly StoredEvent[]): StateKey[] {
  return [...new Set(events.map(({ row }) => row.sender))].map((userId) => stateKeyOf('m.room.member', userId))
}

function passes(event: StoredEvent, filter: CompiledEventFilter): boolean {
  // Where nothing is asked of the content, events need not be parsed.
  return filter.passesAll || filter.passes(filter.looksInside ? event.pdu : event.row)
}

/** The place on the far side of an event. */
function placeOf({ row }: StoredEvent, dir: Direction): PaginationToken {
  return placeBeyond(row, { dir }) ?? roomStart
}
