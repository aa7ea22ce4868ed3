/** Rooms that this server is not in, as others describe them, and which of our users may know of them. */
import type { JsonObject } from '../../core/event.ts'
import { isRoomId, type RoomId, type ServerName, serverNameOf, type UserId } from '../../core/ids.ts'
import type { Clock } from '../../platform/clock.ts'
import { Lru } from '../../platform/lru.ts'
import type { Members } from '../rooms/members.ts'
import type { Found, Step } from './hierarchy.ts'
import type { DirectoryHooks, RemoteSpace, RemoteSummary } from './hooks.ts'

export interface RemoteSpacesParts {
  readonly directoryHooks: DirectoryHooks
  readonly members: Members
  readonly clock: Clock
  readonly serverName: ServerName
}

interface Kept {
  readonly space: RemoteSpace
  readonly until: number
}

/** The pages of one hierarchy are walked anew, and each room is asked for once in that time. */
const KEEP_MS = 5 * 60_000
/** Rooms in memory, those that were described by the way included. */
const MAX_KEPT = 20_000

const openRules: ReadonlySet<unknown> = new Set(['public', 'knock', 'knock_restricted'])

export class RemoteSpaces {
  readonly #parts: RemoteSpacesParts
  readonly #kept = new Lru<string, Kept>(MAX_KEPT, ({ space }) => 1 + space.children.length)

  constructor(parts: RemoteSpacesParts) {
    this.#parts = parts
  }

  /** The room as a user may know it; somebody without an account sees what everybody may join or read. Never throws. */
  async find(
    userId: UserId | undefined,
    { roomId, via, told }: Pick<Step, 'roomId' | 'via' | 'told'>,
    { withChildren, suggestedOnly }: { readonly withChildren: boolean; readonly suggestedOnly: boolean },
  ): Promise<Found | undefined> {
    const isEnough = told && (!withChildren || told['room_type'] !== 'm.space')
    const space = isEnough ? undefined : await this.#ask(roomId, via, suggestedOnly)
    const room = space?.room ?? told
    if (!room || !(await this.#mayKnow(userId, room))) return undefined
    return space && withChildren ? { ...space, summary: room } : { summary: room, children: [] }
  }

  async #ask(roomId: RoomId, via: readonly ServerName[], suggestedOnly: boolean): Promise<RemoteSpace | undefined> {
    const { directoryHooks, clock, serverName } = this.#parts
    const [remote] = directoryHooks.remoteDirectories
    const servers = new Set(via)
    const namesake = serverNameOf(roomId)
    if (namesake !== undefined) servers.add(namesake)
    servers.delete(serverName)
    if (!remote || servers.size === 0) return undefined
    const key = `${suggestedOnly ? 's' : 'a'}${roomId}`
    const now = clock.monotonic()
    const kept = this.#kept.get(key)
    if (kept && kept.until > now) return kept.space
    const space = await remote.space(roomId, { suggestedOnly, via: [...servers] })
    if (space) this.#kept.set(key, { space, until: now + KEEP_MS })
    return space
  }

  async #mayKnow(userId: UserId | undefined, room: RemoteSummary): Promise<boolean> {
    if (openRules.has(room['join_rule']) || room['world_readable'] === true) return true
    if (userId === undefined) return false
    const own = await this.#parts.members.roomsOf(userId)
    const mine = own.get(room.room_id)?.membership
    if (mine === 'join' || mine === 'invite') return true
    return allowedRooms(room).some((id) => own.get(id)?.membership === 'join')
  }
}

function allowedRooms({ allowed_room_ids: allowed }: JsonObject): RoomId[] {
  return Array.isArray(allowed) ? allowed.filter((id): id is RoomId => isRoomId(id)) : []
}
