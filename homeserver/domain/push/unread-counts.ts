/**
 * Unread counts. They are counted from the events and receipts themselves and kept up to date in memory, so they cannot
 * drift: whatever is wrong is right again at the next count.
 *
 * An own event in a timeline or thread counts as having read it, and so does joining.
 */
import { parseJson } from '../../core/canonical-json.ts'
import type { Pdu } from '../../core/event.ts'
import type { EventId, RoomId, UserId } from '../../core/ids.ts'
import type { Bell, Bus } from '../../platform/bus.ts'
import { Lru } from '../../platform/lru.ts'
import type { Conn, Database } from '../../storage/database.ts'
import { listReceiptsOf, type ReceiptRow } from '../../storage/receipts.ts'
import { listMemberChanges, listPushEvents } from '../../storage/unread.ts'
import type { ReceiptNews } from '../ephemeral/receipts.ts'
import { decodeNotified, isIn, type Notified } from './push-column.ts'

export interface Counts {
  readonly notifications: number
  readonly highlights: number
}

export interface RoomCounts {
  /** What is in no thread. */
  readonly main: Counts
  /** Threads with unread events, by their roots. */
  readonly threads: ReadonlyMap<EventId, Counts>
}

/** Rooms whose latest notifying events are in memory, and how many of each; what is beyond is not counted. */
const MAX_ROOMS = 2_000
const MAX_EVENTS = 2_000
const MAX_COUNTS = 100_000
const MAX_MEMBER_CHANGES = 100

interface Notifying extends Notified {
  readonly streamId: number
  readonly sender: UserId
  readonly thread: EventId | undefined
}

/** The latest notifying events of a room: all there are in (since, upto]. */
interface RoomLog {
  readonly since: number
  upto: number
  events: Notifying[]
}

interface Tally {
  notifications: number
  highlights: number
}

/** One user's counts in one room, as of a position. */
interface Counted {
  upto: number
  readonly read: ReadMarks
  readonly main: Tally
  readonly threads: Map<EventId, Tally>
}

/** Up to where the user has read. */
interface ReadMarks {
  /** Everything, in threads too. */
  readonly all: number
  readonly main: number
  readonly threads: ReadonlyMap<string, number>
}

export class UnreadCounts {
  readonly #database: Database
  readonly #logs = new Lru<RoomId, Promise<RoomLog>>(MAX_ROOMS)
  readonly #counted = new Lru<string, Counted>(MAX_COUNTS)

