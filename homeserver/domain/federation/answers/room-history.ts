/** Pieces of a room's history for servers that lack them. */
import type { EventId, ServerName } from '../../../core/ids.ts'
import { referenceIds } from '../../../core/event.ts'
import { notFound } from '../../../core/errors.ts'
import type { Database } from '../../../storage/database.ts'
import { eventStatus, type StoredEvent } from '../../../storage/events.ts'
import { type Direction, listEventsByTime, listRoomEvents } from '../../../storage/history.ts'
import type { EventCache } from '../../rooms/event-cache.ts'
import type { EventInTime } from '../../rooms/timestamp.ts'
import type { RoomAccess, Visitor } from './room-access.ts'
import type { ServerVisibility } from './visible-to-server.ts'

export interface HistoryAnswersParts {
  readonly database: Database
  readonly events: EventCache
  readonly access: RoomAccess
  readonly visibility: ServerVisibility
}

export interface MissingEventsQuery {
  readonly latest: readonly EventId[]
  readonly earliest: readonly EventId[]
  readonly limit: number
  readonly minDepth: number
}

/** T50: what one answer may cost. */
const MAX_BACKFILL = 100
const MAX_MISSING = 20
/** Events passed on the way, rejected ones included. */
const MAX_WALK = 256
const MAX_IN_TIME = 200

/** All throw as `RoomAccess` does. Events are JSON texts. */
export class HistoryAnswers {
  readonly #parts: HistoryAnswersParts

  constructor(parts: HistoryAnswersParts) {
    this.#parts = parts
  }

  /** https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1eventeventid */
  async event(origin: ServerName, eventId: string): Promise<string> {
    const { visitor, event } = await this.#parts.access.visitByEvent(origin, eventId)
    const [text = ''] = await this.#parts.visibility.texts(visitor, [event])
    return text
  }

  /**
   * The events and what preceded them, the latest first.
   * https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1backfillroomid
   */
  async backfill(
    origin: ServerName,
    roomId: string,
    { from, limit }: { readonly from: readonly EventId[]; readonly limit: number },
  ): Promise<string[]> {
    const { access, visibility } = this.#parts
    const visitor = await access.enter(origin, roomId)
    const walk = new Walk(await this.#eventsIn(visitor, from))
    const near = await this.#before(visitor, walk.latest)
    const wanted = Math.min(limit, MAX_BACKFILL)
    const found: StoredEvent[] = []
    for (let event = walk.next(); event && found.length < wanted; event = walk.next()) {
      if (event.row.status !== eventStatus.rejected) found.push(event)
      const missing = walk.unseen(event)
      const known = missing.flatMap((id) => near.get(id) ?? [])
      walk.add(known.length === missing.length ? known : await this.#eventsIn(visitor, missing))
    }
    return await visibility.texts(visitor, found)
  }

  /**
   * What came between two fronts of a room, the oldest first.
   * https://spec.matrix.org/v1.19/server-server-api/#post_matrixfederationv1get_missing_eventsroomid
   */
  async missing(
    origin: ServerName,
    roomId: string,
    { latest, earliest, limit, minDepth }: MissingEventsQuery,
  ): Promise<string[]> {
    const { access, visibility } = this.#parts
    const visitor = await access.enter(origin, roomId)
    const seen = new Set<EventId>([...earliest, ...latest])
    const wanted = Math.min(limit, MAX_MISSING)
    const found: StoredEvent[] = []
    let front = await this.#eventsIn(visitor, latest)
    for (let walked = 0; front.length > 0 && found.length < wanted && walked < MAX_WALK; walked += front.length) {
      const before = new Set(front.flatMap(({ pdu }) => referenceIds(pdu.prev_events)).filter((id) => !seen.has(id)))
      for (const id of before) seen.add(id)
      front = (await this.#eventsIn(visitor, [...before])).filter(({ row }) => row.depth >= minDepth)
      found.push(...front.filter(({ row }) => row.status !== eventStatus.rejected))
    }
    return await visibility.texts(visitor, found.slice(0, wanted).sort(byDepth))
  }

  /**
   * The event nearest to a time, in milliseconds since the epoch, that the server may see. Throws `M_NOT_FOUND` if
   * there is none. https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1timestamp_to_eventroomid
   */
  async nearest(
    origin: ServerName,
    roomId: string,
    time: { readonly ts: number; readonly dir: Direction },
  ): Promise<EventInTime> {
    const { access, visibility, database } = this.#parts
    const visitor = await access.enter(origin, roomId)
    for (let skip = 0, limit = 10; skip < MAX_IN_TIME; skip += limit, limit *= 2) {
      const events = await listEventsByTime(database, visitor.roomId, { ...time, limit, skip })
      const [event] = await visibility.visible(visitor, events)
      if (event) return { eventId: event.eventId, ts: event.row.origin_server_ts }
      if (events.length < limit) break
    }
    throw notFound(`There is no event ${time.dir === 'f' ? 'after' : 'before'} this time`)
  }

  /** Those of the events that are of this room and have a place in its history, be it one that is shown to nobody here. */
  async #eventsIn({ roomId }: Visitor, eventIds: readonly EventId[]): Promise<StoredEvent[]> {
    const found = await this.#parts.events.list(eventIds)
    return [...found.values()].filter((event) => event.roomId === roomId && event.row.state_group !== null)
  }

  /** The events just before this one, read at once: in a history without forks there are no others. */
  async #before({ roomId }: Visitor, latest: StoredEvent | undefined): Promise<Map<EventId, StoredEvent>> {
    if (!latest) return new Map()
    const { database, events } = this.#parts
    const from = { depth: latest.row.depth, stream: latest.row.stream_id ?? 0 }
    const page = await listRoomEvents(
      database,
      roomId,
      { dir: 'b', from, limit: MAX_BACKFILL },
      { peek: (id) => events.peek(id) },
    )
    return new Map(page.events.map((event) => [event.eventId, event]))
  }
}

function byDepth(a: StoredEvent, b: StoredEvent): number {
  return a.row.depth - b.row.depth || (a.row.stream_id ?? 0) - (b.row.stream_id ?? 0)
}

/** A walk back through a room's history, each event once, the deepest first. */
class Walk {
  readonly #seen = new Set<EventId>()
  readonly #queue: StoredEvent[] = []
  #length = 0

  constructor(start: readonly StoredEvent[]) {
    this.add(start)
  }

  /** The event that is next. */
  get latest(): StoredEvent | undefined {
    return this.#queue.at(-1)
  }

  add(events: readonly StoredEvent[]): void {
    for (const event of events) {
      if (this.#seen.has(event.eventId)) continue
      this.#seen.add(event.eventId)
      this.#queue.push(event)
    }
    this.#queue.sort(byDepth)
  }

  next(): StoredEvent | undefined {
    if (this.#length >= MAX_WALK) return undefined
    this.#length++
    return this.#queue.pop()
  }

  /** The parents of an event that were not passed yet. */
  unseen({ pdu }: StoredEvent): EventId[] {
    return referenceIds(pdu.prev_events).filter((id) => !this.#seen.has(id))
  }
}
