/** https://spec.matrix.org/v1.19/client-server-api/#published-room-directory */
import { z } from 'zod'
import { refuse } from '../../core/errors.ts'
import type { Services } from '../services.ts'
import { endpoint } from '../endpoint.ts'

const since = ['r0', 'v3'] as const
const maxLimit = 500
const defaultLimit = 100

const limitField = (schema: z.ZodType<number>) => schema.transform((limit) => Math.min(limit, maxLimit))

function requireOwn(server: string | undefined, { config }: Services): void {
  if (server !== undefined && server !== config.server_name) {
    throw refuse(404, 'M_NOT_FOUND', `This server does not talk to ${server}`)
  }
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
  handle: async ({ query: { limit, since: from, server } }, services) => {
    requireOwn(server, services)
    return await services.publicRooms.list({ limit, since: from })
  },
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
    filter: z
      .object({
        generic_search_term: z.string().max(1_000).nullish(),
        room_types: z.array(z.string().nullable()).nullish(),
      })
      .optional(),
  }),
  handle: async ({ query, body: { limit, since: from, filter } }, services) => {
    requireOwn(query.server, services)
    const term = filter?.generic_search_term ?? undefined
    return await services.publicRooms.list({
      limit,
      since: from,
      term: term === '' ? undefined : term,
      types: filter?.room_types ?? undefined,
    })
  },
})

export const publicRoomsEndpoints = [list, search]
