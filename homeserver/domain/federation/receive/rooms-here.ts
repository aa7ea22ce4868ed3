/** Which rooms take events of other servers. */
import { forbidden, notFound } from '../../../core/errors.ts'
import type { RoomId, ServerName } from '../../../core/ids.ts'
import { findRoomVersion, type RoomVersion } from '../../../core/room-version.ts'
import { Lru } from '../../../platform/lru.ts'
import type { Database } from '../../../storage/database.ts'
import { findRoom } from '../../../storage/rooms.ts'
import type { Members } from '../../rooms/members.ts'
import type { ServerAcls } from '../server-acl.ts'

const MAX_ROOMS = 20_000

export class RoomsHere {
  readonly #parts: { readonly database: Database; readonly members: Members; readonly serverAcls: ServerAcls }
  /** A room's version never changes. */
  readonly #versions = new Lru<RoomId, RoomVersion>(MAX_ROOMS)

  constructor(parts: { readonly database: Database; readonly members: Members; readonly serverAcls: ServerAcls }) {
    this.#parts = parts
  }

  /** Undefined for rooms that are not here. */
  async versionOf(roomId: RoomId): Promise<RoomVersion | undefined> {
    const known = this.#versions.get(roomId)
    if (known) return known
    const room = await findRoom(this.#parts.database, roomId)
    const version = room && findRoomVersion(room.version)
    if (version) this.#versions.set(roomId, version)
    return version
  }

  /** Throws `M_NOT_FOUND` for a room that nobody of ours is in, `M_FORBIDDEN` where the server is shut out (T51). */
  async open(origin: ServerName, roomId: RoomId): Promise<RoomVersion> {
    const { members, serverAcls } = this.#parts
    const version = await this.versionOf(roomId)
    if (!version || !(await members.hasLocal(roomId))) throw notFound('This server is not in that room')
    if (!(await serverAcls.mayTalk(roomId, origin))) throw forbidden('Your server is shut out of this room')
    return version
  }
}
