/** What other servers tell of their aliases, their published rooms and their spaces. */
import { isJsonObject } from '../../core/canonical-json.ts'
import { MatrixError } from '../../core/errors.ts'
import type { Json, JsonObject } from '../../core/event.ts'
import {
  isRoomId,
  isServerName,
  isUserId,
  type RoomAlias,
  type RoomId,
  type ServerName,
  serverNameOf,
} from '../../core/ids.ts'
import type { RemoteDirectory, RemoteSpace, RemoteSummary } from '../directory/hooks.ts'
import type { PublicRoomsRequest } from '../directory/public-rooms.ts'
import { type ChildEvent, inOrder } from '../directory/space-children.ts'
import { type FederationClient, federationPath } from './client.ts'
import { unusable } from './federation-error.ts'

const TIMEOUT_MS = 15_000
/** Of a page of published rooms, and of a space with the summaries of its children. */
const MAX_LIST_BYTES = 4 * 1024 * 1024
/** Servers of an alias that are remembered, and those that are asked about one room. */
const MAX_SERVERS = 50
const MAX_ASKED = 5

export class FederatedDirectory implements RemoteDirectory {
  readonly #client: FederationClient

  constructor({ client }: { client: FederationClient }) {
    this.#client = client
  }

  /** https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1querydirectory */
  async resolve(alias: RoomAlias): ReturnType<RemoteDirectory['resolve']> {
    const server = serverNameOf(alias)
    const call = { query: { room_alias: alias }, timeoutMs: TIMEOUT_MS }
    try {
      const { room_id: roomId, servers } = await this.#client.get(server, federationPath`/v1/query/directory`, call)
      if (!isRoomId(roomId) || !Array.isArray(servers)) throw unusable(server, 'did not tell where the alias leads')
      return { roomId, servers: servers.filter(isNameOfServer).slice(0, MAX_SERVERS) }
    } catch (error) {
      if (error instanceof MatrixError && error.errcode === 'M_NOT_FOUND') return undefined
      throw error
    }
  }

  /** https://spec.matrix.org/v1.19/server-server-api/#published-room-directory */
  async publicRooms(server: ServerName, { limit, since, term, types }: PublicRoomsRequest): Promise<object> {
    const path = federationPath`/v1/publicRooms`
    const page = { limit, ...(since === undefined ? {} : { since }) }
    const bounds = { maxBytes: MAX_LIST_BYTES, timeoutMs: TIMEOUT_MS }
    const filter = {
      ...(term === undefined ? {} : { generic_search_term: term }),
      ...(types === undefined ? {} : { room_types: types }),
    }
    const isPlain = Object.keys(filter).length === 0
    const answer = isPlain
      ? await this.#client.get(server, path, { ...bounds, query: page })
      : await this.#client.post(server, path, { ...bounds, body: { ...page, filter } })
    const { chunk, next_batch: next, prev_batch: prev, total_room_count_estimate: total } = answer
    if (!Array.isArray(chunk)) throw unusable(server, 'did not answer with a list of rooms')
    return {
      chunk: chunk.filter(isSummary).slice(0, limit),
      ...(typeof next === 'string' ? { next_batch: next } : {}),
      ...(typeof prev === 'string' ? { prev_batch: prev } : {}),
      ...(Number.isSafeInteger(total) ? { total_room_count_estimate: total } : {}),
    }
  }

  /** https://spec.matrix.org/v1.19/server-server-api/#spaces */
  async space(
    roomId: RoomId,
    { suggestedOnly, via }: { readonly suggestedOnly: boolean; readonly via: readonly ServerName[] },
  ): Promise<RemoteSpace | undefined> {
    const call = { query: { suggested_only: String(suggestedOnly) }, maxBytes: MAX_LIST_BYTES, timeoutMs: TIMEOUT_MS }
    for (const server of via.slice(0, MAX_ASKED)) {
      try {
        const answer = await this.#client.get(server, federationPath`/v1/hierarchy/${roomId}`, call)
        const space = spaceOf(answer, roomId, suggestedOnly)
        if (space) return space
      } catch (error) {
        if (!(error instanceof MatrixError)) throw error
      }
    }
    return undefined
  }
}

/** Undefined where the answer is about another room. */
function spaceOf(answer: JsonObject, roomId: RoomId, suggestedOnly: boolean): RemoteSpace | undefined {
  const { room, children, inaccessible_children: inaccessible } = answer
  if (!isSummary(room) || room.room_id !== roomId) return undefined
  const { children_state: state, ...summary } = room
  const rooms = Array.isArray(children) ? children.filter(isSummary) : []
  return {
    room: { ...summary, room_id: roomId },
    children: inOrder(Array.isArray(state) ? state.flatMap(childOf) : [], suggestedOnly),
    childRooms: new Map(rooms.map(({ children_state: _state, ...child }) => [child.room_id, child])),
    inaccessible: new Set(Array.isArray(inaccessible) ? inaccessible.filter((id) => typeof id === 'string') : []),
  }
}

function childOf(event: Json): ChildEvent[] {
  if (!isJsonObject(event)) return []
  const { type, state_key: child, content, sender, origin_server_ts: ts } = event
  const isChild = type === 'm.space.child' && isRoomId(child) && isJsonObject(content) && isUserId(sender)
  if (!isChild || typeof ts !== 'number') return []
  return [{ type, state_key: child, content, sender, origin_server_ts: ts }]
}

/** What each of our clients takes for granted of a room in a list. */
function isSummary(room: Json | undefined): room is RemoteSummary {
  if (!isJsonObject(room) || !isRoomId(room['room_id'])) return false
  if (!Number.isSafeInteger(room['num_joined_members'])) return false
  if (typeof room['world_readable'] !== 'boolean' || typeof room['guest_can_join'] !== 'boolean') return false
  return textFields.every((name) => room[name] === undefined || room[name] === null || typeof room[name] === 'string')
}

const textFields = ['name', 'topic', 'canonical_alias', 'avatar_url', 'room_type', 'join_rule'] as const

function isNameOfServer(server: Json): server is ServerName {
  return typeof server === 'string' && isServerName(server)
}
