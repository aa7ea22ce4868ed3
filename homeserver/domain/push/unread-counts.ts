/**
 * Unread counts. They are counted from the events and receipts themselves and kept up to date in memory, so they cannot
 * drift: whatever is wrong is right again at the next count.
 *
 * An own event that is no state counts as having read the timeline or thread it is in, and so does joining.
 */
import type { EventId, RoomId, UserId } from '../../core/ids.ts'
import type { Bell, Bus } from '../../platform/bus.ts'
import { Lru } from '../../platform/lru.ts'
import type { Conn } from '../../storage/database.ts'
import type { Streams } from '../../storage/streams.ts'
import { listPushEvents } from '../../storage/unread.ts'
import { ChangeLog } from '../sync/change-log.ts'
import type { ReceiptNews } from '../ephemeral/receipts.ts'
import type { EventNews } from '../rooms/news.ts'
import { decodeNotified, isIn, type Notified } from './push-column.ts'
import { isRead, type ReadMarks, readMarks } from './read-marks.ts'

interface Counts {
  readonly notifications: number
  readonly highlights: number
}

export interface RoomCounts {
  /** What is in no thread. */
  readonly main: Counts
  /** Threads with unread events, by their roots. */
  readonly threads: ReadonlyMap<EventId, Counts>
}

/** Events of one room that are counted; what is before them is not. */
const MAX_EVENTS = 2_000
/** Events in memory, and counts. */
const MAX_LOGGED = 200_000
const MAX_COUNTED = 100_000

interface Counting extends Notified {
  readonly streamId: number
  readonly sender: UserId
  readonly thread: EventId | undefined
  readonly isState: boolean
}

/** The latest events of a room that matter for counts: all there are in (since, upto]. */
interface RoomLog {
  readonly since: number
  readonly upto: number
  readonly events: readonly Counting[]
}

/** One user's counts in one room, as of a place in the events stream. */
interface Counted extends RoomCounts {
  readonly upto: number
  readonly read: ReadMarks
}

const none: Counts = { notifications: 0, highlights: 0 }

export class UnreadCounts {
  readonly #database: Conn
  readonly #logs = new Lru<RoomId, RoomLog>(MAX_LOGGED, ({ events }) => events.length + 1)
  /** When each room got its last event: what was counted after that is true until the next. */
  readonly #moves: ChangeLog
  readonly #counted = new Lru<RoomId, Map<UserId, Counted>>(MAX_COUNTED, (users) => users.size + 1)
  /** Counts news, so that what was overtaken by some is not kept. */
  #version = 0

