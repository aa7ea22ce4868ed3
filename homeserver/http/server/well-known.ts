import { notFound } from '../../core/errors.ts'
import type { Config } from '../../config/schema.ts'
import { endpoint } from '../endpoint.ts'

/** https://spec.matrix.org/v1.19/server-server-api/#getwell-knownmatrixserver */
const wellKnownServer = endpoint({
  method: 'GET',
  path: '/.well-known/matrix/server',
  auth: 'none',
  limit: 'none',
  handle: (_, { config }) => {
    const server = addressOf(config)
    if (server === undefined) throw notFound('This server is found by its name')
    return { 'm.server': server }
  },
})

/** Where `public_url` leads, by HTTPS, or to the port with the certificate of our own. Always with the port. */
function addressOf({ server_name, public_url, tls }: Config): string | undefined {
  if (/:\d+$/.test(server_name)) return undefined // nobody asks
  const { protocol, hostname, port } = new URL(public_url)
  if (tls.mode === 'files') return `${hostname}:${tls.port}`
  return protocol === 'https:' ? `${hostname}:${port || '443'}` : undefined
}

export const wellKnownServerEndpoints = [wellKnownServer]
