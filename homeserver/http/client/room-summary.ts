/** Rooms seen from outside: summaries and the hierarchy of spaces. */
import { z } from 'zod'
import { invalidParam, notFound } from '../../core/errors.ts'
import { isRoomAlias, isRoomId, type RoomId, type ServerName } from '../../core/ids.ts'
import type { Services } from '../services.ts'
import { endpoint } from '../endpoint.ts'
import { roomIdOf } from './path-ids.ts'
import { serversToAsk } from './servers-to-ask.ts'

async function resolve(
  { roomIdOrAlias }: { readonly roomIdOrAlias: string },
  { directory }: Services,
): Promise<{ readonly roomId: RoomId; readonly servers: readonly ServerName[] }> {
  if (isRoomId(roomIdOrAlias)) return { roomId: roomIdOrAlias, servers: [] }
  if (!isRoomAlias(roomIdOrAlias)) throw invalidParam(`'${roomIdOrAlias}' is neither a room id nor an alias`)
  const found = await directory.resolve(roomIdOrAlias)
  if (!found) throw notFound('There is no such alias')
  return found
}

/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1room_summaryroomidoralias */
const summary = endpoint({
  method: 'GET',
  path: '/room_summary/:roomIdOrAlias',
  since: ['v1'],
  also: [
    '/_matrix/client/unstable/im.nheko.summary/rooms/:roomIdOrAlias/summary',
    '/_matrix/client/unstable/im.nheko.summary/summary/:roomIdOrAlias',
  ],
  auth: 'optional',
  limit: 'read',
  handle: async ({ who, params, request }, services) => {
    const { roomId, servers } = await resolve(params, services)
    return await services.roomPreviews.summarise(who?.userId, roomId, [...serversToAsk(request), ...servers])
  },
})

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
    suggested_only: z.enum(['true', 'false']).default('false'),
    limit: z.coerce.number().int().positive().default(50),
    max_depth: z.coerce.number().int().nonnegative().default(maxDepth),
    from: z.string().optional(),
  }),
  handle: async ({ who, params, query }, { roomPreviews }) =>
    await roomPreviews.hierarchy(who.userId, roomIdOf(params), {
      suggestedOnly: query.suggested_only === 'true',
      limit: Math.min(query.limit, maxLimit),
      maxDepth: Math.min(query.max_depth, maxDepth),
      from: query.from,
    }),
})

export const roomSummaryEndpoints = [summary, hierarchy]
