/** The configuration of the LiveKit server that we run. https://docs.livekit.io/home/self-hosting/deployment/ */
import type { Config } from '../../config/schema.ts'
import type { ApiKey } from './jwt.ts'

interface LivekitOptions {
  readonly config: Pick<Config, 'calls' | 'profile'>
  readonly key: ApiKey
  /** Where it takes calls of its API and WebSockets: on this machine only. */
  readonly httpPort: number
  readonly webhookUrl: string
}

/** JSON, which LiveKit reads as the YAML that it is too. */
export function livekitConfig({ config: { calls, profile }, key, httpPort, webhookUrl }: LivekitOptions): string {
  const { udp_port, tcp_port, address, turn } = calls
  const isHome = profile === 'local'
  return JSON.stringify({
    port: httpPort,
    bind_addresses: ['127.0.0.1'],
    rtc: {
      udp_port,
      tcp_port,
      ...(address === undefined ? {} : { node_ip: address }),
      // by STUN: behind a router the machine does not know its own address
      use_external_ip: address === undefined && !isHome,
      enable_loopback_candidate: isHome,
      ...turnServers(turn),
    },
    keys: { [key.id]: key.secret.reveal() },
    // whoever has no token from us must not make rooms
    room: { auto_create: false, empty_timeout: 300, departure_timeout: 20 },
    webhook: { api_key: key.id, urls: [webhookUrl] },
    logging: { json: true, level: 'warn' },
  })
}

/**
 * For people whose network lets nothing but TURN through: LiveKit makes names and passwords for it by the secret, as we do for
 * calls of two.
 */
function turnServers({ uris, secret, lifetime }: Config['calls']['turn']): object {
  if (!secret) return {}
  const servers = uris.flatMap((uri) => {
    const [, scheme, host, port, transport] =
      /^(turns?):(\[[^\]]+\]|[^:?]+)(?::(\d+))?(?:\?transport=(udp|tcp))?$/.exec(uri) ?? []
    if (host === undefined) return []
    const isSecure = scheme === 'turns'
    const protocol = isSecure ? 'tls' : (transport ?? 'udp')
    const ttl = Math.floor(lifetime / 1000)
    return [{ host, port: Number(port ?? (isSecure ? 5349 : 3478)), protocol, secret: secret.reveal(), ttl }]
  })
  return servers.length === 0 ? {} : { turn_servers: servers }
}
