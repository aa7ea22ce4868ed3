/** Messages between two devices that log in by QR code, in the dialect of MSC4108. */
import type { Rendezvous } from '../../domain/oauth/rendezvous.ts'
import { missingParam, MatrixError } from '../../core/errors.ts'
import { readBytes } from '../body.ts'
import { endpoint, Reply } from '../endpoint.ts'
import { maxRendezvousBytes } from '../../domain/limits.ts'
import type { IncomingMessage } from 'node:http'

const path = '/_matrix/client/unstable/org.matrix.msc4108/rendezvous'
const common = { path: `${path}/:id`, auth: 'none', limit: 'sync' } as const

const create = endpoint({
  method: 'POST',
  path,
  auth: 'none',
  limit: 'oauth',
  body: 'stream',
  handle: async ({ request }, { config, rendezvous }) => {
    const point = rendezvous.create(await textOf(request))
    return new Reply(201, { url: `${config.public_url}${path}/${point.id}` }, headersOf(point))
  },
})

const get = endpoint({
  ...common,
  method: 'GET',
  handle: ({ params, request }, { rendezvous }) => {
    const point = rendezvous.get(params.id)
    const headers = headersOf(point)
    if (request.headers['if-none-match'] === headers.ETag) return new Reply(304, undefined, headers)
    // without a character set: clients compare the whole header
    return new Reply(200, point.data, { ...headers, 'Content-Type': 'text/plain' })
  },
})

const put = endpoint({
  ...common,
  method: 'PUT',
  body: 'stream',
  handle: async ({ params, request }, { rendezvous }) => {
    const version = request.headers['if-match']
    if (version === undefined) throw missingParam('The header If-Match is missing')
    const text = await textOf(request)
    const { point, isUpdated } = rendezvous.update(params.id, version.replaceAll('"', ''), text)
    if (isUpdated) return new Reply(202, undefined, headersOf(point))
    const errcode = 'M_CONCURRENT_WRITE'
    const body = { errcode, 'org.matrix.msc4108.errcode': errcode, error: 'The other device has written' }
    return new Reply(412, body, headersOf(point))
  },
})

const remove = endpoint({
  ...common,
  method: 'DELETE',
  handle: ({ params }, { rendezvous }) => {
    rendezvous.remove(params.id)
    return new Reply(204)
  },
})

async function textOf(request: IncomingMessage): Promise<string> {
  const type = request.headers['content-type']?.split(';')[0]?.trim().toLowerCase()
  if (type !== 'text/plain') throw new MatrixError(415, 'M_INVALID_PARAM', 'The body must be text/plain')
  return (await readBytes(request, maxRendezvousBytes)).toString()
}

function headersOf({ version, changedTs, expiresTs }: Rendezvous) {
  return {
    ETag: `"${version}"`,
    'Last-Modified': new Date(changedTs).toUTCString(),
    Expires: new Date(expiresTs).toUTCString(),
    'Cache-Control': 'no-store, no-transform',
    Pragma: 'no-cache',
    // what strangers have written is never shown as a page of ours
    'X-Content-Type-Options': 'nosniff',
    'Content-Security-Policy': "sandbox; default-src 'none'; frame-ancestors 'none'",
  }
}

export const rendezvousEndpoints = [create, get, put, remove]
