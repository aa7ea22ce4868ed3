/** https://spec.matrix.org/v1.19/server-server-api/#end-to-end-encryption */
import { z } from 'zod'
import { endpoint, JsonText } from '../endpoint.ts'

/** What a server may ask at once for users of ours. */
const maxBody = 1024 * 1024

const query = endpoint({
  method: 'POST',
  path: '/_matrix/federation/v1/user/keys/query',
  auth: 'server',
  limit: 'federation',
  maxBody,
  body: z.object({ device_keys: z.record(z.string(), z.array(z.string())) }),
  handle: async ({ body }, { publishedKeys }) => new JsonText(await publishedKeys.query(body.device_keys)),
})

const claim = endpoint({
  method: 'POST',
  path: '/_matrix/federation/v1/user/keys/claim',
  auth: 'server',
  limit: 'federation',
  maxBody,
  body: z.object({ one_time_keys: z.record(z.string(), z.record(z.string(), z.string())) }),
  handle: async ({ body }, { publishedKeys }) => new JsonText(await publishedKeys.claim(body.one_time_keys)),
})

export const userKeysEndpoints = [query, claim]
