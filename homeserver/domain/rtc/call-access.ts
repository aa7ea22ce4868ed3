/** Who may take part in the calls of a room: whoever is in the room, as far as this server can know. */
import { type RoomId, type ServerName, serverNameOf, type UserId } from '../../core/ids.ts'
import type { ServerAcls } from '../federation/server-acl.ts'
import type { ServerFilter } from '../federation/server-filter.ts'
import type { Members } from '../rooms/members.ts'

export class CallAccess {
  readonly #members: Members
  readonly #acls: ServerAcls
  readonly #mayTalkTo: ServerFilter

  constructor({ members, acls, mayTalkTo }: { members: Members; acls: ServerAcls; mayTalkTo: ServerFilter }) {
    this.#members = members
    this.#acls = acls
    this.#mayTalkTo = mayTalkTo
  }

  async mayJoin(userId: UserId, roomId: RoomId): Promise<boolean> {
    if (!(await this.#members.isJoined(roomId, userId))) return false
    return this.#members.isLocal(userId) || (await this.#maySpeak(serverNameOf(userId), roomId))
  }

  async #maySpeak(server: ServerName, roomId: RoomId): Promise<boolean> {
    if (!this.#mayTalkTo(server) || !(await this.#acls.mayTalk(roomId, server))) return false
    return await this.#members.hasLocal(roomId) // or we have not heard for long who is in the room
  }
}
