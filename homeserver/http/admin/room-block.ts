/** Keeps everybody of this server out of a room. https://element-hq.github.io/synapse/latest/admin_api/rooms.html#block-room-api */
import { z } from 'zod'
import { roomIdOf } from '../client/path-ids.ts'
import { endpoint } from '../endpoint.ts'

const one = { auth: 'admin', limit: 'admin', path: '/_synapse/admin/v1/rooms/:roomId/block' } as const

const get = endpoint({
  ...one,
  method: 'GET',
  handle: async ({ params }, { roomBlocks }) => {
    const blocker = await roomBlocks.blockerOf(roomIdOf(params))
    return { block: blocker !== undefined, ...(blocker === undefined ? {} : { user_id: blocker }) }
  },
})

/** Also for rooms that the server does not know yet. */
const set = endpoint({
  ...one,
  method: 'PUT',
  body: z.object({ block: z.boolean() }),
  handle: async ({ params, who, body }, { roomBlocks }) => {
    await roomBlocks.set(roomIdOf(params), body.block ? who.userId : undefined)
    return { block: body.block }
  },
})

export const adminRoomBlockEndpoints = [get, set]
