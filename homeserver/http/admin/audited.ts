/** Everything that administrators change leaves a line in the audit log, whether it was done or refused. */
import { MatrixError } from '../../core/errors.ts'
import type { Requester } from '../../domain/accounts/requester.ts'
import type { Endpoint } from '../endpoint.ts'

/** Members of bodies that nobody may read later. */
const secrets: ReadonlySet<string> = new Set(['password', 'new_password', 'mac', 'content', 'auth'])

/** The endpoint itself unless it is one of administrators that changes something. */
export function audited(endpoint: Endpoint): Endpoint {
  if (endpoint.auth !== 'admin' || endpoint.method === 'GET') return endpoint
  const action = `${endpoint.method} ${endpoint.paths[0]}`
  return {
    ...endpoint,
    handle: async (call, services) => {
      const { userId: actor } = call.who as Requester // the router has seen to it, by `auth`
      const act = { actor, ip: call.ip, action, details: { ...call.params, ...shownOf(call.body) } }
      try {
        const answer = await endpoint.handle(call, services)
        await services.auditLog.add(act)
        return answer
      } catch (error) {
        await services.auditLog.add({ ...act, errcode: error instanceof MatrixError ? error.errcode : 'M_UNKNOWN' })
        throw error
      }
    },
  }
}

function shownOf(body: unknown): Record<string, unknown> {
  if (typeof body !== 'object' || body === null) return {}
  return Object.fromEntries(Object.entries(body).filter(([key]) => !secrets.has(key)))
}
