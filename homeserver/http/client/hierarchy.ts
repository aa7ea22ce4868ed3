import { z } from 'zod'
import { endpoint } from '../endpoint.ts'
import { flag } from '../query-flag.ts'
import { roomIdOf } from './path-ids.ts'

const maxLimit = 100
const maxDepth = 50

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1roomsroomidhierarchy */
const hierarchy = endpoint({
  method: 'GET',
  path: '/rooms/:roomId/hierarchy',
  since: ['v1'],
  also: ['/_matrix/client/unstable/org.matrix.msc2946/rooms/:roomId/hierarchy'],
  auth: 'user',
  limit: 'read',
  query: z.object({
    suggested_only: flag.default(false),
    limit: z.coerce.number().int().positive().default(50),
    max_depth: z.coerce.number().int().nonnegative().default(maxDepth),
    from: z.string().optional(),
  }),
  handle: async ({ who, params, query }, { roomPreviews }) =>
    await roomPreviews.hierarchy(who.userId, roomIdOf(params), {
      suggestedOnly: query.suggested_only,
      limit: Math.min(query.limit, maxLimit),
      maxDepth: Math.min(query.max_depth, maxDepth),
      from: query.from,
    }),
})

export const hierarchyEndpoints = [hierarchy]
