/** https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3sync */
import { Readable } from 'node:stream'
import { z } from 'zod'
import { invalidParam } from '../../core/errors.ts'
import { parseSyncToken } from '../../core/token.ts'
import { type StateAfterKey } from '../../domain/sync/span.ts'
import { endpoint, JsonText, Reply } from '../endpoint.ts'
import { flag } from '../query-flag.ts'

/** Longer than any client waits, and than proxies keep a silent connection. */
const maxTimeoutMs = 300_000

const query = z.object({
  filter: z.string().optional(),
  since: z.string().optional(),
  full_state: flag.default(false),
  set_presence: z.enum(['online', 'offline', 'unavailable']).default('online'),
  timeout: z.coerce.number().int().nonnegative().default(0),
  use_state_after: flag.default(false),
  'org.matrix.msc4222.use_state_after': flag.default(false),
})

const sync = endpoint({
  method: 'GET',
  path: '/sync',
  since: ['r0', 'v3'],
  auth: 'user',
  limit: 'sync',
  query,
  isLong: (asked) => !asked.get('since') || asked.get('full_state') === 'true', // all rooms, and at once
  handle: async ({ query: asked, who, signal }, { sync: syncs, filters, sessionWatch }) => {
    const since = asked.since ? parseSyncToken(asked.since) : undefined
    if (asked.since && !since) throw invalidParam('since is not a token of this server')
    using session = sessionWatch.begin(who, signal)
    const answer = await syncs.sync({
      who,
      since,
      filter: await filters.resolve(who.userId, asked.filter),
      fullState: asked.full_state,
      stateAfter: stateAfterOf(asked),
      setPresence: asked.set_presence,
      timeoutMs: Math.min(asked.timeout, maxTimeoutMs),
      signal: session.signal,
    })
    // News may have come first that the end of the session has brought. When the server stops, the answer goes out.
    if (!signal.aborted) session.signal.throwIfAborted()
    if (typeof answer === 'string') return new JsonText(answer)
    return new Reply(200, Readable.from(answer), { 'Content-Type': 'application/json' })
  },
})

/** Clients are answered by the name under which they asked. */
function stateAfterOf(asked: z.output<typeof query>): StateAfterKey | undefined {
  if (asked.use_state_after) return 'state_after'
  return asked['org.matrix.msc4222.use_state_after'] ? 'org.matrix.msc4222.state_after' : undefined
}

export const syncEndpoints = [sync]
