/** What somebody may know of a room without being in it. */
import { notFound } from '../../core/errors.ts'
import type { RoomId, UserId } from '../../core/ids.ts'
import type { Database } from '../../storage/database.ts'
import { listRoomStats } from '../../storage/directory.ts'
import { findRoom, findRoomStats, findStateEvent, type RoomStats } from '../../storage/rooms.ts'
import type { Members } from '../rooms/members.ts'
import { allowedRooms } from '../rooms/restricted-join.ts'
import { type HierarchyRequest, walkHierarchy } from './hierarchy.ts'
import { publicRoom } from './public-rooms.ts'

export interface PreviewParts {
  readonly database: Database
  readonly members: Members
}

export interface RoomPreview {
  readonly stats: RoomStats
  /** Rooms whose members may join, where the join rule asks for that. */
  readonly allowed: readonly RoomId[]
}

const openRules = new Set(['public', 'knock', 'knock_restricted'])

export class RoomPreviews {
  readonly #database: Database
  readonly #members: Members

  constructor({ database, members }: PreviewParts) {
    this.#database = database
    this.#members = members
  }

  /** The room, if the user may know of it; somebody without an account sees what everybody may join or read. */
  async find(userId: UserId | undefined, roomId: RoomId): Promise<RoomPreview | undefined> {
    const [stats] = (await listRoomStats(this.#database, [roomId])).values()
    if (!stats) return undefined
    const own = userId === undefined ? undefined : await this.#members.roomsOf(userId)
    const allowed = stats.join_rule?.endsWith('restricted') ? await this.#allowed(roomId) : []
    const mine = own?.get(roomId)?.membership
    if (mine === 'ban') return undefined
    const visible =
      mine === 'join' ||
      mine === 'invite' ||
      stats.history_visibility === 'world_readable' ||
      openRules.has(stats.join_rule ?? '') ||
      allowed.some((id) => own?.get(id)?.membership === 'join')
    return visible ? { stats, allowed } : undefined
  }

  /** The fields that all summaries of rooms share. */
  async describe({ stats, allowed }: RoomPreview): Promise<Record<string, unknown>> {
    const room = await findRoom(this.#database, stats.room_id)
    const { encryption } = stats
    return {
      ...publicRoom(stats),
      ...(allowed.length > 0 ? { allowed_room_ids: allowed } : {}),
      ...(encryption === null ? {} : { encryption, 'im.nheko.summary.encryption': encryption }),
      ...(room ? { room_version: room.version, 'im.nheko.summary.room_version': room.version } : {}),
    }
  }

  /**
   * Throws `M_NOT_FOUND` for a room that is not there or not for this user to know.
   * https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1room_summaryroomidoralias
   */
  async summarise(userId: UserId | undefined, roomId: RoomId): Promise<object> {
    const preview = await this.find(userId, roomId)
    if (!preview) throw notFound('There is no such room, or you may not know of it')
    const fields = await this.describe(preview)
    if (userId === undefined) return fields
    return { ...fields, membership: (await this.#members.find(roomId, userId))?.membership ?? 'leave' }
  }

  /** Throws `M_FORBIDDEN` if the user may not know of the space. */
  async hierarchy(userId: UserId, roomId: RoomId, request: HierarchyRequest): Promise<object> {
    return await walkHierarchy({ database: this.#database, previews: this }, userId, roomId, request)
  }

  async isWorldReadable(roomId: RoomId): Promise<boolean> {
    return (await findRoomStats(this.#database, roomId))?.history_visibility === 'world_readable'
  }

  async #allowed(roomId: RoomId): Promise<RoomId[]> {
    const event = await findStateEvent(this.#database, roomId, 'm.room.join_rules', '')
    return event ? allowedRooms(event.pdu.content) : []
  }
}
