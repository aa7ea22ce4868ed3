/** How much a user has not seen in all rooms together: the number at the icon of an app. */
import type { RoomId, UserId } from '../../core/ids.ts'
import type { Bell, Bus } from '../../platform/bus.ts'
import { Lru } from '../../platform/lru.ts'
import type { Database } from '../../storage/database.ts'
import type { Streams } from '../../storage/streams.ts'
import { listNotifyingRooms } from '../../storage/sync.ts'
import type { ReceiptNews } from '../ephemeral/receipts.ts'
import type { Members } from '../rooms/members.ts'
import { ChangeLog } from '../sync/change-log.ts'
import type { UnreadCounts } from './unread-counts.ts'

/** Counts in memory, one for each room of a user with anything unread. */
const MAX_COUNTS = 500_000

interface Known {
  /** The places in the streams up to which it was counted. */
  readonly events: number
  readonly receipts: number
  /** Rooms with anything unread. */
  readonly rooms: ReadonlyMap<RoomId, number>
}

export interface BadgesParts {
  readonly database: Database
  readonly bus: Bus
  readonly streams: Streams
  readonly members: Members
  readonly unreadCounts: UnreadCounts
}

export class Badges {
  readonly #parts: BadgesParts
  readonly #known = new Lru<UserId, Known>(MAX_COUNTS, ({ rooms }) => rooms.size + 1)
  /** Rooms by their last event, and by the last receipt of anybody. */
  readonly #events: ChangeLog
  readonly #receipts: ChangeLog

  constructor(parts: BadgesParts) {
    this.#parts = parts
    this.#events = new ChangeLog(parts.streams.position('events'))
    this.#receipts = new ChangeLog(parts.streams.position('receipts'))
    parts.bus.subscribe((bell) => this.#heard(bell))
  }

  /** Unread notifications in all rooms the user is joined to, and invites. */
  async of(userId: UserId): Promise<number> {
    const { streams, members } = this.#parts
    const [events, receipts] = [streams.position('events'), streams.position('receipts')]
    const known = this.#known.get(userId)
    const stale = known && this.#changedSince(known)
    const memberships = [...(await members.roomsOf(userId)).values()]
    const joined = memberships.filter(({ membership }) => membership === 'join').map((row) => row.room_id)
    const rooms = await (known && stale
      ? this.#recount(userId, events, joined, known.rooms, stale)
      : this.#count(userId, events, await listNotifyingRooms(this.#parts.database, joined)))
    this.#known.set(userId, { events, receipts, rooms })
    const invites = memberships.filter(({ membership, forgotten }) => membership === 'invite' && forgotten === 0)
    return [...rooms.values()].reduce((total, count) => total + count, invites.length)
  }

  /** Undefined where memory does not reach back. */
  #changedSince({ events, receipts }: Known): ReadonlySet<string> | undefined {
    const said = this.#events.changedSince(events)
    const read = this.#receipts.changedSince(receipts)
    return said && read ? new Set([...said, ...read]) : undefined
  }

  async #recount(
    userId: UserId,
    upto: number,
    joined: readonly RoomId[],
    known: ReadonlyMap<RoomId, number>,
    stale: ReadonlySet<string>,
  ): Promise<Map<RoomId, number>> {
    const stand = joined.filter((roomId) => !stale.has(roomId))
    const counted = await this.#count(
      userId,
      upto,
      joined.filter((roomId) => stale.has(roomId)),
    )
    for (const roomId of stand) counted.set(roomId, known.get(roomId) ?? 0)
    return onlyUnread(counted)
  }

  async #count(userId: UserId, upto: number, roomIds: readonly RoomId[]): Promise<Map<RoomId, number>> {
    const rooms = new Map<RoomId, number>()
    for (const [roomId, { main, threads }] of await this.#parts.unreadCounts.of(userId, roomIds, upto)) {
      let count = main.notifications
      for (const thread of threads.values()) count += thread.notifications
      rooms.set(roomId, count)
    }
    return onlyUnread(rooms)
  }

  #heard({ stream, position, keys, payload }: Bell): void {
    if (stream === 'events') for (const roomId of keys.rooms ?? []) this.#events.record(roomId, position)
    if (stream !== 'receipts') return
    const news = payload as ReceiptNews | undefined // only receipts.ts rings this stream
    if (!news) this.#known.clear()
    for (const { room_id: roomId } of news?.rows ?? []) this.#receipts.record(roomId, position)
  }
}

function onlyUnread(rooms: Map<RoomId, number>): Map<RoomId, number> {
  for (const [roomId, count] of rooms) if (count === 0) rooms.delete(roomId)
  return rooms
}
