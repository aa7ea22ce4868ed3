/** Which servers are asked to let somebody into a room, and what is made of their answers. */
import { MatrixError, notFound } from '../../../core/errors.ts'
import { isServerName, type ServerName } from '../../../core/ids.ts'
import { logger } from '../../../platform/log.ts'

const log = logger('federation')

/** Servers asked for one change. */
const MAX_CANDIDATES = 10

/** In the order given, each once, without ourselves. */
export function candidatesFrom(self: ServerName, servers: Iterable<ServerName | undefined>): ServerName[] {
  const distinct = new Set<ServerName>()
  for (const server of servers) {
    if (distinct.size === MAX_CANDIDATES) break
    if (server !== undefined && server !== self && isServerName(server)) distinct.add(server)
  }
  return [...distinct]
}

/**
 * What the first server gives that can. When none can, throws the refusal that tells most: one server that is down or
 * does not know the room says less than one that does not let the user in.
 */
export async function firstThatCan<T>(
  servers: readonly ServerName[],
  ask: (server: ServerName) => Promise<T>,
): Promise<T> {
  const refusals: MatrixError[] = []
  for (const server of servers) {
    try {
      return await ask(server)
    } catch (error) {
      if (!(error instanceof MatrixError)) throw error
      log.info({ server, errcode: error.errcode, reason: error.message }, 'server did not let a user in or out')
      refusals.push(error)
    }
  }
  throw mostTelling(refusals) ?? notFound('No server is known that is in this room')
}

function mostTelling(refusals: readonly MatrixError[]): MatrixError | undefined {
  const best = Math.max(...refusals.map(tells))
  return refusals.find((refusal) => tells(refusal) === best)
}

function tells({ status }: MatrixError): number {
  return [404, 400, 403].indexOf(status)
}
