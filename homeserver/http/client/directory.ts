/** https://spec.matrix.org/v1.19/client-server-api/#room-aliases */
import { z } from 'zod'
import { forbidden, invalidParam, MatrixError, notFound, refuse } from '../../core/errors.ts'
import { isRoomAlias, isRoomId, type RoomAlias } from '../../core/ids.ts'
import { endpoint } from '../endpoint.ts'
import { roomIdOf } from './path-ids.ts'

const since = ['r0', 'v3'] as const
const path = '/directory/room/:roomAlias'

function aliasOf({ roomAlias }: { readonly roomAlias: string }): RoomAlias {
  if (!isRoomAlias(roomAlias)) throw invalidParam(`'${roomAlias}' is not an alias`)
  return roomAlias
}

const getAlias = endpoint({
  method: 'GET',
  path,
  since,
  auth: 'none',
  limit: 'read',
  handle: async ({ params }, { directory }) => {
    const found = await directory.resolve(aliasOf(params))
    if (!found) throw notFound('There is no such alias')
    return { room_id: found.roomId, servers: found.servers }
  },
})

const putAlias = endpoint({
  method: 'PUT',
  path,
  since,
  auth: 'user',
  limit: 'write',
  body: z.object({ room_id: z.string() }),
  handle: async ({ who, params, body }, { directory }) => {
    if (!isRoomId(body.room_id)) throw invalidParam('room_id is not a room id')
    try {
      await directory.add(who, aliasOf(params), body.room_id)
    } catch (error) {
      // Where a room is made the refusal is M_ROOM_IN_USE; here the specification wants this.
      const taken = error instanceof MatrixError && error.errcode === 'M_ROOM_IN_USE'
      throw taken ? refuse(409, 'M_UNKNOWN', error.message) : error
    }
    return {}
  },
})

const deleteAlias = endpoint({
  method: 'DELETE',
  path,
  since,
  auth: 'user',
  limit: 'write',
  handle: async ({ who, params }, { directory }) => {
    await directory.remove(who, aliasOf(params))
    return {}
  },
})

const listRoomAliases = endpoint({
  method: 'GET',
  path: '/rooms/:roomId/aliases',
  since,
  also: ['/_matrix/client/unstable/org.matrix.msc2432/rooms/:roomId/aliases'],
  auth: 'user',
  limit: 'read',
  handle: async ({ who, params }, { directory, members, roomPreviews }) => {
    const roomId = roomIdOf(params)
    const isMember = await members.isJoined(roomId, who.userId)
    if (!isMember && !(await roomPreviews.isWorldReadable(roomId))) throw forbidden('You are not in this room')
    return { aliases: await directory.aliasesOf(roomId) }
  },
})

const visibilityPath = '/directory/list/room/:roomId'

const getVisibility = endpoint({
  method: 'GET',
  path: visibilityPath,
  since,
  auth: 'none',
  limit: 'read',
  handle: async ({ params }, { directory }) => ({ visibility: await directory.visibilityOf(roomIdOf(params)) }),
})

const putVisibility = endpoint({
  method: 'PUT',
  path: visibilityPath,
  since,
  auth: 'user',
  limit: 'write',
  body: z.object({ visibility: z.enum(['public', 'private']).default('public') }).prefault({}),
  handle: async ({ who, params, body }, { directory }) => {
    await directory.setVisibility(who, roomIdOf(params), body.visibility)
    return {}
  },
})

export const directoryEndpoints = [getAlias, putAlias, deleteAlias, listRoomAliases, getVisibility, putVisibility]
