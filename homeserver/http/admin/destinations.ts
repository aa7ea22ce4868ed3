/** The other servers. https://element-hq.github.io/synapse/latest/usage/administration/admin_api/federation.html */
import { z } from 'zod'
import type { DestinationRow } from '../../domain/admin/destination-admin.ts'
import { endpoint } from '../endpoint.ts'
import { from, limit, nextToken } from './queries.ts'

const common = { auth: 'admin', limit: 'admin' } as const
const path = '/_synapse/admin/v1/federation/destinations'

const list = endpoint({
  ...common,
  method: 'GET',
  path,
  query: z.object({ from, limit, destination: z.string().optional() }),
  handle: async ({ query }, { destinationAdmin }) => {
    const { destinations, total } = await destinationAdmin.search({ ...query, term: query.destination })
    return { destinations: destinations.map(shown), total, ...nextToken(query, destinations.length, total) }
  },
})

const get = endpoint({
  ...common,
  method: 'GET',
  path: `${path}/:destination`,
  handle: async ({ params }, { destinationAdmin }) => shown(await destinationAdmin.get(params.destination)),
})

const reset = endpoint({
  ...common,
  method: 'POST',
  path: `${path}/:destination/reset_connection`,
  handle: async ({ params }, { destinationAdmin }) => {
    await destinationAdmin.retry(params.destination)
    return {}
  },
})

const shown = (row: DestinationRow) => ({
  destination: row.server_name,
  retry_last_ts: row.failing_since ?? 0,
  retry_interval: row.retry_at === null || row.failing_since === null ? 0 : row.retry_at - row.failing_since,
  failure_ts: row.failing_since,
  last_successful_stream_ordering: null, // places are not shown
  last_success_ts: row.last_success,
  last_error: row.last_error,
})

export const adminDestinationsEndpoints = [list, get, reset]