  constructor({ database, bus, streams }: { database: Conn; bus: Bus; streams: Pick<Streams, 'position'> }) {
    this.#database = database
    this.#moves = new ChangeLog(streams.position('events'))
    bus.subscribe((bell) => this.#heard(bell))
  }

  /** The counts of a joined user, of all events at or below `upto` in the events stream. */
  async of(userId: UserId, roomId: RoomId, upto: number): Promise<RoomCounts> {
    const version = this.#version
    const known = this.#counted.get(roomId)?.get(userId)
    if (known && this.#isTrueAt(known, roomId, upto)) return known
    const begun = known && known.upto < upto ? known : await this.#begin(userId, roomId)
    const events = await this.#eventsOf(roomId, begun.upto, upto)
    const counted = count(begun, events, userId, upto)
    if (version === this.#version) this.#keep(userId, roomId, counted)
    return counted
  }

  #isTrueAt({ upto: place }: Counted, roomId: RoomId, upto: number): boolean {
    return place === upto || (place < upto && !this.#moves.hasChanged(roomId, place))
  }

  async #begin(userId: UserId, roomId: RoomId): Promise<Counted> {
    const read = await readMarks(this.#database, userId, roomId)
    return { upto: read.all, read, main: none, threads: new Map() }
  }

  /** Callers for different places may come at the same time: the latest stays. */
  #keep(userId: UserId, roomId: RoomId, counted: Counted): void {
    const users = this.#counted.get(roomId) ?? new Map<UserId, Counted>()
    if ((users.get(userId)?.upto ?? -1) >= counted.upto) return
    users.set(userId, counted)
    this.#counted.set(roomId, users)
  }

  /** At least the events in (since, upto], from memory as far as it reaches. */
  async #eventsOf(roomId: RoomId, since: number, upto: number): Promise<readonly Counting[]> {
    const version = this.#version
    const known = this.#logs.get(roomId)
    const reaches = known !== undefined && known.since <= since
    if (reaches && known.upto >= upto) return known.events
    const log = reaches
      ? await extend(this.#database, roomId, known, upto)
      : await read(this.#database, roomId, since, upto)
    const kept = this.#logs.get(roomId)
    const isBetter = !kept || kept.upto < log.upto || (kept.upto === log.upto && kept.since > log.since)
    if (version === this.#version && isBetter) this.#logs.set(roomId, log)
    return log.events
  }

  #heard({ stream, position, keys, payload }: Bell): void {
    if (stream === 'events') for (const roomId of keys.rooms ?? []) this.#moves.record(roomId, position)
    if (stream === 'receipts') this.#heardReceipts(payload as ReceiptNews | undefined) // only receipts.ts rings it
    if (stream === 'events' && payload !== undefined) this.#heardEvents(payload as EventNews, keys.rooms ?? [])
  }

  #heardReceipts(news: ReceiptNews | undefined): void {
    this.#version++
    if (!news) this.#counted.clear()
    for (const { room_id, user_id } of news?.rows ?? []) this.#counted.get(room_id)?.delete(user_id)
  }

  /** A redacted event counts no more, and who comes into a room begins anew. */
  #heardEvents({ redacted, memberships }: EventNews, rooms: readonly string[]): void {
    if (redacted.length === 0 && memberships.length === 0) return
    this.#version++
    for (const { room_id, user_id } of memberships) this.#counted.get(room_id)?.delete(user_id)
    if (redacted.length === 0) return
    for (const room of rooms) {
      this.#logs.delete(room as RoomId) // keys of this stream are ids
      this.#counted.delete(room as RoomId)
    }
  }
}

function count(begun: Counted, events: readonly Counting[], userId: UserId, upto: number): Counted {
  const { read } = begun
  let { main } = begun
  const threads = new Map(begun.threads)
  for (let index = firstAfter(events, begun.upto); index < events.length; index++) {
    const event = events[index]
    if (!event || event.streamId > upto) break
    const { thread } = event
    if (event.sender === userId) {
      if (event.isState) continue
      if (thread === undefined) main = none
      else threads.delete(thread)
    } else if (isIn(event.n, userId) && !isRead(read, event)) {
      const isHighlight = isIn(event.h, userId)
      if (thread === undefined) main = more(main, isHighlight ? 1 : 0)
      else threads.set(thread, more(threads.get(thread) ?? none, isHighlight ? 1 : 0))
    }
  }
  return { upto, read, main, threads }
}

function more({ notifications, highlights }: Counts, highlight: 0 | 1): Counts {
  return { notifications: notifications + 1, highlights: highlights + highlight }
}

function firstAfter(events: readonly Counting[], position: number): number {
  let low = 0
  let high = events.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((events[middle]?.streamId ?? 0) > position) high = middle
    else low = middle + 1
  }
  return low
}

async function read(conn: Conn, roomId: RoomId, since: number, upto: number): Promise<RoomLog> {
  const rows = await listPushEvents(conn, roomId, { since, upto, limit: MAX_EVENTS })
  const events = rows.map((row): Counting => ({
    ...decodeNotified(row.push),
    streamId: row.stream_id,
    sender: row.sender,
    thread: row.thread_root ?? undefined,
    isState: row.state_key !== null,
  }))
  return events.length < MAX_EVENTS ? { since, upto, events } : { since: beforeFirst(events), upto, events }
}

async function extend(conn: Conn, roomId: RoomId, log: RoomLog, upto: number): Promise<RoomLog> {
  const added = await read(conn, roomId, log.upto, upto)
  if (added.since > log.upto) return added
  const events = [...log.events, ...added.events]
  if (events.length <= 2 * MAX_EVENTS) return { since: log.since, upto, events }
  const kept = events.slice(-MAX_EVENTS)
  return { since: beforeFirst(kept), upto, events: kept }
}

function beforeFirst([first]: readonly Counting[]): number {
  return (first?.streamId ?? 0) - 1
}
