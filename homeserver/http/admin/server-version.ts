import { version } from '../../platform/version.ts'
import { endpoint } from '../endpoint.ts'

/** Administration panels show it before anybody has logged in. Synapse's name of the key. */
const getServerVersion = endpoint({
  method: 'GET',
  path: '/_synapse/admin/v1/server_version',
  auth: 'none',
  limit: 'admin',
  handle: () => ({ server_version: version }),
})

export const serverVersionEndpoints = [getServerVersion]
