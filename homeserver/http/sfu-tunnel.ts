/**
 * The way to the SFU that we run, under our own address: its WebSockets, and nothing else of it. The two ends are joined as
 * they are, so that each waits when the other is slow (T91).
 */
import type { IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import type { Duplex } from 'node:stream'
import { logger } from '../platform/log.ts'
import { clientAddress, type TrustedProxies } from './client-address.ts'

const log = logger('http')

const prefix = '/livekit/sfu'
/** The paths by which LiveKit's clients open their connection. Its API has others, which are not for them. */
const paths = /^\/rtc(?:\/v\d+)?\/?(?:\?|$)/
/** Each is somebody in a call; two while they reconnect. */
const MAX_TUNNELS = 2_000
const CONNECT_MS = 5_000
/** The SFU and its clients greet each other every few seconds. */
const IDLE_MS = 120_000

export interface TunnelParts {
  /** `http://…`; undefined while the SFU is down. */
  readonly target: (() => string | undefined) | undefined
  readonly trustedProxies: TrustedProxies
  /** Aborted when the server stops: all tunnels end. */
  readonly stopping: AbortSignal
}

export type Upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => void

export function sfuTunnel({ target, trustedProxies, stopping }: TunnelParts): Upgrade {
  const open = new Set<Duplex>()
  stopping.addEventListener('abort', () => open.forEach((socket) => socket.destroy()), { once: true })
  return (request, socket, head) => {
    socket.on('error', () => socket.destroy())
    const path = request.url?.startsWith(prefix) ? request.url.slice(prefix.length) : ''
    if (!target || !paths.test(path)) return refuse(socket, '404 Not Found')
    const url = target()
    if (url === undefined || open.size >= MAX_TUNNELS || stopping.aborted) {
      return refuse(socket, '503 Service Unavailable')
    }
    const { hostname, port } = new URL(url)
    const sfu = connect({ host: hostname, port: Number(port), timeout: CONNECT_MS })
    open.add(socket)
    const end = (): void => {
      open.delete(socket)
      socket.destroy()
      sfu.destroy()
    }
    sfu.once('connect', () => {
      sfu.setTimeout(IDLE_MS)
      sfu.write(headOf(request, path, clientAddress(request, trustedProxies)))
      sfu.write(head)
      socket.pipe(sfu)
      sfu.pipe(socket)
    })
    // an end that breaks off is nothing to tell of
    sfu.on('error', (error) => sfu.bytesRead === 0 && log.warn({ error }, 'no way to the SFU'))
    sfu.on('timeout', end)
    sfu.on('close', end)
    socket.on('close', end)
  }
}

function refuse(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
}

/** The request as it came, but for its path, and for what only we know: where it came from. */
function headOf({ rawHeaders }: IncomingMessage, path: string, ip: string): string {
  const lines = [`GET ${path} HTTP/1.1`, `X-Forwarded-For: ${ip}`]
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? ''
    if (!/^(?:x-forwarded-for|x-real-ip)$/i.test(name)) lines.push(`${name}: ${rawHeaders[at + 1] ?? ''}`)
  }
  return `${lines.join('\r\n')}\r\n\r\n`
}
