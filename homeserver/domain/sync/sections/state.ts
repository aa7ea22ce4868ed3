/** The state that goes with a timeline: what the client does not know of it, before the timeline or after it. */
import { referenceIds, type StateKey, stateKeyOf } from '../../../core/event.ts'
import type { CompiledEventFilter } from '../../../core/filter.ts'
import type { RoomId, UserId } from '../../../core/ids.ts'
import type { Database } from '../../../storage/database.ts'
import type { StoredEvent } from '../../../storage/events.ts'
import type { StateChange } from '../../../storage/rooms.ts'
import { findStateGroupAt, listCurrentState, listMemberEvents } from '../../../storage/sync.ts'
import { StateGroups } from '../../../storage/state-groups.ts'
import type { EventCache } from '../../rooms/event-cache.ts'
import type { Members } from '../../rooms/members.ts'
import type { PartialRooms } from '../../rooms/partial-rooms.ts'
import type { LazyMembers } from '../lazy-members.ts'
import type { RoomTails } from '../room-tails.ts'
import { filterable, type Span } from '../span.ts'
import type { Timeline } from './timeline.ts'

export interface RoomTimeline {
  readonly roomId: RoomId
  readonly timeline: Timeline
}

const memberType = 'm.room.member'

export class RoomStates {
  readonly #database: Database
  readonly #events: EventCache
  readonly #tails: RoomTails
  readonly #members: Members
  readonly #lazy: LazyMembers
  readonly #partialRooms: Pick<PartialRooms, 'has'>
  readonly #groups = new StateGroups()

  constructor(parts: {
    database: Database
    events: EventCache
    members: Members
    tails: RoomTails
    lazyMembers: LazyMembers
    partialRooms: Pick<PartialRooms, 'has'>
  }) {
    this.#database = parts.database
    this.#events = parts.events
    this.#tails = parts.tails
    this.#members = parts.members
    this.#lazy = parts.lazyMembers
    this.#partialRooms = parts.partialRooms
  }

