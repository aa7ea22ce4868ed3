import { z } from 'zod'
import { endpoint, JsonText } from '../endpoint.ts'
import { limit, listText, token, tokenMember } from './paging.ts'
import { roomIdOf } from './path-ids.ts'

const DEFAULT_LIMIT = 20

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1roomsroomidthreads */
const listThreads = endpoint({
  method: 'GET',
  path: '/rooms/:roomId/threads',
  since: ['v1'],
  also: ['/_matrix/client/unstable/org.matrix.msc3856/rooms/:roomId/threads'],
  auth: 'user',
  limit: 'read',
  query: z.object({ include: z.enum(['all', 'participated']).default('all'), from: token, limit }),
  handle: async ({ params, who, query: { include, from, limit: wanted } }, { relations }) => {
    const { chunk, next } = await relations.threads(who, roomIdOf(params), {
      from: from?.stream,
      limit: Math.max(1, wanted ?? DEFAULT_LIMIT),
      participated: include === 'participated',
    })
    const place = next === undefined ? undefined : { stream: Math.max(0, next) }
    return new JsonText(`{"chunk":${listText(chunk)}${tokenMember('next_batch', place)}}`)
  },
})

export const threadsEndpoints = [listThreads]
