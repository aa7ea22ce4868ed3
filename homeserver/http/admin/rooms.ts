/** Rooms. https://element-hq.github.io/synapse/latest/admin_api/rooms.html */
import { z } from 'zod'
import { invalidParam } from '../../core/errors.ts'
import { isUserId } from '../../core/ids.ts'
import type { Requester } from '../../domain/accounts/requester.ts'
import { type Closing, type ListedRoom, roomOrders } from '../../domain/admin/room-admin.ts'
import { clientEventText } from '../../domain/rooms/client-event.ts'
import { roomIdOf } from '../client/path-ids.ts'
import { endpoint, JsonText } from '../endpoint.ts'
import { flag } from '../query-flag.ts'
import type { Services } from '../services.ts'
import { direction, from, limit } from './queries.ts'

const common = { auth: 'admin', limit: 'admin' } as const
const one = { ...common, path: '/_synapse/admin/v1/rooms/:roomId' } as const

const list = endpoint({
  ...common,
  method: 'GET',
  path: '/_synapse/admin/v1/rooms',
  query: z.object({
    from,
    limit,
    order_by: z.enum(roomOrders).default('name'),
    dir: direction,
    search_term: z.string().min(1).optional(),
    public_rooms: flag.optional(),
    empty_rooms: flag.optional(),
  }),
  handle: async ({ query }, { roomAdmin }) => {
    const { rooms, total } = await roomAdmin.search({
      term: query.search_term,
      isPublic: query.public_rooms,
      isEmpty: query.empty_rooms,
      order: query.order_by,
      descending: query.dir === 'b',
      from: query.from,
      limit: query.limit,
    })
    const next = query.from + rooms.length
    return {
      rooms: rooms.map(shown),
      offset: query.from,
      total_rooms: total,
      ...(next < total ? { next_batch: next } : {}),
      ...(query.from > 0 ? { prev_batch: Math.max(0, query.from - query.limit) } : {}),
    }
  },
})

const get = endpoint({
  ...one,
  method: 'GET',
  handle: async ({ params }, { roomAdmin }) => {
    const room = await roomAdmin.get(params.roomId)
    return { ...shown(room), topic: room.topic, avatar: room.avatar_url, forgotten: false }
  },
})

const members = endpoint({
  ...common,
  method: 'GET',
  path: `${one.path}/members`,
  handle: async ({ params }, { roomAdmin, members: inRooms }) => {
    await roomAdmin.get(params.roomId)
    const joined = [...(await inRooms.joined(roomIdOf(params))).keys()].toSorted()
    return { members: joined, total: joined.length }
  },
})

const state = endpoint({
  ...common,
  method: 'GET',
  path: `${one.path}/state`,
  handle: async ({ params }, { roomAdmin, clock }) => {
    await roomAdmin.get(params.roomId)
    const events = await roomAdmin.state(roomIdOf(params))
    const texts = events.map((event) => clientEventText(event, { now: clock.now() }))
    return new JsonText(`{"state":[${texts.join(',')}]}`)
  },
})

const join = endpoint({
  ...common,
  method: 'POST',
  path: '/_synapse/admin/v1/join/:roomIdOrAlias',
  body: z.object({ user_id: z.string() }),
  handle: async ({ params, body }, { roomAdmin, memberships, moderation }) => {
    const { userId } = await moderation.get(body.user_id)
    const { roomId } = await memberships.roomNamed(params.roomIdOrAlias)
    await roomAdmin.join(roomId, userId)
    return { room_id: roomId }
  },
})

const makeRoomAdmin = endpoint({
  ...common,
  method: 'POST',
  path: `${one.path}/make_room_admin`,
  body: z.object({ user_id: z.string().optional() }).prefault({}),
  handle: async ({ params, who, body }, { roomAdmin, moderation }) => {
    const userId = body.user_id ?? who.userId
    if (!isUserId(userId)) throw invalidParam('user_id is not a user id')
    await roomAdmin.get(params.roomId)
    await roomAdmin.empower(roomIdOf(params), (await moderation.get(userId)).userId)
    return {}
  },
})

/** Both forms of the call are done when they are answered. What was said is deleted by purge_history. */
const removal = z
  .object({
    new_room_user_id: z.string().nullish(),
    block: z.boolean().default(false),
    purge: z.boolean().default(false),
    force_purge: z.boolean().default(false),
  })
  .prefault({})

function checkRemoval({ new_room_user_id: owner, purge, force_purge: force }: z.output<typeof removal>): void {
  if (owner !== undefined && owner !== null) throw invalidParam('No other room can be made in its place')
  if (purge || force) throw invalidParam('Nothing is purged here: ask with purge false, and then for purge_history')
}

const shutDown = endpoint({
  ...one,
  method: 'DELETE',
  body: removal,
  handle: async (call, services) => shutdownOf(await closed(call, services)),
})

const shutDownLater = endpoint({
  ...common,
  method: 'DELETE',
  path: '/_synapse/admin/v2/rooms/:roomId',
  body: removal,
  handle: async (call, services) => ({ delete_id: (await closed(call, services)).id }),
})

const deleteStatus = endpoint({
  ...common,
  method: 'GET',
  path: '/_synapse/admin/v2/rooms/delete_status/:deleteId',
  handle: ({ params }, { roomAdmin }) => ({
    status: 'complete',
    shutdown_room: shutdownOf(roomAdmin.closing(params.deleteId)),
  }),
})

interface RemovalCall {
  readonly params: { readonly roomId: string }
  readonly who: Requester
  readonly body: z.output<typeof removal>
}

async function closed({ params, who, body }: RemovalCall, { roomAdmin, roomBlocks }: Services): Promise<Closing> {
  checkRemoval(body)
  await roomAdmin.get(params.roomId)
  const roomId = roomIdOf(params)
  if (body.block) await roomBlocks.set(roomId, who.userId) // first, so that nobody comes back meanwhile
  return await roomAdmin.close(roomId)
}

const shutdownOf = ({ kicked, failed, aliases }: Closing) => ({
  kicked_users: kicked,
  failed_to_kick_users: failed,
  local_aliases: aliases,
  new_room_id: null,
})

const shown = (room: ListedRoom) => ({
  room_id: room.room_id,
  name: room.name,
  canonical_alias: room.canonical_alias,
  joined_members: room.joined_members,
  joined_local_members: room.joined_local_members,
  version: room.version,
  creator: room.creator,
  encryption: room.encryption,
  federatable: room.federate === 1,
  public: room.public === 1,
  join_rules: room.join_rule,
  guest_access: room.guest_access,
  history_visibility: room.history_visibility,
  state_events: room.state_events,
  room_type: room.room_type,
})

export const adminRoomsEndpoints = [
  list,
  get,
  members,
  state,
  join,
  makeRoomAdmin,
  shutDown,
  shutDownLater,
  deleteStatus,
]
