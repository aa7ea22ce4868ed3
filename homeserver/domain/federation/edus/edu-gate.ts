/** Of what and of whom another server may speak in EDUs (T30). */
import type { Json } from '../../../core/event.ts'
import { isUserId, type RoomId, serverNameOf, type ServerName, type UserId } from '../../../core/ids.ts'
import type { Members } from '../../rooms/members.ts'
import type { ServerAcls } from '../server-acl.ts'

/** Whether this is one of the server's own users. */
export function speaksFor(origin: ServerName, userId: Json | undefined): userId is UserId {
  return isUserId(userId) && serverNameOf(userId) === origin
}

export class EduGate {
  readonly #members: Members
  readonly #serverAcls: ServerAcls

  constructor({ members, serverAcls }: { members: Members; serverAcls: ServerAcls }) {
    this.#members = members
    this.#serverAcls = serverAcls
  }

  /** Whether the server may speak of this user in that room: the user is its own and in there, and the ACL lets it take part (T51). */
  async admits(origin: ServerName, roomId: RoomId, userId: Json | undefined): Promise<boolean> {
    if (!speaksFor(origin, userId) || !(await this.#members.isJoined(roomId, userId))) return false
    return await this.#serverAcls.mayTalk(roomId, origin)
  }
}
