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
  const { udp_port, tcp_port, address } = calls
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
    },
    keys: { [key.id]: key.secret.reveal() },
    // whoever has no token from us must not make rooms
    room: { auto_create: false, empty_timeout: 300, departure_timeout: 20 },
    webhook: { api_key: key.id, urls: [webhookUrl] },
    logging: { json: true, level: 'warn' },
  })
}
