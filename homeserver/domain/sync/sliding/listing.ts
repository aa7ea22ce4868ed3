/** All rooms that lists can show to a user, in their order. Kept, because from one request to the next few rooms move. */
import type { RoomId, UserId } from '../../../core/ids.ts'
import type { Database } from '../../../storage/database.ts'
import type { MembershipRow } from '../../../storage/memberships.ts'
import type { Positions } from '../../../storage/streams.ts'
import { findIgnoredInviters } from '../../rooms/invite-permission.ts'
import type { IgnoredUsers } from '../../rooms/visibility.ts'
import type { Notifier } from '../notifier.ts'
import type { RoomTraits, RoomTraitsCache } from './room-traits.ts'

/** A room as lists show it. */
export interface ListedRoom {
  readonly row: MembershipRow
  /** Undefined for rooms that this server or the user is not in. */
  readonly traits: RoomTraits | undefined
  /** Greater is later. */
  readonly bumpStamp: number
}

/** Those the user is in or may come into, and those he was thrown out of; the latest first. */
export type Listing = readonly ListedRoom[]

type ByRoom = ReadonlyMap<RoomId, MembershipRow>

interface Kept {
  readonly listing: Listing
  readonly upto: Positions
}

export class Listings {
  readonly #database: Database
  readonly #notifier: Notifier
  readonly #ignored: IgnoredUsers
  readonly #traits: RoomTraitsCache
  /** By what is in memory of a user's rooms, and no longer than that. */
  readonly #kept = new WeakMap<ByRoom, Kept>()

  constructor(parts: { database: Database; notifier: Notifier; ignored: IgnoredUsers; traits: RoomTraitsCache }) {
    this.#database = parts.database
    this.#notifier = parts.notifier
    this.#ignored = parts.ignored
    this.#traits = parts.traits
  }

  /** `current` is what `rooms` was copied from, as they were at `upto`: it goes on changing, and stands for its user. */
  async of(userId: UserId, current: ByRoom, rooms: ByRoom, upto: Positions): Promise<Listing> {
    const kept = this.#kept.get(current)
    const moved = kept && this.#movedSince(kept.upto, userId, rooms, upto)
    const listing =
      kept && moved ? await this.#moved(kept.listing, moved, upto) : await this.#whole(userId, rooms, upto)
    if (upto.events >= (this.#kept.get(current)?.upto.events ?? 0)) this.#kept.set(current, { listing, upto })
    return listing
  }

  /** Undefined where memory does not reach back, or where whom the user ignores decides. */
  #movedSince(place: Positions, userId: UserId, rooms: ByRoom, upto: Positions): readonly MembershipRow[] | undefined {
    if (place.events > upto.events) return undefined
    if (this.#notifier.userChanged('account_data', userId, place.account_data)) return undefined
    const moved = this.#notifier.roomsChanged('events', place.events)?.flatMap((roomId) => rooms.get(roomId) ?? [])
    return moved?.some(({ membership }) => membership === 'invite') ? undefined : moved
  }

  async #whole(userId: UserId, rooms: ByRoom, upto: Positions): Promise<Listing> {
    const listed = await this.#list(await this.#withoutIgnored(userId, [...rooms.values()]), upto)
    return listed.sort(compare)
  }

  async #moved(listing: Listing, moved: readonly MembershipRow[], upto: Positions): Promise<Listing> {
    if (moved.length === 0) return listing
    const ids = new Set(moved.map(({ room_id }) => room_id))
    const changed = (await this.#list(moved, upto)).sort(compare)
    const stayed = listing.filter(({ row }) => !ids.has(row.room_id))
    return merged(changed, stayed)
  }

  async #list(rows: readonly MembershipRow[], upto: Positions): Promise<ListedRoom[]> {
    const shown = rows.filter((row) => isListed(row) && row.stream_id <= upto.events)
    const traits = await this.#traits.list(shown.map(({ room_id }) => room_id))
    return shown.map((row) => listedRoom(row, traits.get(row.room_id)))
  }

  async #withoutIgnored(userId: UserId, rows: readonly MembershipRow[]): Promise<readonly MembershipRow[]> {
    if (!rows.some(({ membership }) => membership === 'invite')) return rows
    const [ignored, isIgnored] = await Promise.all([
      this.#ignored.of(userId),
      findIgnoredInviters(this.#database, userId),
    ])
    return rows.filter(
      ({ membership, sender }) => membership !== 'invite' || !(ignored.has(sender) || isIgnored(sender)),
    )
  }
}

function listedRoom(row: MembershipRow, traits: RoomTraits | undefined): ListedRoom {
  // Who was thrown out is told nothing of what became of the room, not even by way of a filter (T40).
  const isOut = row.membership === 'leave' || row.membership === 'ban'
  const bumped = row.membership === 'join' ? traits?.bumped : undefined
  return { row, traits: isOut ? undefined : traits, bumpStamp: bumped || row.stream_id }
}

/** Who left by himself knows it. */
function isListed({ membership, sender, user_id: userId, forgotten }: MembershipRow): boolean {
  if (membership === 'join' || membership === 'invite' || membership === 'knock') return true
  return forgotten === 0 && sender !== userId
}

function compare(a: ListedRoom, b: ListedRoom): number {
  return b.bumpStamp - a.bumpStamp || (a.row.room_id < b.row.room_id ? -1 : 1)
}

/** Both in order. */
function merged(few: Listing, many: Listing): Listing {
  const rooms: ListedRoom[] = []
  let next = 0
  for (const room of many) {
    for (let other = few[next]; other && compare(other, room) < 0; other = few[++next]) rooms.push(other)
    rooms.push(room)
  }
  return [...rooms, ...few.slice(next)]
}
