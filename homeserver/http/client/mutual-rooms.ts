import { z } from 'zod'
import { invalidParam } from '../../core/errors.ts'
import { isUserId } from '../../core/ids.ts'
import { endpoint } from '../endpoint.ts'

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1mutual_rooms */
const mutualRooms = endpoint({
  method: 'GET',
  path: '/mutual_rooms',
  since: ['v1'],
  also: ['/_matrix/client/unstable/uk.half-shot.msc2666/user/mutual_rooms'],
  auth: 'user',
  limit: 'search',
  query: z.object({ user_id: z.string() }),
  handle: async ({ who, query }, { userSearch }) => {
    if (!isUserId(query.user_id)) throw invalidParam('user_id is not a user id')
    if (query.user_id === who.userId) throw invalidParam('user_id is your own')
    const joined = await userSearch.mutualRooms(who.userId, query.user_id)
    return { joined, count: joined.length }
  },
})

export const mutualRoomsEndpoints = [mutualRooms]
