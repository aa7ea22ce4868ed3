import { endpoint } from '../endpoint.ts'

/** https://spec.matrix.org/v1.19/client-server-api/#getwell-knownmatrixclient */
const wellKnownClient = endpoint({
  method: 'GET',
  path: '/.well-known/matrix/client',
  auth: 'none',
  limit: 'none',
  handle: (_, { config }) => ({ 'm.homeserver': { base_url: config.public_url } }),
})

export const wellKnownEndpoints = [wellKnownClient]
