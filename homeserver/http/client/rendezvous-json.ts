/** Messages between two devices that log in by QR code, in the dialect of MSC4388. */
import { z } from 'zod'
import { forbidden } from '../../core/errors.ts'
import { endpoint, Reply } from '../endpoint.ts'
import { noStore } from '../oauth/refusal.ts'

const path = '/_matrix/client/unstable/io.element.msc4388/rendezvous'
const common = { path: `${path}/:id`, auth: 'none', limit: 'sync' } as const

const isAvailable = endpoint({
  method: 'GET',
  path,
  auth: 'none',
  limit: 'read',
  handle: () => ({ create_available: true }),
})

const create = endpoint({
  method: 'POST',
  path,
  auth: 'none',
  limit: 'oauth',
  body: z.object({ data: z.string() }),
  handle: ({ body }, { clock, rendezvous }) => {
    const { id, version, expiresTs } = rendezvous.create(body.data)
    const answer = { id, sequence_token: version, expires_in_ms: expiresTs - clock.steady() }
    return new Reply(200, answer, noStore)
  },
})

const get = endpoint({
  ...common,
  method: 'GET',
  handle: ({ params, request }, { clock, rendezvous }) => {
    // A browser may be led here as to a page: what strangers have written must not be shown.
    const destination = request.headers['sec-fetch-dest'] ?? 'empty'
    if (destination !== 'empty') throw forbidden('This is no page')
    const { data, version, expiresTs } = rendezvous.get(params.id)
    const answer = { data, sequence_token: version, expires_in_ms: expiresTs - clock.steady() }
    return new Reply(200, answer, { ...noStore, 'X-Content-Type-Options': 'nosniff' })
  },
})

const put = endpoint({
  ...common,
  method: 'PUT',
  body: z.object({ sequence_token: z.string(), data: z.string() }),
  handle: ({ params, body }, { rendezvous }) => {
    const { point, isUpdated } = rendezvous.update(params.id, body.sequence_token, body.data)
    // The answer may have got lost: the same again is no conflict.
    const isRepeated = point.previous === body.sequence_token && point.data === body.data
    if (isUpdated || isRepeated) return new Reply(200, { sequence_token: point.version }, noStore)
    const errcode = 'IO_ELEMENT_MSC4388_CONCURRENT_WRITE'
    return new Reply(409, { errcode, error: 'The other device has written' }, noStore)
  },
})

const remove = endpoint({
  ...common,
  method: 'DELETE',
  handle: ({ params }, { rendezvous }) => {
    rendezvous.remove(params.id)
    return {}
  },
})

export const rendezvousJsonEndpoints = [isAvailable, create, get, put, remove]
