/** From a server name to connections. https://spec.matrix.org/v1.19/server-server-api/#resolving-server-names */
import { isIP } from 'node:net'
import type { ServerName } from '../../core/ids.ts'
import type { Dns } from '../../platform/dns.ts'
import type { WellKnown } from './well-known.ts'

/** Where to connect to, and as what. */
export interface Target {
  /** Name or address, an IPv6 one without brackets. */
  readonly host: string
  readonly port: number
  /** The `Host` header. */
  readonly hostHeader: string
  /** The name that the certificate must have; undefined for that of `host`, which is then an address. */
  readonly certificateName: string | undefined
  /** How the target was found. */
  readonly by: 'address' | 'port' | 'srv' | 'srv-deprecated' | 'default'
  /** Whether `.well-known` led there. */
  readonly isDelegated: boolean
}

export type ResolveServer = (server: ServerName) => Promise<readonly Target[]>

const DEFAULT_PORT = 8448

/** Gives at least one target; the later ones are for when the earlier ones cannot be reached. */
export function createResolveServer({ dns, wellKnown }: { dns: Dns; wellKnown: WellKnown }): ResolveServer {
  return async (server) => {
    const direct = directTarget(server, false)
    if (direct) return [direct]
    const delegate = await wellKnown.serverOf(server)
    if (delegate === undefined) return await byServices(server, false)
    const target = directTarget(delegate, true)
    return target ? [target] : await byServices(delegate, true)
  }

  /** Steps 3.3 to 3.5, and 4 to 6, which are alike. */
  async function byServices(host: string, isDelegated: boolean): Promise<readonly Target[]> {
    const common = { hostHeader: host, certificateName: host, isDelegated }
    for (const [service, by] of services) {
      const records = await dns.services(`${service}._tcp.${host}`)
      if (records.length > 0) return records.map(({ name, port }) => ({ ...common, host: name, port, by }))
    }
    return [{ ...common, host, port: DEFAULT_PORT, by: 'default' }]
  }
}

const services = [
  ['_matrix-fed', 'srv'],
  ['_matrix', 'srv-deprecated'],
] as const

/** Steps 1 and 2, and 3.1 and 3.2: an address, or a port that is given. */
function directTarget(name: ServerName, isDelegated: boolean): Target | undefined {
  const { host, port } = splitPort(name)
  const common = { host, hostHeader: name, isDelegated }
  if (isIP(host) !== 0) return { ...common, port: port ?? DEFAULT_PORT, certificateName: undefined, by: 'address' }
  if (port !== undefined) return { ...common, port, certificateName: host, by: 'port' }
  return undefined
}

/** An IPv6 address loses its brackets. */
function splitPort(name: ServerName): { readonly host: string; readonly port: number | undefined } {
  const [, host = name, port] = /^(.*?)(?::(\d+))?$/.exec(name) ?? []
  return { host: host.replace(/^\[(.*)\]$/, '$1'), port: port === undefined ? undefined : Number(port) }
}
