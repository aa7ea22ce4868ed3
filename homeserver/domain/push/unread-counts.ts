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
import type { ReceiptNews } from '../ephemeral/receipts.ts'
import type { EventNews } from '../rooms/news.ts'
import { isIn } from './push-column.ts'
import { type Counting, PushLogs } from './push-logs.ts'
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

/** Counts in memory. */
const MAX_COUNTED = 100_000
/** Rooms that are counted at once: an upper bound of what is read for that. */
const ROOMS_AT_ONCE = 50

/** One user's counts in one room, as of a place in the events stream. */
interface Counted extends RoomCounts {
  readonly upto: number
  readonly read: ReadMarks
}

const none: Counts = { notifications: 0, highlights: 0 }

export class UnreadCounts {
  readonly #database: Conn
  readonly #logs: PushLogs
  readonly #counted = new Lru<RoomId, Map<UserId, Counted>>(MAX_COUNTED, (users) => users.size + 1)
  /** Counts news, so that what was overtaken by some is not kept. */
  #version = 0

  constructor(parts: { database: Conn; bus: Bus; streams: Pick<Streams, 'position'> }) {
    this.#database = parts.database
    this.#logs = new PushLogs(parts)
    parts.bus.subscribe((bell) => this.#heard(bell))
  }

  /** The counts of a joined user in each of the rooms, of all events at or below `upto` in the events stream. */
  async of(userId: UserId, roomIds: readonly RoomId[], upto: number): Promise<ReadonlyMap<RoomId, RoomCounts>> {
    const found = new Map<RoomId, RoomCounts>()
    const unsure = roomIds.filter((roomId) => {
      const known = this.#counted.get(roomId)?.get(userId)
      if (!known || !this.#isTrueAt(known, roomId, upto)) return true
      found.set(roomId, known)
      return false
    })
    for (let from = 0; from < unsure.length; from += ROOMS_AT_ONCE) {
      for (const [roomId, counted] of await this.#count(userId, unsure.slice(from, from + ROOMS_AT_ONCE), upto)) {
        found.set(roomId, counted)
      }
    }
    return found
  }

  #isTrueAt({ upto: place }: Counted, roomId: RoomId, upto: number): boolean {
    return place === upto || (place < upto && !this.#logs.hasMoved(roomId, place))
  }

  async #count(userId: UserId, roomIds: readonly RoomId[], upto: number): Promise<ReadonlyMap<RoomId, Counted>> {
    const version = this.#version
    const begun = await this.#begin(userId, roomIds, upto)
    const places = new Map([...begun].map(([roomId, { upto: place }]) => [roomId, place]))
    const events = await this.#logs.list(places, upto)
    const found = new Map<RoomId, Counted>()
    for (const [roomId, counted] of begun) {
      const now = count(counted, events.get(roomId) ?? [], userId, upto)
      if (version === this.#version) this.#keep(userId, roomId, now)
      found.set(roomId, now)
    }
    return found
  }

  /** What is counted on from: the last counts, or nothing at the place where the user came in or has read everything. */
  async #begin(userId: UserId, roomIds: readonly RoomId[], upto: number): Promise<ReadonlyMap<RoomId, Counted>> {
    const begun = new Map<RoomId, Counted>()
    const unknown = roomIds.filter((roomId) => {
      const known = this.#counted.get(roomId)?.get(userId)
      if (!known || known.upto >= upto) return true
      begun.set(roomId, known)
      return false
    })
    if (unknown.length === 0) return begun
    for (const [roomId, read] of await readMarks(this.#database, userId, unknown)) {
      begun.set(roomId, { upto: read.all, read, main: none, threads: new Map() })
    }
    return begun
  }

  /** Callers for different places may come at the same time: the latest stays. */
  #keep(userId: UserId, roomId: RoomId, counted: Counted): void {
    const users = this.#counted.get(roomId) ?? new Map<UserId, Counted>()
    if ((users.get(userId)?.upto ?? -1) >= counted.upto) return
    users.set(userId, counted)
    this.#counted.set(roomId, users)
  }

  #heard({ stream, keys, payload }: Bell): void {
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
    for (const room of rooms) this.#counted.delete(room as RoomId) // keys of this stream are ids
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
