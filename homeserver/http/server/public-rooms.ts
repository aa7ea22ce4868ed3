import { z } from 'zod'
import { endpoint } from '../endpoint.ts'
import { publicRoomsFilter } from '../public-rooms-filter.ts'

const asked = { auth: 'server', limit: 'federation' } as const
const maxLimit = 500

const limit = (schema: z.ZodType<number>) =>
  schema.default(0).transform((number) => (number === 0 ? maxLimit : Math.min(number, maxLimit)))

/** https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1publicrooms */
const list = endpoint({
  ...asked,
  method: 'GET',
  path: '/_matrix/federation/v1/publicRooms',
  query: z.object({ limit: limit(z.coerce.number().int().nonnegative()), since: z.string().optional() }),
  handle: async ({ query }, { publicRooms }) => await publicRooms.list(query),
})

/** https://spec.matrix.org/v1.19/server-server-api/#post_matrixfederationv1publicrooms */
const search = endpoint({
  ...asked,
  method: 'POST',
  path: '/_matrix/federation/v1/publicRooms',
  body: z.object({
    limit: limit(z.int().nonnegative()),
    since: z.string().optional(),
    filter: publicRoomsFilter,
  }),
  handle: async ({ body: { filter, ...page } }, { publicRooms }) => await publicRooms.list({ ...page, ...filter }),
})

export const federatedPublicRoomsEndpoints = [list, search]
