/** https://spec.matrix.org/v1.19/server-server-api/#retrieving-server-keys */
import { z } from 'zod'
import { encodeCanonical } from '../../core/canonical-json.ts'
import { invalidParam } from '../../core/errors.ts'
import { isServerName } from '../../core/ids.ts'
import type { KeyQuestion } from '../../domain/federation/notary.ts'
import { endpoint, JsonText } from '../endpoint.ts'

/** Servers that one request may ask for. */
const MAX_SERVERS = 1000
const MAX_KEYS = 64

const getServerKeys = endpoint({
  method: 'GET',
  path: '/_matrix/key/v2/server',
  also: ['/_matrix/key/v2/server/:keyId'],
  auth: 'none',
  limit: 'federation',
  handle: (_, { ownKeys }) => new JsonText(encodeCanonical(ownKeys.document())), // as it was signed
})

const timestamp = z.coerce.number().int().nonnegative()

const queryServerKeys = endpoint({
  method: 'GET',
  path: '/_matrix/key/v2/query/:serverName',
  auth: 'none',
  limit: 'federation',
  query: z.object({ minimum_valid_until_ts: timestamp.optional() }),
  handle: async ({ params, query, signal }, { notary }) => {
    const question = questionOf(params.serverName, [], query.minimum_valid_until_ts)
    return { server_keys: await notary.query([question], signal) }
  },
})

/** An older form, which other servers still ask. */
const queryServerKey = endpoint({
  method: 'GET',
  path: '/_matrix/key/v2/query/:serverName/:keyId',
  auth: 'none',
  limit: 'federation',
  query: z.object({ minimum_valid_until_ts: timestamp.optional() }),
  handle: async ({ params, query, signal }, { notary }) => {
    const question = questionOf(params.serverName, [params.keyId], query.minimum_valid_until_ts)
    return { server_keys: await notary.query([question], signal) }
  },
})

const criteria = z.looseObject({ minimum_valid_until_ts: timestamp.optional() })

const queryManyKeys = endpoint({
  method: 'POST',
  path: '/_matrix/key/v2/query',
  auth: 'none',
  limit: 'federation',
  body: z.looseObject({ server_keys: z.record(z.string(), z.record(z.string(), criteria)) }),
  handle: async ({ body, signal }, { notary }) => {
    const asked = Object.entries(body.server_keys)
    if (asked.length > MAX_SERVERS) throw invalidParam(`At most ${MAX_SERVERS} servers can be asked for at once`)
    const questions = asked.map(([server, keys]) => {
      const minima = Object.values(keys).flatMap(({ minimum_valid_until_ts: minimum }) => minimum ?? [])
      return questionOf(server, Object.keys(keys), minima.length > 0 ? Math.max(...minima) : undefined)
    })
    return { server_keys: await notary.query(questions, signal) }
  },
})

function questionOf(server: string, keyIds: readonly string[], minimumValidUntilTs: number | undefined): KeyQuestion {
  if (!isServerName(server)) throw invalidParam('The path or body names what is not a server')
  if (keyIds.length > MAX_KEYS) throw invalidParam(`At most ${MAX_KEYS} keys of a server can be asked for at once`)
  return { server, keyIds, minimumValidUntilTs }
}

export const serverKeysEndpoints = [getServerKeys, queryServerKeys, queryServerKey, queryManyKeys]
