import { lookup as systemLookup } from 'node:dns/promises'
import { Agent as HttpAgent, type IncomingMessage, request as httpRequest } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { isIP, isIPv6, type LookupFunction } from 'node:net'
import { pipeline, Readable } from 'node:stream'
import { createSecureContext, getCACertificates } from 'node:tls'
import { addressCheck, privateRanges } from './address.ts'
import { FetchError } from './fetch-error.ts'

export interface DiallerOptions {
  /** Addresses and CIDR ranges that are never dialled; by default those that are not public. */
  readonly deny?: readonly string[]
  /** Exceptions from `deny`. */
  readonly allow?: readonly string[]
  /** Certificates to trust besides the usual ones, in PEM. */
  readonly ca?: readonly string[]
  /** Gives the IP addresses of a host name; by default by the system's resolver. */
  readonly resolve?: (host: string) => Promise<readonly string[]>
  /** A Unix socket that everything goes to, whatever host a URL names. */
  readonly socketPath?: string
  /** Told of each host that was refused for its addresses. */
  readonly onDenied?: (host: string, addresses: string) => void
}

/** One request as it goes over the wire. */
export interface Hop {
  readonly url: URL
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array | Readable | undefined
  readonly servername: string | undefined
  readonly signal: AbortSignal
}

/** Sends a hop and resolves with the head of its answer. */
export interface Dialler {
  send(hop: Hop): Promise<IncomingMessage>
  close(): void
}

const idempotent = new Set(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS'])
const idleConnectionMs = 30_000

/** Connections that are kept alive, each to an address that was checked when it was dialled. */
export function createDialler({
  deny = privateRanges,
  allow = [],
  ca,
  resolve = systemResolve,
  socketPath,
  onDenied,
}: DiallerOptions): Dialler {
  const mayDial = addressCheck({ deny, allow })
  const pool = { keepAlive: true, maxSockets: 64, maxTotalSockets: 2048, maxFreeSockets: 16, timeout: idleConnectionMs }
  const trust = ca ? { secureContext: createSecureContext({ ca: [...getCACertificates('default'), ...ca] }) } : {}
  const lookup: LookupFunction = (host, options, callback) =>
    void checkedAddresses(host).then(
      (found) => {
        const [first] = found
        if (options.all) callback(null, found)
        else callback(null, first?.address ?? '', first?.family)
      },
      (error: NodeJS.ErrnoException) => callback(error, []),
    )
  const http = new HttpAgent({ ...pool, lookup })
  const https = new HttpsAgent({ ...pool, lookup, ...trust })

  function refuse(host: string, address: string): FetchError {
    onDenied?.(host, address)
    return new FetchError('denied', `${host} is at an address that may not be reached`)
  }

  async function checkedAddresses(host: string): Promise<{ address: string; family: number }[]> {
    const addresses = await resolve(host)
    const open = addresses.filter((address) => mayDial(address))
    if (open.length === 0) throw refuse(host, addresses.join(', '))
    return open.map((address) => ({ address, family: isIPv6(address) ? 6 : 4 }))
  }

  async function send(hop: Hop): Promise<IncomingMessage> {
    const host = hop.url.hostname.replace(/^\[|\]$/g, '')
    // A literal address is dialled without a lookup.
    if (socketPath === undefined && isIP(host) !== 0 && !mayDial(host)) throw refuse(host, host)
    try {
      return await attempt(hop, host)
    } catch (error) {
      if (!(error instanceof StaleConnectionError)) throw error
      return await attempt(hop, host)
    }
  }

  function attempt(hop: Hop, host: string): Promise<IncomingMessage> {
    return new Promise((resolveHead, reject) => {
      const secure = hop.url.protocol === 'https:'
      const request = (secure ? httpsRequest : httpRequest)({
        agent: secure ? https : http,
        host,
        port: hop.url.port || undefined,
        socketPath,
        path: hop.url.pathname + hop.url.search,
        method: hop.method,
        headers: hop.headers,
        signal: hop.signal,
        // Otherwise Node takes the name from the Host header. An address has no name to ask for.
        servername: hop.servername ?? (isIP(host) === 0 ? host : ''),
      })
      request.on('response', resolveHead)
      request.on('error', (error: NodeJS.ErrnoException) => {
        const stale = request.reusedSocket && error.code === 'ECONNRESET' && canRepeat(hop)
        reject(stale ? new StaleConnectionError('The connection was closed before use', { cause: error }) : error)
      })
      if (hop.body instanceof Readable) pipeline(hop.body, request, () => undefined)
      else request.end(hop.body)
    })
  }

  return {
    send,
    close() {
      http.destroy()
      https.destroy()
    },
  }
}

/** The other side closed a kept connection just when we used it again; a new one will do. */
class StaleConnectionError extends Error {
  override name = 'StaleConnectionError'
}

function canRepeat({ method, body, signal }: Hop): boolean {
  return idempotent.has(method) && !(body instanceof Readable) && !signal.aborted
}

async function systemResolve(host: string): Promise<readonly string[]> {
  const found = await systemLookup(host, { all: true, verbatim: true })
  return found.map(({ address }) => address)
}
