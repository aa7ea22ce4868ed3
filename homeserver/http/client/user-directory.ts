import { z } from 'zod'
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

export const userDirectoryEndpoints = [search]
