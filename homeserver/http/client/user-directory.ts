import { z } from 'zod'
import { invalidParam } from '../../core/errors.ts'
import { isUserId } from '../../core/ids.ts'
import { endpoint } from '../endpoint.ts'

const maxResults = 50
/** Longer than what is searched, and short enough for a pattern of the database. */
const maxTermLength = 1_000

/** https://spec.matrix.org/v1.19/client-server-api/#post_matrixclientv3user_directorysearch */
const search = endpoint({
  method: 'POST',
  path: '/user_directory/search',
  since: ['r0', 'v3'],
  auth: 'user',
  limit: 'search',
  whileSuspended: true,
  body: z.object({ search_term: z.string().max(maxTermLength), limit: z.int().positive().default(10) }),
  handle: async ({ who, body }, { userSearch }) =>
    await userSearch.search(who.userId, body.search_term, Math.min(body.limit, maxResults)),
})

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

export const userDirectoryEndpoints = [search, mutualRooms]
