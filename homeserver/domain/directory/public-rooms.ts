/** The list of published rooms. https://spec.matrix.org/v1.19/client-server-api/#published-room-directory */
import { invalidParam, notFound } from '../../core/errors.ts'
import { isRoomId, type RoomId, type ServerName } from '../../core/ids.ts'
import type { Database } from '../../storage/database.ts'
import { countPublicRooms, listPublicRooms, type RoomList } from '../../storage/directory.ts'
import type { RoomStats } from '../../storage/rooms.ts'
import type { DirectoryHooks } from './hooks.ts'

export interface PublicRoomsRequest {
  readonly limit: number
  /** `next_batch` or `prev_batch` of another answer. */
  readonly since?: string | undefined
  readonly term?: string | undefined
  readonly types?: readonly (string | null)[] | undefined
  readonly list?: RoomList
}

/** A place in the list, and the way to go from it. */
interface Place {
  readonly backwards: boolean
  readonly members: number
  readonly roomId: RoomId
}

export class PublicRooms {
  readonly #database: Database
  readonly #hooks: DirectoryHooks

  constructor({ database, directoryHooks }: { database: Database; directoryHooks: DirectoryHooks }) {
    this.#database = database
    this.#hooks = directoryHooks
  }

  /** The list of another server. Throws `M_NOT_FOUND` where nobody talks with other servers. */
  async listOf(server: ServerName, request: PublicRoomsRequest): Promise<object> {
    const [remote] = this.#hooks.remoteDirectories
    if (!remote) throw notFound(`This server does not talk to ${server}`)
    return await remote.publicRooms(server, request)
  }

  async list({ limit, since, term, types, list }: PublicRoomsRequest): Promise<object> {
    const place = since === undefined ? undefined : parsePlace(since)
    const backwards = place?.backwards === true
    const [found, total] = await Promise.all([
      listPublicRooms(this.#database, { list, term, types, from: place, backwards, limit: limit + 1 }),
      countPublicRooms(this.#database, list),
    ])
    const more = found.length > limit
    const page = backwards ? found.slice(0, limit).toReversed() : found.slice(0, limit)
    const [first, last] = [page[0], page.at(-1)]
    const hasNext = backwards ? last !== undefined : more
    const hasPrev = backwards ? more : place !== undefined
    return {
      chunk: page.map(publicRoom),
      total_room_count_estimate: total,
      ...(hasNext && last ? { next_batch: formatPlace('n', last) } : {}),
      ...(hasPrev && first ? { prev_batch: formatPlace('p', first) } : {}),
    }
  }
}

/** A room as strangers see it; what is not set is left out. */
export function publicRoom(stats: RoomStats): Record<string, unknown> {
  const fields = {
    room_id: stats.room_id,
    name: stats.name,
    topic: stats.topic,
    canonical_alias: stats.canonical_alias,
    avatar_url: stats.avatar_url,
    room_type: stats.room_type,
    join_rule: stats.join_rule ?? 'invite',
    num_joined_members: stats.joined_members,
    world_readable: stats.history_visibility === 'world_readable',
    guest_can_join: stats.guest_access === 'can_join',
  }
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null))
}

function formatPlace(way: 'n' | 'p', { joined_members: members, room_id: roomId }: RoomStats): string {
  return `${way}${members}_${roomId}`
}

function parsePlace(text: string): Place {
  const [, way, members = '', roomId] = /^([np])(\d{1,15})_(.+)$/.exec(text) ?? []
  if (way === undefined || !isRoomId(roomId)) throw invalidParam('since is not a place in the list of rooms')
  return { backwards: way === 'p', members: Number(members), roomId }
}
