import { version } from '../../platform/version.ts'
import { endpoint } from '../endpoint.ts'

const answer = { server: { name: 'Domovoi', version } }

/** https://spec.matrix.org/v1.19/server-server-api/#get_matrixfederationv1version */
const getVersion = endpoint({
  method: 'GET',
  path: '/_matrix/federation/v1/version',
  auth: 'none',
  limit: 'none',
  handle: () => answer,
})

export const versionEndpoints = [getVersion]
