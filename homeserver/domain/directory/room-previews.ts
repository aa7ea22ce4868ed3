/** What somebody may know of a room without being in it. */
import { notFound } from '../../core/errors.ts'
import type { RoomId, ServerName, UserId } from '../../core/ids.ts'
import type { Database } from '../../storage/database.ts'
import { listRoomStats } from '../../storage/directory.ts'
import { findRoom, findRoomStats, findStateEvent, type RoomStats } from '../../storage/rooms.ts'
import type { Members } from '../rooms/members.ts'
import { allowedRooms } from '../rooms/restricted-join.ts'
import { type Found, type HierarchyRequest, type Step, walkHierarchy } from './hierarchy.ts'
import { publicRoom } from './public-rooms.ts'
import { RemoteSpaces, type RemoteSpacesParts } from './remote-spaces.ts'
import { listChildren } from './space-children.ts'

export interface PreviewParts extends RemoteSpacesParts {
  readonly database: Database
  readonly members: Members
}

export interface RoomPreview {
  readonly stats: RoomStats
  /** Rooms whose members may join, where the join rule asks for that. */
  readonly allowed: readonly RoomId[]
}

/** Who wants to know of a room: what ties him to it, and to the rooms whose members may join. */
export interface Acquaintance {
  isBanned?(roomId: RoomId): boolean
  isInvited(roomId: RoomId): boolean | Promise<boolean>
  isJoined(roomId: RoomId): boolean | Promise<boolean>
}

const openRules = new Set(['public', 'knock', 'knock_restricted'])

export class RoomPreviews {
  readonly #database: Database
  readonly #members: Members
  readonly #remote: RemoteSpaces

  constructor(parts: PreviewParts) {
    this.#database = parts.database
    this.#members = parts.members
    this.#remote = new RemoteSpaces(parts)
  }

  /** The room, if the user may know of it; somebody without an account sees what everybody may join or read. */
  async find(userId: UserId | undefined, roomId: RoomId): Promise<RoomPreview | undefined> {
    const own = userId === undefined ? undefined : await this.#members.roomsOf(userId)
    return await this.findFor(
      {
        isBanned: (id) => own?.get(id)?.membership === 'ban',
        isInvited: (id) => own?.get(id)?.membership === 'invite',
        isJoined: (id) => own?.get(id)?.membership === 'join',
      },
      roomId,
    )
  }

  /** The same for whoever else asks. */
  async findFor(who: Acquaintance, roomId: RoomId): Promise<RoomPreview | undefined> {
    const [stats] = (await listRoomStats(this.#database, [roomId])).values()
    if (!stats || who.isBanned?.(roomId) === true) return undefined
    const allowed = stats.join_rule?.endsWith('restricted') ? await this.#allowed(roomId) : []
    if (stats.history_visibility === 'world_readable' || openRules.has(stats.join_rule ?? '')) return { stats, allowed }
    if ((await who.isJoined(roomId)) || (await who.isInvited(roomId))) return { stats, allowed }
    for (const id of allowed) if (await who.isJoined(id)) return { stats, allowed }
    return undefined
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
   * Throws `M_NOT_FOUND` for a room that is not there or not for this user to know. `via` are servers that may know it.
   * https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1room_summaryroomidoralias
   */
  async summarise(userId: UserId | undefined, roomId: RoomId, via: readonly ServerName[]): Promise<object> {
    const found = await this.#look(userId, { roomId, via }, { suggestedOnly: false, withChildren: false })
    if (!found) throw notFound('There is no such room, or you may not know of it')
    if (userId === undefined) return found.summary
    return { ...found.summary, membership: (await this.#members.find(roomId, userId))?.membership ?? 'leave' }
  }

  /** Throws `M_FORBIDDEN` if the user may not know of the space. */
  async hierarchy(userId: UserId, roomId: RoomId, request: HierarchyRequest): Promise<object> {
    const { suggestedOnly } = request
    return await walkHierarchy(
      (step, { withChildren }) => this.#look(userId, step, { suggestedOnly, withChildren }),
      { roomId, via: [] },
      request,
    )
  }

  async isWorldReadable(roomId: RoomId): Promise<boolean> {
    return (await findRoomStats(this.#database, roomId))?.history_visibility === 'world_readable'
  }

  /** What is known here of a room that nobody of ours is in any more is told only if nobody else tells. */
  async #look(
    userId: UserId | undefined,
    step: Pick<Step, 'roomId' | 'via' | 'told'>,
    options: { readonly suggestedOnly: boolean; readonly withChildren: boolean },
  ): Promise<Found | undefined> {
    const { roomId } = step
    if (!(await this.#members.hasLocal(roomId))) {
      const found = await this.#remote.find(userId, step, options)
      if (found) return found
    }
    const preview = await this.find(userId, roomId)
    if (!preview) return undefined
    const hasChildren = preview.stats.room_type === 'm.space'
    return {
      summary: await this.describe(preview),
      children: hasChildren ? await listChildren(this.#database, roomId, options.suggestedOnly) : [],
    }
  }

  async #allowed(roomId: RoomId): Promise<RoomId[]> {
    const event = await findStateEvent(this.#database, roomId, 'm.room.join_rules', '')
    return event ? allowedRooms(event.pdu.content) : []
  }
}
