/** Rooms that other servers may enter and leave through this one: those that this server is in. */
import { forbidden, invalidParam, notFound, refuse } from '../../../core/errors.ts'
import { isUserId, type RoomId, serverNameOf, type ServerName, type UserId } from '../../../core/ids.ts'
import { findRoomVersion, type RoomVersion } from '../../../core/room-version.ts'
import type { Database } from '../../../storage/database.ts'
import { findRoom } from '../../../storage/rooms.ts'
import type { Members } from '../../rooms/members.ts'
import type { PartialRooms } from '../../rooms/partial-rooms.ts'
import type { ServerAcls } from '../server-acl.ts'

/** A room that we have just joined will be whole soon. */
const PATIENCE_MS = 5_000

export class ResidentRooms {
  readonly #database: Database
  readonly #members: Members
  readonly #serverAcls: ServerAcls
  readonly #partialRooms: Pick<PartialRooms, 'isWhole'>

  constructor(parts: {
    readonly database: Database
    readonly members: Members
    readonly serverAcls: ServerAcls
    readonly partialRooms: Pick<PartialRooms, 'isWhole'>
  }) {
    this.#database = parts.database
    this.#members = parts.members
    this.#serverAcls = parts.serverAcls
    this.#partialRooms = parts.partialRooms
  }

  /** Throws `M_NOT_FOUND` for a room this server is not in, `M_FORBIDDEN` where the other one is shut out (T51). */
  async open(origin: ServerName, roomId: RoomId): Promise<RoomVersion> {
    const [room, isIn, mayTalk] = await Promise.all([
      findRoom(this.#database, roomId),
      this.#members.hasLocal(roomId),
      this.#serverAcls.mayTalk(roomId, origin),
    ])
    const version = room && findRoomVersion(room.version)
    if (!version || !isIn) throw notFound('This server is not in that room')
    if (!(await this.#partialRooms.isWhole(roomId, PATIENCE_MS)))
      throw notFound('This server does not know all members of that room yet')
    if (!mayTalk) throw forbidden('Your server is shut out of this room')
    return version
  }
}

/** A user id of the server that asks. Throws `M_INVALID_PARAM` for what is none, `M_FORBIDDEN` for users of others. */
export function ownUserOf(origin: ServerName, userId: string): UserId {
  if (!isUserId(userId)) throw invalidParam(`'${userId}' is not a user id`)
  if (serverNameOf(userId) !== origin) throw forbidden(`${userId} is not a user of ${origin}`)
  return userId
}

/** Throws `M_INCOMPATIBLE_ROOM_VERSION` unless the server that asks knows this room version. */
export function checkVersionKnown({ id }: RoomVersion, known: readonly string[]): void {
  if ((known.length > 0 ? known : ['1']).includes(id)) return
  throw refuse(400, 'M_INCOMPATIBLE_ROOM_VERSION', `The room is of version ${id}, which your server does not know`, {
    room_version: id,
  })
}
