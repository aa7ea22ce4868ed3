/** Of what and of whom another server may speak in EDUs (T30). */
import type { Json } from '../../../core/event.ts'
import { isUserId, type RoomId, serverNameOf, type ServerName, type UserId } from '../../../core/ids.ts'
import { Lru } from '../../../platform/lru.ts'
import type { Members } from '../../rooms/members.ts'
import type { PartialRooms } from '../../rooms/partial-rooms.ts'
import type { ServerAcls } from '../server-acl.ts'

/** Whether this is one of the server's own users. */
export function speaksFor(origin: ServerName, userId: Json | undefined): userId is UserId {
  return isUserId(userId) && serverNameOf(userId) === origin
}

/** Of a server's people who are not known yet, in one partial room: it could make up as many as it likes (T70). */
const MAX_UNKNOWN = 100
/** Rooms times servers for which that is counted. */
const MAX_COUNTED = 1_000

export class EduGate {
  readonly #members: Members
  readonly #partialRooms: Pick<PartialRooms, 'serversOf'>
  readonly #serverAcls: ServerAcls
  /** Whose server was taken at its word. */
  readonly #believed = new Lru<string, Set<UserId>>(MAX_COUNTED)

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
    if (row) return row.membership === 'join'
    return this.#partialRooms.serversOf(roomId)?.has(origin) === true && this.#believes(origin, roomId, userId)
  }

  #believes(origin: ServerName, roomId: RoomId, userId: UserId): boolean {
    const key = `${roomId} ${origin}`
    const believed = this.#believed.get(key) ?? new Set()
    if (believed.size < MAX_UNKNOWN) believed.add(userId)
    this.#believed.set(key, believed)
    return believed.has(userId)
  }
}
