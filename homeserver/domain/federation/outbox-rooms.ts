/** Who is to be sent the events of a batch: the servers that are in the room as it is before or after each of them. */
import { type RoomId, serverNameOf, type ServerName, type UserId } from '../../core/ids.ts'
import type { Tx } from '../../storage/database.ts'
import type { EventRow, StoredEvent } from '../../storage/events.ts'
import type { Members } from '../rooms/members.ts'
import type { RoomServers } from './room-servers.ts'

interface RoomParts {
  readonly members: Members
  readonly roomServers: RoomServers
  readonly tx: Tx
}

/** A room while a batch of its events is written. Memory shows the room as it was before the batch. */
export class OutboxRoom {
  readonly #roomId: RoomId
  readonly #parts: RoomParts
  #servers: ReadonlySet<ServerName>
  /** Who came or went in this batch. */
  readonly #moves = new Map<UserId, boolean>()

  private constructor(roomId: RoomId, servers: ReadonlySet<ServerName>, parts: RoomParts) {
    this.#roomId = roomId
    this.#servers = servers
    this.#parts = parts
  }

  static async open(roomId: RoomId, parts: RoomParts): Promise<OutboxRoom> {
    return new OutboxRoom(roomId, await parts.roomServers.serversIn(roomId, parts.tx), parts)
  }

  get servers(): ReadonlySet<ServerName> {
    return this.#servers
  }

  /** Whether this event moves somebody, so that `move` must hear of it. */
  static isMove({ row }: StoredEvent): boolean {
    return row.type === 'm.room.member' && row.state_key !== null
  }

  /** After this member event the room has its servers. */
  async move({ row, pdu }: StoredEvent): Promise<void> {
    const userId = row.state_key as UserId // the authorisation rules have seen that it is one
    const server = serverNameOf(userId)
    const joins = pdu.content['membership'] === 'join'
    this.#moves.set(userId, joins)
    if (this.#servers.has(server) === joins) {
      if (joins || (await this.#hasMembersOf(server))) return
    } else if (!joins) return
    const servers = new Set(this.#servers)
    if (joins) servers.add(server)
    else servers.delete(server)
    this.#servers = servers
  }

  async #hasMembersOf(server: ServerName): Promise<boolean> {
    for (const [userId, joined] of this.#moves) if (joined && serverNameOf(userId) === server) return true
    const members = await this.#parts.members.joined(this.#roomId, this.#parts.tx)
    for (const userId of members.keys()) {
      if (serverNameOf(userId) === server && this.#moves.get(userId) !== false) return true
    }
    return false
  }
}

/**
 * The server of whoever is removed by an event and may not be in the room, such as somebody whose invite is taken back.
 * Who is invited is told by the invite itself.
 */
export function removedServer(row: EventRow, membership: unknown): ServerName | undefined {
  const isRemoval = row.state_key !== null && row.state_key !== row.sender && row.replaces_nid !== null
  if (row.type !== 'm.room.member' || !isRemoval || (membership !== 'leave' && membership !== 'ban')) return undefined
  return serverNameOf(row.state_key as UserId) // the authorisation rules have seen that it is one
}