  /** What of the state changed in a span, for a client that knows the state at its beginning. */
  async changed(
    span: Span,
    { roomId, timeline }: RoomTimeline,
    changes: readonly StateChange[],
  ): Promise<readonly StoredEvent[]> {
    const { state: filter } = span.filter
    const senders = filter.lazyLoadMembers ? sendersOf(timeline) : undefined
    const nids = span.stateAfter ? lastOf(changes) : beforeTimeline(changes, timeline)
    const events = nids.length === 0 ? [] : await this.#byNid(roomId, nids, timeline)
    const told = new Set(timeline.events.map(({ row }) => row.nid))
    const kept = events.filter(
      (event) =>
        !senders ||
        event.row.type !== memberType ||
        event.row.state_key === span.who.userId ||
        senders.has(event.row.state_key ?? '') ||
        (span.stateAfter !== undefined && (!timeline.limited || told.has(event.row.nid))),
    )
    if (!senders) return passing(kept, filter)
    return passing([...kept, ...(await this.#lazyMembers(span, roomId, timeline, senders, kept))], filter)
  }

  /** The whole state of rooms the client knows nothing of, by room. `heroes` are members it needs for the rooms' names. */
  async whole(
    span: Span,
    rooms: readonly RoomTimeline[],
    heroes: ReadonlyMap<RoomId, readonly UserId[]>,
  ): Promise<ReadonlyMap<RoomId, readonly StoredEvent[]>> {
    const { state: filter } = span.filter
    const ends = await this.#ends(span, rooms, heroes)
    const starts = span.stateAfter ? undefined : await this.#replacedBy(rooms)
    return new Map(
      rooms.map(({ roomId, timeline }) => {
        const end = ends.get(roomId) ?? []
        const state = starts ? beforeIn(end, timeline, starts) : end
        const kept = filter.lazyLoadMembers ? needed(state, timeline, span.who.userId, heroes.get(roomId)) : state
        if (filter.lazyLoadMembers) this.#remember(span, kept)
        return [roomId, passing(kept, filter)]
      }),
    )
  }

  /** The whole state before the timeline of a room that the user is in no more, as it was at his end. */
  async former(span: Span, { roomId, timeline }: RoomTimeline, end: number): Promise<readonly StoredEvent[]> {
    const group = await findStateGroupAt(this.#database, roomId, end)
    if (group === undefined) return []
    const entries = await this.#groups.load(this.#database, group)
    const events = await this.#events.list([...entries.values()].map(({ eventId }) => eventId))
    const state = [...events.values()]
    const before = span.stateAfter ? state : beforeIn(state, timeline, await this.#replacedBy([{ roomId, timeline }]))
    const { state: filter } = span.filter
    return passing(filter.lazyLoadMembers ? needed(before, timeline, span.who.userId, []) : before, filter)
  }

  /** The state of each room at the end of the span. */
  async #ends(
    span: Span,
    rooms: readonly RoomTimeline[],
    heroes: ReadonlyMap<RoomId, readonly UserId[]>,
  ): Promise<ReadonlyMap<RoomId, readonly StoredEvent[]>> {
    const ends = new Map<RoomId, readonly StoredEvent[]>()
    const unread: RoomTimeline[] = []
    for (const room of rooms) {
      if (holdsEverything(room.timeline)) ends.set(room.roomId, lastStateOf(room.timeline.events))
      else unread.push(room)
    }
    if (unread.length === 0) return ends
    const { lazyLoadMembers } = span.filter.state
    const roomIds = unread.map(({ roomId }) => roomId)
    const pairs = lazyLoadMembers ? unread.flatMap((room) => memberPairs(room, span.who.userId, heroes)) : []
    const [state, members] = await Promise.all([
      listCurrentState(this.#database, roomIds, { members: lazyLoadMembers ? 'none' : 'all' }),
      listMemberEvents(this.#database, pairs),
    ])
    const assumed = lazyLoadMembers ? await this.#assumedMembers(unread, members) : []
    const current = await this.#rewound([...state, ...members, ...assumed], span.upto.events)
    for (const [roomId, events] of Map.groupBy(current, (event) => event.roomId)) ends.set(roomId, events)
    return ends
  }

  /** State that came after the end of the span goes back to what it replaced. */
  async #rewound(events: readonly StoredEvent[], upto: number): Promise<StoredEvent[]> {
    const isEarly = ({ row }: StoredEvent): boolean => (row.stream_id ?? 0) <= upto
    const kept = events.filter(isEarly)
    for (let late = events.filter((event) => !isEarly(event)); late.length > 0;) {
      const before = await this.#events.listByNid(late.flatMap(({ row }) => row.replaces_nid ?? []))
      kept.push(...[...before.values()].filter(isEarly))
      late = [...before.values()].filter((event) => !isEarly(event))
    }
    return kept
  }

  /** What the first state events of the timelines replaced, by its interned id. */
  async #replacedBy(rooms: readonly RoomTimeline[]): Promise<ReadonlyMap<number, StoredEvent>> {
    const nids = rooms.flatMap(({ timeline }) =>
      holdsEverything(timeline) ? [] : [...firstStateOf(timeline.events).values()],
    )
    return nids.length === 0 ? new Map() : await this.#events.listByNid(nids)
  }

  async #byNid(roomId: RoomId, nids: readonly number[], timeline: Timeline): Promise<StoredEvent[]> {
    const inTimeline = new Map(timeline.events.map((event) => [event.row.nid, event]))
    const found: StoredEvent[] = []
    const missing: number[] = []
    for (const nid of nids) {
      const event = inTimeline.get(nid) ?? this.#tails.find(roomId, nid)
      if (event) found.push(event)
      else missing.push(nid)
    }
    if (missing.length > 0) found.push(...(await this.#events.listByNid(missing)).values())
    return found
  }

  /** Of those who sent something in the timeline, what the client has not been told yet. */
  async #lazyMembers(
    span: Span,
    roomId: RoomId,
    timeline: Timeline,
    senders: ReadonlySet<string>,
    known: readonly StoredEvent[],
  ): Promise<StoredEvent[]> {
    const told = new Set([...timeline.events, ...known].filter(isMember).map(({ row }) => row.state_key))
    const joined = this.#members.peekJoined(roomId) ?? (await this.#members.joined(roomId))
    const wanted = ([...senders] as UserId[]).filter((sender) => {
      const nid = joined.get(sender)?.event_nid
      return !told.has(sender) && (nid === undefined || !this.#lazy.knows(span, roomId, sender, nid))
    })
    if (wanted.length === 0) return []
    const pairs = wanted.map((userId) => [roomId, userId] as const)
    const members = await listMemberEvents(this.#database, pairs)
    const assumed = await this.#assumedMembers([{ roomId, timeline }], members, new Set(wanted))
    return await this.#rewound([...members, ...assumed], span.upto.events)
  }

  /** In partial rooms: senders whose member events are not known yet, as their own events cite them. */
  async #assumedMembers(
    rooms: readonly RoomTimeline[],
    known: readonly StoredEvent[],
    among?: ReadonlySet<string>,
  ): Promise<StoredEvent[]> {
    const ids = rooms
      .filter(({ roomId }) => this.#partialRooms.has(roomId))
      .flatMap(({ timeline }) => timeline.events.flatMap(({ pdu }) => referenceIds(pdu.auth_events)))
    if (ids.length === 0) return []
    const keyOf = ({ roomId, row }: StoredEvent): string => `${roomId} ${row.state_key}`
    const told = new Set(known.map(keyOf))
    const cited = (await this.#events.list(ids)).values().filter((event) => isMember(event) && !told.has(keyOf(event)))
    const wanted = [...cited].filter(({ row }) => among?.has(row.state_key ?? '') !== false)
    return [...new Map(wanted.map((event) => [keyOf(event), event])).values()]
  }

  #remember(span: Span, state: readonly StoredEvent[]): void {
    for (const { roomId, row } of state) {
      if (row.type === memberType) this.#lazy.knows(span, roomId, row.state_key, row.nid)
    }
  }
}

/** Whether the timeline goes back to the creation of the room, so that it holds all of its state. */
function holdsEverything({ whole, start, events }: Timeline): boolean {
  return whole && start === 0 && events[0]?.row.type === 'm.room.create'
}

function lastStateOf(events: readonly StoredEvent[]): StoredEvent[] {
  const state = new Map<StateKey, StoredEvent>()
  for (const event of events) {
    if (event.row.state_key !== null) state.set(stateKeyOf(event.row.type, event.row.state_key), event)
  }
  return [...state.values()]
}

/** For each key that the timeline changes, what it was before; keys that were not there before are left out. */
function firstStateOf(events: readonly StoredEvent[]): ReadonlyMap<StateKey, number> {
  const seen = new Set<StateKey>()
  const before = new Map<StateKey, number>()
  for (const { row } of events) {
    if (row.state_key === null) continue
    const key = stateKeyOf(row.type, row.state_key)
    if (!seen.has(key) && row.replaces_nid !== null) before.set(key, row.replaces_nid)
    seen.add(key)
  }
  return before
}

/** The state before the timeline, given the one at its end: what the timeline itself tells is taken back. */
function beforeIn(
  end: readonly StoredEvent[],
  timeline: Timeline,
  replaced: ReadonlyMap<number, StoredEvent>,
): StoredEvent[] {
  if (holdsEverything(timeline)) return []
  const told = new Set(timeline.events.map(({ row }) => row.nid))
  const before = [...firstStateOf(timeline.events).values()].flatMap((nid) => replaced.get(nid) ?? [])
  const kept = end.filter(({ row }) => !told.has(row.nid))
  const keys = new Set(kept.map(({ row }) => stateKeyOf(row.type, row.state_key ?? '')))
  return [...kept, ...before.filter(({ row }) => !keys.has(stateKeyOf(row.type, row.state_key ?? '')))]
}

function lastOf(changes: readonly StateChange[]): number[] {
  const last = new Map(changes.map((change) => [stateKeyOf(change.type, change.stateKey), change.nid]))
  return [...last.values()].flatMap((nid) => nid ?? [])
}

/** The events that bring a client from the state it knows to the one before the timeline. */
function beforeTimeline(changes: readonly StateChange[], { events, start }: Timeline): number[] {
  if (changes.length === 0) return []
  const told = new Set(events.map(({ row }) => row.nid))
  const last = new Map<StateKey, StateChange>()
  const early = new Map<StateKey, StateChange>()
  for (const change of changes) {
    const key = stateKeyOf(change.type, change.stateKey)
    last.set(key, change)
    if (change.streamId <= start) early.set(key, change)
  }
  return [...last].flatMap(([key, { nid }]) => (nid !== undefined && told.has(nid) ? early.get(key)?.nid : nid) ?? [])
}

function isMember({ row }: StoredEvent): boolean {
  return row.type === memberType
}

function sendersOf({ events }: Timeline): ReadonlySet<string> {
  return new Set(events.map(({ row }) => row.sender))
}

/** State without the members that a client with lazy loading can do without. */
function needed(
  state: readonly StoredEvent[],
  timeline: Timeline,
  userId: UserId,
  heroes: readonly UserId[] = [],
): readonly StoredEvent[] {
  const wanted = new Set<string | null>([...sendersOf(timeline), userId, ...heroes])
  return state.filter((event) => !isMember(event) || wanted.has(event.row.state_key))
}

function memberPairs(
  { roomId, timeline }: RoomTimeline,
  userId: UserId,
  heroes: ReadonlyMap<RoomId, readonly UserId[]>,
): (readonly [RoomId, UserId])[] {
  const wanted = new Set([...sendersOf(timeline), userId, ...(heroes.get(roomId) ?? [])])
  return [...wanted].map((member) => [roomId, member as UserId] as const) // senders are users
}

function passing(events: readonly StoredEvent[], filter: CompiledEventFilter): readonly StoredEvent[] {
  const ofRooms = events.filter(({ roomId }) => filter.passesRoom(roomId))
  return filter.passesAll ? ofRooms : ofRooms.filter((event) => filter.passes(filterable(event)))
}
