/** Of what and of whom another server may speak in EDUs (T30). */
import type { Json } from '../../../core/event.ts'
import { isUserId, type RoomId, serverNameOf, type ServerName, type UserId } from '../../../core/ids.ts'
import type { Members } from '../../rooms/members.ts'
import type { PartialRooms } from '../../rooms/partial-rooms.ts'
import type { ServerAcls } from '../server-acl.ts'

/** Whether this is one of the server's own users. */
export function speaksFor(origin: ServerName, userId: Json | undefined): userId is UserId {
  return isUserId(userId) && serverNameOf(userId) === origin
}

export class EduGate {
  readonly #members: Members
  readonly #partialRooms: Pick<PartialRooms, 'serversOf'>
  readonly #serverAcls: ServerAcls

  constructor({
    members,
    serverAcls,
    partialRooms,
  }: {
    members: Members
    serverAcls: ServerAcls
    partialRooms: Pick<PartialRooms, 'serversOf'>
  }) {
    this.#members = members
    this.#partialRooms = partialRooms
    this.#serverAcls = serverAcls
  }

  /** Whether the server may speak of this user in that room: the user is its own and in there, and the ACL lets it take part (T51). */
  async admits(origin: ServerName, roomId: RoomId, userId: Json | undefined): Promise<boolean> {
    if (!speaksFor(origin, userId) || !(await this.#isIn(origin, roomId, userId))) return false
    return await this.#serverAcls.mayTalk(roomId, origin)
  }

  /** Of members who are not known yet the word of a server counts that was in the room when it was joined. */
  async #isIn(origin: ServerName, roomId: RoomId, userId: UserId): Promise<boolean> {
    const row = await this.#members.find(roomId, userId)
    return row ? row.membership === 'join' : this.#partialRooms.serversOf(roomId)?.has(origin) === true
  }
}
