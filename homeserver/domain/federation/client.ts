/** Requests to other servers, signed. https://spec.matrix.org/v1.19/server-server-api/#request-authentication */
import { isIPv6 } from 'node:net'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'
import { encodeCanonical, isJsonObject, parseJson } from '../../core/canonical-json.ts'
import { forbidden } from '../../core/errors.ts'
import type { Json, JsonObject } from '../../core/event.ts'
import type { ServerName } from '../../core/ids.ts'
import type { Signer } from '../../core/signing.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Fetched, Fetcher, FetchOptions } from '../../platform/fetch.ts'
import { FetchError } from '../../platform/fetch-error.ts'
import type { Counter, Metrics } from '../../platform/metrics.ts'
import { NoSlotError, Slots } from '../../platform/slots.ts'
import { noTracing, type Tracing } from '../../platform/tracing.ts'
import type { Destinations } from './destinations.ts'
import { FederationError, refusedBy, unusable } from './federation-error.ts'
import { signRequest } from './request-signing.ts'
import type { ResolveServer, Target } from './resolve-server.ts'
import type { ServerFilter } from './server-filter.ts'

export interface FederationCall {
  /** A list gives its parameter several times. */
  readonly query?: Readonly<Record<string, string | number | readonly string[] | undefined>>
  readonly body?: JsonObject
  /** Instead of `body`: one that is canonical JSON already. */
  readonly bodyText?: string
  readonly signal?: AbortSignal
  /** Of the answer; 1 MiB unless told (T45). */
  readonly maxBytes?: number
  /** For everything, resolving the name included; 30 s unless told. */
  readonly timeoutMs?: number
  /** Tries even a server that has just failed. */
  readonly evenIfDown?: boolean
}

export type FederationMethod = 'GET' | 'PUT' | 'POST'

export interface FederationClientParts {
  readonly signer: Signer
  readonly fetch: Fetcher
  readonly resolveServer: ResolveServer
  readonly mayTalkTo: ServerFilter
  readonly destinations: Destinations
  readonly metrics: Metrics
  readonly clock: Clock
  readonly tracing?: Tracing
}

const MAX_BYTES = 1024 * 1024
const TIMEOUT_MS = 30_000
/** Of an answer that tells of an error. */
const MAX_ERROR_BYTES = 65_536
const CONCURRENT = 16
const MAX_WAITING = 1_000

export class FederationClient {
  readonly #parts: FederationClientParts
  readonly #slots = new Slots({ perKey: CONCURRENT, maxWaiting: MAX_WAITING })
  readonly #requests: Counter<'result'>

  constructor(parts: FederationClientParts) {
    this.#parts = parts
    this.#requests = parts.metrics.counter('federation_requests_total', 'Requests to other servers', ['result'])
  }

  /**
   * The JSON object that the server answers. `path` begins with `/_matrix/`, see `federationPath`. Throws
   * `FederationError`, `M_FORBIDDEN` if we do not talk to that server, or the reason of the signal.
   */
  async get(destination: ServerName, path: string, call: FederationCall = {}): Promise<JsonObject> {
    return await this.#exchange('GET', destination, path, call)
  }

  async put(destination: ServerName, path: string, call: FederationCall = {}): Promise<JsonObject> {
    return await this.#exchange('PUT', destination, path, call)
  }

  async post(destination: ServerName, path: string, call: FederationCall = {}): Promise<JsonObject> {
    return await this.#exchange('POST', destination, path, call)
  }

