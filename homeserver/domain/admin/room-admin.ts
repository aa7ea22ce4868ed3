/** Rooms in the hands of administrators: looked through, entered, closed. */
import { randomUUID } from 'node:crypto'
import { isJsonObject } from '../../core/canonical-json.ts'
import { MatrixError, notFound, refuse } from '../../core/errors.ts'
import { isRoomId, type RoomId, type ServerName, type UserId } from '../../core/ids.ts'
import { logger } from '../../platform/log.ts'
import { Lru } from '../../platform/lru.ts'
import type { Database } from '../../storage/database.ts'
import { listAliases, removeAlias, setPublished } from '../../storage/directory.ts'
import type { StoredEvent } from '../../storage/events.ts'
import { forgetRoom, listMembersOfServer } from '../../storage/memberships.ts'
import { type ListedRoom, roomOrders, type RoomQuery, searchRooms } from '../../storage/room-list.ts'
import { currentStateEvents } from '../../storage/rooms.ts'
import type { Members } from '../rooms/members.ts'
import type { Memberships } from '../rooms/membership.ts'
import { onlyEvent, type RoomWriter } from '../rooms/writer.ts'

export { roomOrders }
export type { ListedRoom, RoomQuery }

export interface RoomAdminParts {
  readonly database: Database
  readonly serverName: ServerName
  readonly members: Members
  readonly memberships: Memberships
  readonly writer: RoomWriter
}

/** What closing a room has done. */
export interface Closing {
  readonly id: string
  readonly roomId: RoomId
  readonly kicked: UserId[]
  /** Who could not be taken out. */
  readonly failed: UserId[]
  readonly aliases: string[]
}

const log = logger('admin')

/** Closings that can be asked for after they are done, until the server stops. */
const MAX_CLOSINGS = 1_000

export class RoomAdmin {
  readonly #parts: RoomAdminParts
  readonly #closings = new Lru<string, Closing>(MAX_CLOSINGS)

  constructor(parts: RoomAdminParts) {
    this.#parts = parts
  }

  async search(query: RoomQuery): Promise<{ readonly rooms: ListedRoom[]; readonly total: number }> {
    return await searchRooms(this.#parts.database, this.#parts.serverName, query)
  }

  /** Throws `M_NOT_FOUND`. */
  async get(roomId: string): Promise<ListedRoom> {
    if (!isRoomId(roomId)) throw notFound('There is no such room here')
    const { rooms } = await this.search({ roomId, order: 'name', descending: false, from: 0, limit: 1 })
    if (!rooms[0]) throw notFound('There is no such room here')
    return rooms[0]
  }

  async state(roomId: RoomId): Promise<StoredEvent[]> {
    return await currentStateEvents(this.#parts.database, roomId)
  }

  /** Brings a user of this server in: by an invitation of somebody who may invite, where the room is not open. */
  async join(roomId: RoomId, userId: UserId): Promise<void> {
    const { memberships } = this.#parts
    const room = { roomId, servers: [] }
    try {
      await memberships.join({ userId }, room)
    } catch (error) {
      if (!(error instanceof MatrixError) || error.errcode !== 'M_FORBIDDEN') throw error
      await memberships.invite({ userId: await this.mightiest(roomId) }, roomId, userId)
      await memberships.join({ userId }, room)
    }
  }

  /**
   * Gives a user as much power as the mightiest of this server has, and brings them in. Throws `M_FORBIDDEN` where nobody
   * here has any to give.
   */
  async empower(roomId: RoomId, userId: UserId): Promise<void> {
    const { writer, members } = this.#parts
    const sender = await this.mightiest(roomId)
    const levels = (await currentStateEvents(this.#parts.database, roomId, ['m.room.power_levels']))[0]?.pdu.content
    const users = isJsonObject(levels?.['users']) ? levels['users'] : {}
    const content = { ...levels, users: { ...users, [userId]: users[sender] ?? 100 } }
    onlyEvent(await writer.send(roomId, [{ type: 'm.room.power_levels', sender, stateKey: '', content }]))
    if (!(await members.isJoined(roomId, userId))) await this.join(roomId, userId)
  }

  /**
   * Takes everybody of this server out, hides the room from them, and takes its names away. What was said stays in the
   * database: members of other servers have it anyway.
   */
  async close(roomId: RoomId): Promise<Closing> {
    const { database, members, memberships, serverName } = this.#parts
    const kicked: UserId[] = []
    const failed: UserId[] = []
    for (const userId of await listMembersOfServer(database, roomId, serverName)) {
      try {
        const membership = (await members.find(roomId, userId))?.membership
        if (membership === undefined) continue
        if (membership !== 'leave' && membership !== 'ban') {
          await memberships.leave({ userId }, roomId)
          kicked.push(userId)
        }
        await database.transaction('forget a closed room', async (tx) => {
          await forgetRoom(tx, roomId, userId)
          tx.onCommit(() => members.drop(userId))
        })
      } catch (error) {
        if (!(error instanceof MatrixError)) throw error
        log.warn({ roomId, userId, errcode: error.errcode }, 'a member could not be taken out of a room')
        failed.push(userId)
      }
    }
    const aliases = await database.transaction('take the names of a room', async (tx) => {
      const names = await listAliases(tx, roomId)
      for (const alias of names) await removeAlias(tx, alias)
      await setPublished(tx, roomId, false, 0)
      return names
    })
    const closing = { id: randomUUID(), roomId, kicked, failed, aliases }
    this.#closings.set(closing.id, closing)
    return closing
  }

  /** Throws `M_NOT_FOUND`. */
  closing(id: string): Closing {
    const closing = this.#closings.get(id)
    if (!closing) throw notFound('There is no such deletion')
    return closing
  }

  /** Of the joined users of this server the one with the most power. Throws `M_UNKNOWN` where there is none. */
  async mightiest(roomId: RoomId): Promise<UserId> {
    const { members, database } = this.#parts
    const local = [...(await members.joined(roomId)).keys()].filter((userId) => members.isLocal(userId))
    const state = await currentStateEvents(database, roomId, ['m.room.power_levels', 'm.room.create'])
    const users = state.find(({ row }) => row.type === 'm.room.power_levels')?.pdu.content['users']
    const creator = state.find(({ row }) => row.type === 'm.room.create')?.row.sender
    // Creators are above all from room version 12 on, and named among the users before.
    const levelOf = (userId: UserId): number =>
      isJsonObject(users) && typeof users[userId] === 'number' ? users[userId] : userId === creator ? 101 : 0
    const [mightiest] = local.toSorted((one, other) => levelOf(other) - levelOf(one))
    if (mightiest === undefined) throw refuse(400, 'M_UNKNOWN', 'Nobody of this server is in the room')
    return mightiest
  }
}
