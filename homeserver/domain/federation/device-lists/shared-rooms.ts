/** With whom users here share rooms: who may follow whose devices. */
import { type RoomId, serverNameOf, type ServerName, type UserId } from '../../../core/ids.ts'
import type { Database } from '../../../storage/database.ts'
import { listRoomsJoinedBy } from '../../../storage/remote-device-lists.ts'
import type { Members } from '../../rooms/members.ts'
import type { RoomServers } from '../room-servers.ts'

export interface SharedRoomsParts {
  readonly database: Database
  readonly members: Members
  readonly roomServers: RoomServers
  readonly serverName: ServerName
}

export class SharedRooms {
  readonly #parts: SharedRoomsParts

  constructor(parts: SharedRoomsParts) {
    this.#parts = parts
  }

  /** Those of the users who are in a room together with somebody of this server. */
  async sharing(userIds: readonly UserId[]): Promise<Set<UserId>> {
    const { database, roomServers, serverName } = this.#parts
    const ours = new Map<RoomId, boolean>()
    const sharing = new Set<UserId>()
    for (const { user_id: userId, room_id: roomId } of await listRoomsJoinedBy(database, userIds)) {
      if (sharing.has(userId)) continue
      let isOurs = ours.get(roomId)
      if (isOurs === undefined) ours.set(roomId, (isOurs = await roomServers.isIn(roomId, serverName)))
      if (isOurs) sharing.add(userId)
    }
    return sharing
  }

  /** The other servers in the rooms of a user, without those rooms that are left out. */
  async serversOf(userId: UserId, { except }: { except?: RoomId } = {}): Promise<Set<ServerName>> {
    const { members, roomServers, serverName } = this.#parts
    const servers = new Set<ServerName>()
    for (const roomId of await members.joinedRooms(userId)) {
      if (roomId === except) continue
      for (const server of await roomServers.serversIn(roomId)) servers.add(server)
    }
    servers.delete(serverName)
    return servers
  }

  /** The users of other servers in a room. */
  async othersIn(roomId: RoomId): Promise<UserId[]> {
    const joined = await this.#parts.members.joined(roomId)
    return [...joined.keys()].filter((userId) => serverNameOf(userId) !== this.#parts.serverName)
  }

  /** Our users in a room. */
  async oursIn(roomId: RoomId): Promise<UserId[]> {
    const joined = await this.#parts.members.joined(roomId)
    return [...joined.keys()].filter((userId) => this.isLocal(userId))
  }

  async serversIn(roomId: RoomId): Promise<Set<ServerName>> {
    const servers = new Set(await this.#parts.roomServers.serversIn(roomId))
    servers.delete(this.#parts.serverName)
    return servers
  }

  /** Whether anybody of this server is joined. */
  async isOurs(roomId: RoomId): Promise<boolean> {
    return await this.#parts.roomServers.isIn(roomId, this.#parts.serverName)
  }

  isLocal(userId: UserId): boolean {
    return serverNameOf(userId) === this.#parts.serverName
  }
}