  /**
   * The head of a good answer with its body as a stream, which must be read or destroyed. `timeoutMs` is for the head,
   * and then for each pause. Throws as `get` does.
   */
  async open(
    method: FederationMethod,
    destination: ServerName,
    path: string,
    call: FederationCall = {},
  ): Promise<Fetched<Readable>> {
    return await this.#send(method, destination, path, call, async (url, options) => {
      const answer = await this.#parts.fetch.stream(url, options)
      if (answer.status < 300) return answer
      const body = await text(answer.body)
      throw refusedBy(destination, answer.status, jsonIn(body.slice(0, MAX_ERROR_BYTES)))
    })
  }

  async #exchange(
    method: FederationMethod,
    destination: ServerName,
    path: string,
    call: FederationCall,
  ): Promise<JsonObject> {
    const { body } = await this.#send(method, destination, path, call, async (url, options) => {
      const answer = await this.#parts.fetch(url, options)
      if (answer.status < 300) return answer
      throw refusedBy(destination, answer.status, jsonIn(answer.body.toString('utf8', 0, MAX_ERROR_BYTES)))
    })
    const json = jsonIn(body.toString())
    if (!isJsonObject(json)) throw unusable(destination, 'did not answer with a JSON object')
    return json
  }

  async #send<T>(
    method: FederationMethod,
    destination: ServerName,
    path: string,
    call: FederationCall,
    attempt: (url: URL, options: FetchOptions) => Promise<T>,
  ): Promise<T> {
    const { signer, mayTalkTo, destinations, clock, tracing = noTracing } = this.#parts
    if (destination === signer.serverName) throw new TypeError('A request to another server was meant for ourselves')
    if (!mayTalkTo(destination)) throw forbidden(`This server does not talk to ${destination}`)
    if (call.evenIfDown !== true && destinations.isDown(destination)) {
      throw unusable(destination, 'did not answer a short while ago')
    }
    const { timeoutMs = TIMEOUT_MS, signal: caller } = call
    const late = new AbortController()
    const cancel = clock.after(timeoutMs, () => late.abort(new FetchError('timeout', `No answer in ${timeoutMs} ms`)))
    const signal = caller ? AbortSignal.any([caller, late.signal]) : late.signal
    try {
      const attributes = { 'server.address': destination }
      const reach = () =>
        // Other servers are not told of our traces.
        tracing.span(`${method} ${kindOf(path)}`, { kind: 'client', attributes }, () =>
          this.#reach(method, destination, path, { ...call, timeoutMs, signal }, attempt),
        )
      const result = await this.#slots.run(destination, reach, signal)
      destinations.alive(destination)
      this.#requests.inc({ result: 'ok' })
      return result
    } catch (error) {
      if (caller?.aborted) throw caller.reason
      throw this.#explain(destination, error)
    } finally {
      cancel()
    }
  }

  /** Tries the targets of a server in their order until one answers, whatever it answers. */
  async #reach<T>(
    method: FederationMethod,
    destination: ServerName,
    path: string,
    call: FederationCall & { readonly signal: AbortSignal },
    attempt: (url: URL, options: FetchOptions) => Promise<T>,
  ): Promise<T> {
    const { resolveServer, signer } = this.#parts
    const content = call.bodyText ?? (call.body && encodeCanonical(call.body))
    const [first, ...others] = await unlessAborted(resolveServer(destination), call.signal)
    for (let target = first; target; target = others.shift()) {
      const url = urlOf(target, path, call.query)
      const uri = url.pathname + url.search
      const options: FetchOptions = {
        method,
        headers: {
          host: target.hostHeader,
          authorization: signRequest({ method, uri, destination, content }, signer),
          ...(content === undefined ? {} : { 'content-type': 'application/json' }),
        },
        ...(content === undefined ? {} : { body: content }),
        signal: call.signal,
        maxBytes: call.maxBytes ?? MAX_BYTES,
        timeoutMs: call.timeoutMs ?? TIMEOUT_MS,
        ...(target.certificateName === undefined ? {} : { servername: target.certificateName }),
      }
      call.signal.throwIfAborted()
      try {
        return await attempt(url, options)
      } catch (error) {
        const mayTryNext = error instanceof FetchError && error.failure === 'network' && method !== 'POST'
        if (!mayTryNext || others.length === 0) throw error
      }
    }
    throw unusable(destination, 'could not be found')
  }

  /** What to throw; takes note of servers that are down. */
  #explain(destination: ServerName, error: unknown): FederationError {
    const { destinations } = this.#parts
    if (error instanceof FederationError && error.remote) {
      if (gatewayStatuses.has(error.remote.status)) destinations.failed(destination)
      else destinations.alive(destination)
      this.#requests.inc({ result: 'refused' })
      return error
    }
    this.#requests.inc({ result: 'failed' })
    if (error instanceof FederationError) return error
    if (error instanceof NoSlotError) return unusable(destination, 'is asked too much at once', error)
    const failure = error instanceof FetchError ? error.failure : 'network'
    if (failure === 'too_large') return unusable(destination, 'answered more than was to be expected', error)
    destinations.failed(destination)
    return unusable(destination, failure === 'timeout' ? 'did not answer in time' : 'could not be reached', error)
  }
}

/** What a reverse proxy says whose server is down. */
const gatewayStatuses: ReadonlySet<number> = new Set([502, 503, 504])

/** What is asked, without the ids in the path. */
const kindOf = (path: string): string => path.split('/', 5).join('/')

/** ``federationPath`/v1/event/${eventId}` `` below `/_matrix/federation`, with what is put in encoded. */
export function federationPath(parts: TemplateStringsArray, ...values: readonly string[]): string {
  return `/_matrix/federation${String.raw({ raw: parts }, ...values.map(encodeURIComponent))}`
}

export function urlOf({ host, port }: Target, path: string, query: FederationCall['query'] = {}): URL {
  const url = new URL(`https://${isIPv6(host) ? `[${host}]` : host}:${port}${path}`)
  for (const [name, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? (value as readonly string[]) : [value]) {
      if (one !== undefined) url.searchParams.append(name, String(one))
    }
  }
  return url
}

/** Undefined for what is no JSON. */
function jsonIn(text: string): Json | undefined {
  try {
    return parseJson(text)
  } catch {
    return undefined
  }
}

/** Looking up a name has no signal of its own: what it finds is kept for the next who asks. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>()
  const onAbort = (): void => reject(signal.reason)
  signal.addEventListener('abort', onAbort, { once: true })
  try {
    return await Promise.race([work, promise])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
