/** https://spec.matrix.org/v1.19/client-server-api/#published-room-directory */
import { z } from 'zod'
import { invalidParam } from '../../core/errors.ts'
import { isServerName } from '../../core/ids.ts'
import type { PublicRoomsRequest } from '../../domain/directory/public-rooms.ts'
import { endpoint } from '../endpoint.ts'
import { publicRoomsFilter } from '../public-rooms-filter.ts'
import type { Services } from '../services.ts'

const since = ['r0', 'v3'] as const
const maxLimit = 500
const defaultLimit = 100

const limitField = (schema: z.ZodType<number>) => schema.transform((limit) => Math.min(limit, maxLimit))

/** The list of this server, or of the one that the client names. */
async function listOf(
  server: string | undefined,
  request: PublicRoomsRequest,
  { publicRooms, config }: Services,
): Promise<object> {
  if (server === undefined || server === config.server_name) return await publicRooms.list(request)
  if (!isServerName(server)) throw invalidParam('server is not the name of a server')
  return await publicRooms.listOf(server, request)
}

const list = endpoint({
  method: 'GET',
  path: '/publicRooms',
  since,
  auth: 'none',
  limit: 'read',
  query: z.object({
    limit: limitField(z.coerce.number().int().positive().default(defaultLimit)),
    since: z.string().optional(),
    server: z.string().optional(),
  }),
  handle: async ({ query: { limit, since: from, server } }, services) =>
    await listOf(server, { limit, since: from }, services),
})

const search = endpoint({
  method: 'POST',
  path: '/publicRooms',
  since,
  auth: 'user',
  limit: 'search',
  query: z.object({ server: z.string().optional() }),
  body: z.object({
    limit: limitField(z.int().positive().default(defaultLimit)),
    since: z.string().optional(),
    filter: publicRoomsFilter,
    third_party_instance_id: z.string().nullish(),
    include_all_networks: z.boolean().nullish(),
  }),
  handle: async ({ query, body }, services) => {
    const { limit, since: from, filter } = body
    const list = networkOf(body.third_party_instance_id ?? undefined, body.include_all_networks === true)
    return await listOf(query.server, { limit, since: from, ...filter, list }, services)
  },
})

/** Instances are named by us: see `domain/appservice/third-party.ts`. */
function networkOf(instance: string | undefined, isAll: boolean): PublicRoomsRequest['list'] {
  if (instance === undefined) return isAll ? 'all' : undefined
  if (isAll) throw invalidParam('Either one network is listed, or all of them')
  const [appserviceId = '', ...rest] = instance.split('|')
  return { appserviceId, networkId: rest.join('|') }
}

export const publicRoomsEndpoints = [list, search]