  constructor({ database, bus }: { database: Database; bus: Bus }) {
    this.#database = database
    bus.subscribe((bell) => this.#heard(bell))
  }

  /** The counts of a joined user, of all events at or below `upto` in the events stream. */
  async of(userId: UserId, roomId: RoomId, upto: number): Promise<RoomCounts> {
    const key = `${roomId} ${userId}`
    let counted = this.#counted.get(key)
    if (!counted || counted.upto > upto) {
      const read = await this.#readMarks(userId, roomId)
      counted = { upto: read.all, read, main: { notifications: 0, highlights: 0 }, threads: new Map() }
      this.#counted.set(key, counted)
    }
    if (counted.upto < upto) count(counted, await this.#eventsOf(roomId, counted.upto, upto), userId, upto)
    return counted
  }

  /** Events in (since, upto] that notify somebody, from memory as far as it reaches. */
  async #eventsOf(roomId: RoomId, since: number, upto: number): Promise<readonly Notifying[]> {
    // In line behind who asked before, so that a hundred who wake for one event read it once.
    const next = this.#reaching(roomId, this.#logs.get(roomId), since, upto)
    this.#logs.set(roomId, next)
    next.catch(() => this.#logs.delete(roomId))
    return (await next).events
  }

  async #reaching(roomId: RoomId, before: Promise<RoomLog> | undefined, since: number, upto: number): Promise<RoomLog> {
    const log = await before?.catch(() => undefined)
    if (!log || log.since > since) return await read(this.#database, roomId, since, upto)
    return log.upto >= upto ? log : await extend(this.#database, roomId, log, upto)
  }

  async #readMarks(userId: UserId, roomId: RoomId): Promise<ReadMarks> {
    const [receipts, changes] = await Promise.all([
      listReceiptsOf(this.#database, roomId, [userId]),
      listMemberChanges(this.#database, roomId, userId, MAX_MEMBER_CHANGES),
    ])
    const joined = joinedAt(changes)
    const latest = (rows: readonly ReceiptRow[]): number => rows.reduce((at, row) => Math.max(at, row.event_stream), 0)
    const threads = new Map<string, number>()
    for (const row of receipts) {
      threads.set(row.thread_id, Math.max(threads.get(row.thread_id) ?? 0, row.event_stream))
    }
    return {
      all: Math.max(joined, latest(receipts.filter((row) => row.thread_id === ''))),
      main: threads.get('main') ?? 0,
      threads,
    }
  }

  #heard(bell: Bell): void {
    if (bell.stream === 'events' && bell.payload !== undefined) {
      const { redacted } = bell.payload as { redacted?: readonly EventId[] } // EventNews
      if (redacted?.length) for (const room of bell.keys.rooms ?? []) this.#forget(room as RoomId)
    }
    if (bell.stream !== 'receipts') return
    const news = bell.payload as ReceiptNews | undefined // only receipts.ts rings this stream
    if (!news) this.#counted.clear()
    for (const { room_id, user_id } of news?.rows ?? []) this.#counted.delete(`${room_id} ${user_id}`)
  }

  /** A redacted event counts no more. */
  #forget(roomId: RoomId): void {
    this.#logs.delete(roomId)
    for (const key of this.#counted.keys()) if (key.startsWith(`${roomId} `)) this.#counted.delete(key)
  }
}

function count(counted: Counted, events: readonly Notifying[], userId: UserId, upto: number): void {
  const from = firstAfter(events, counted.upto)
  for (let index = from; index < events.length; index++) {
    const event = events[index]
    if (!event || event.streamId > upto) break
    const { thread } = event
    if (event.sender === userId) clear(counted, thread)
    else if (!isRead(counted.read, event) && isIn(event.n, userId)) {
      const tally = tallyOf(counted, thread)
      tally.notifications++
      if (isIn(event.h, userId)) tally.highlights++
    }
  }
  counted.upto = upto
}

function firstAfter(events: readonly Notifying[], position: number): number {
  let low = 0
  let high = events.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((events[middle]?.streamId ?? 0) > position) high = middle
    else low = middle + 1
  }
  return low
}

function isRead({ main, threads }: ReadMarks, { thread, streamId }: Notifying): boolean {
  return streamId <= (thread === undefined ? main : (threads.get(thread) ?? 0))
}

function tallyOf({ main, threads }: Counted, thread: EventId | undefined): Tally {
  if (thread === undefined) return main
  const known = threads.get(thread)
  if (known) return known
  const tally = { notifications: 0, highlights: 0 }
  threads.set(thread, tally)
  return tally
}

function clear({ main, threads }: Counted, thread: EventId | undefined): void {
  if (thread !== undefined) threads.delete(thread)
  else main.notifications = main.highlights = 0
}

async function read(conn: Conn, roomId: RoomId, since: number, upto: number): Promise<RoomLog> {
  const events = await notifying(conn, roomId, since, upto)
  return { since, upto, events }
}

async function extend(conn: Conn, roomId: RoomId, log: RoomLog, upto: number): Promise<RoomLog> {
  if (log.upto >= upto) return log
  const events = [...log.events, ...(await notifying(conn, roomId, log.upto, upto))]
  if (events.length <= MAX_EVENTS * 2) return { since: log.since, upto, events }
  const kept = events.slice(-MAX_EVENTS)
  return { since: (kept[0]?.streamId ?? 1) - 1, upto, events: kept }
}

async function notifying(conn: Conn, roomId: RoomId, since: number, upto: number): Promise<Notifying[]> {
  const rows = await listPushEvents(conn, roomId, { since, upto, limit: MAX_EVENTS })
  return rows.map((row) => ({
    ...decodeNotified(row.push),
    streamId: row.stream_id,
    sender: row.sender,
    thread: row.thread_root ?? undefined,
  }))
}

/** The position at which the user last came into the room. */
function joinedAt(changes: readonly { stream_id: number; json: string }[]): number {
  let at = 0
  for (const { stream_id: position, json } of changes) {
    // What is stored was a PDU when it was checked.
    if ((parseJson(json) as Pdu).content['membership'] !== 'join') break
    at = position
  }
  return at
}
