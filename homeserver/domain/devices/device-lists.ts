/** Tells users that the devices or keys of somebody they share a room with are others now. */
import type { RoomId, UserId } from '../../core/ids.ts'
import type { Database, Tx } from '../../storage/database.ts'
import {
  listChangedUsers,
  listMoves,
  listOwnMoves,
  listSharingUsers,
  setDeviceListChange,
} from '../../storage/device-lists.ts'
import { listJoinedRooms, listMembers } from '../../storage/memberships.ts'
import type { Positions, Streams } from '../../storage/streams.ts'
import type { ChangedKeys, KeyAnnouncement, UnplacedChanges } from './hooks.ts'

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3keyschanges */
export interface DeviceListChanges {
  readonly changed: readonly UserId[]
  /** Those with whom no room is shared any more. */
  readonly left: readonly UserId[]
}

type Place = Pick<Positions, 'events' | 'device_lists'>

export class DeviceLists {
  readonly #database: Database
  readonly #streams: Streams
  readonly #announcements: readonly KeyAnnouncement[]
  readonly #unplaced: readonly UnplacedChanges[]

  constructor(parts: {
    database: Database
    streams: Streams
    announcements: readonly KeyAnnouncement[]
    unplacedChanges: readonly UnplacedChanges[]
  }) {
    this.#database = parts.database
    this.#streams = parts.streams
    this.#announcements = parts.announcements
    this.#unplaced = parts.unplacedChanges
  }

  /** To be called whenever what `/keys/query` says about a user of ours changes: keys, signatures, names, devices. */
  async announce(tx: Tx, userId: UserId, changed: ChangedKeys): Promise<void> {
    await this.tellOurs(tx, userId)
    for (const announcement of this.#announcements) await announcement.keysChanged(tx, userId, changed)
  }

  /** Tells only users of ours, also of changes elsewhere. */
  async tellOurs(tx: Tx, userId: UserId): Promise<void> {
    const rooms = await listJoinedRooms(tx, userId)
    const streamId = this.#streams.reserve(tx, 'device_lists', 1, { users: [userId], rooms })
    await setDeviceListChange(tx, userId, streamId)
  }

  /**
   * Whose keys `userId` has to ask for again and whose not to track any more. `rooms` tells where members may have come or
   * gone in that time, if the caller knows; without it all rooms of the user are looked at.
   */
  async changes(userId: UserId, from: Place, upto: Place, rooms?: readonly RoomId[]): Promise<DeviceListChanges> {
    const [changed, { arrived, departed }] = await Promise.all([
      from.device_lists < upto.device_lists ? this.#changed(userId, from.device_lists, upto.device_lists) : [],
      from.events < upto.events
        ? this.#moves(userId, from.events, upto.events, rooms)
        : { arrived: new Set<UserId>(), departed: new Set<UserId>() },
    ])
    const moved = [...arrived.union(departed)]
    if (moved.length === 0) return { changed, left: [] }
    const sharing = new Set(await listSharingUsers(this.#database, userId, moved))
    return {
      changed: [...new Set(changed).union(arrived.intersection(sharing))],
      left: [...departed.difference(sharing)],
    }
  }

  async #changed(userId: UserId, after: number, upto: number): Promise<UserId[]> {
    const placed = await listChangedUsers(this.#database, userId, after, upto)
    const unplaced = await Promise.all(this.#unplaced.map((source) => source.changedIn(userId, after, upto)))
    return [...new Set([...placed, ...unplaced.flat()])]
  }

  /** Whom the user met in a room, and whom in a room no more. */
  async #moves(
    userId: UserId,
    after: number,
    upto: number,
    rooms: readonly RoomId[] | undefined,
  ): Promise<{ arrived: Set<UserId>; departed: Set<UserId> }> {
    const db = this.#database
    const looked =
      rooms ?? (await Promise.all([listJoinedRooms(db, userId), listOwnMoves(db, userId, after, upto)])).flat()
    const [arrived, departed] = [new Set<UserId>(), new Set<UserId>()]
    const own = new Map<RoomId, boolean>()
    for (const { roomId, userId: mover, isJoined } of await listMoves(db, [...new Set(looked)], after, upto)) {
      if (mover === userId) own.set(roomId, isJoined)
      else (isJoined ? arrived : departed).add(mover)
    }
    for (const [roomId, isJoined] of own) {
      const members = await listMembers(db, roomId, 'join')
      // Who comes into a room shares it with himself, too: clients and Complement expect to hear of that.
      for (const { user_id } of members)
        if (isJoined || user_id !== userId) (isJoined ? arrived : departed).add(user_id)
    }
    return { arrived, departed }
  }
}
