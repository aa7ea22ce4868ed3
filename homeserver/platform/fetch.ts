/**
 * The only way out over HTTP. Every address is checked when it is dialled, after the name was resolved and at each
 * hop of a redirect, so that neither a name server nor a redirect leads inside (T43).
 */
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { type Clock, systemClock } from './clock.ts'
import { acceptedEncodings, readBody } from './fetch-body.ts'
import { createDialler, type Dialler, type DiallerOptions, type Hop } from './fetch-dial.ts'
import { FetchError } from './fetch-error.ts'

export interface FetcherOptions extends DiallerOptions {
  /** The limits of calls that set none: 1 MiB and 30 s if not given here either. */
  readonly maxBytes?: number
  readonly timeoutMs?: number
  readonly userAgent?: string
  readonly clock?: Clock
}

export interface FetchOptions {
  readonly method?: string
  /** By lower-case names. */
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array | Readable
  readonly signal?: AbortSignal
  /** Of the body after decompression. */
  readonly maxBytes?: number
  /** For the whole of a buffered answer; for a stream until its head, and then for each pause. */
  readonly timeoutMs?: number
  /** How many redirects to follow; with 0, the default, a redirect is the answer. */
  readonly redirects?: number
  /** Redirects included: `['https:']` never leaves TLS. */
  readonly protocols?: readonly string[]
  /** The name that the certificate must have, if it is not the URL's host. */
  readonly servername?: string
}

export interface Fetched<Body> {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  /** Where the answer came from, after redirects. */
  readonly url: string
  readonly body: Body
}

/** Rejects with `FetchError`, or with the reason of the caller's signal. Any status is an answer, not an error. */
export interface Fetcher {
  (url: string | URL, options?: FetchOptions): Promise<Fetched<Buffer>>
  /** The body must be read or destroyed. */
  stream(url: string | URL, options?: FetchOptions): Promise<Fetched<Readable>>
  /** Closes all connections. */
  close(): void
}

const webProtocols: readonly string[] = ['https:', 'http:']

export function createFetcher(options: FetcherOptions = {}): Fetcher {
  const { maxBytes = 1024 * 1024, timeoutMs = 30_000, userAgent = 'Domovoi', clock = systemClock } = options
  const dialler = createDialler(options)
  const prepare = (call: FetchOptions) => ({
    ...call,
    maxBytes: call.maxBytes ?? maxBytes,
    timeoutMs: call.timeoutMs ?? timeoutMs,
    headers: { 'user-agent': userAgent, 'accept-encoding': acceptedEncodings, ...call.headers },
  })

  async function fetchBuffer(url: string | URL, call: FetchOptions = {}): Promise<Fetched<Buffer>> {
    const { maxBytes, ...rest } = prepare(call)
    return await withDeadline(clock, rest, async (signal) => {
      const { response, url: from } = await follow(dialler, url, { ...rest, signal })
      const body = readBody(response, { maxBytes, idleMs: undefined, clock })
      return answer(response, from, Buffer.concat((await body.toArray({ signal })) as Buffer[])) // no encoding is set
    })
  }

  async function fetchStream(url: string | URL, call: FetchOptions = {}): Promise<Fetched<Readable>> {
    const { maxBytes, ...rest } = prepare(call)
    return await withDeadline(clock, rest, async (signal) => {
      const { response, url: from } = await follow(dialler, url, { ...rest, signal })
      return answer(response, from, readBody(response, { maxBytes, idleMs: rest.timeoutMs, clock }))
    })
  }

  return Object.assign(fetchBuffer, { stream: fetchStream, close: () => dialler.close() })
}

function answer<Body>(response: IncomingMessage, url: URL, body: Body): Fetched<Body> {
  return { status: response.statusCode ?? 0, headers: response.headers, url: url.href, body }
}

/** Runs `work` with a signal that the caller or the time limit aborts, and gives its failures their names. */
async function withDeadline<T>(
  clock: Clock,
  { timeoutMs, signal: caller }: { timeoutMs: number; signal?: AbortSignal | undefined },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const deadline = new AbortController()
  const signal = caller ? AbortSignal.any([caller, deadline.signal]) : deadline.signal
  const late = new FetchError('timeout', `No answer within ${timeoutMs} ms`)
  const cancel = clock.after(timeoutMs, () => deadline.abort(late))
  try {
    signal.throwIfAborted()
    return await work(signal)
  } catch (error) {
    if (signal.aborted) throw signal.reason
    throw error instanceof FetchError ? error : new FetchError('network', `The request failed: ${String(error)}`, error)
  } finally {
    cancel()
  }
}

type Call = FetchOptions & { readonly headers: Readonly<Record<string, string>>; readonly signal: AbortSignal }

async function follow(
  dialler: Dialler,
  start: string | URL,
  call: Call,
): Promise<{ response: IncomingMessage; url: URL }> {
  const { redirects = 0, protocols = webProtocols } = call
  let hop: Hop = {
    url: parseUrl(start),
    method: call.method ?? 'GET',
    headers: call.headers,
    body: call.body,
    servername: call.servername,
    signal: call.signal,
  }
  for (let left = redirects; ; left -= 1) {
    if (!protocols.includes(hop.url.protocol)) {
      throw new FetchError('protocol', `Requests by ${hop.url.protocol} are not allowed`)
    }
    const response = await dialler.send(hop)
    const next = redirectOf(response, hop)
    if (!next || redirects === 0) return { response, url: hop.url }
    response.destroy()
    if (left === 0) throw new FetchError('too_many_redirects', `More than ${redirects} redirects`)
    hop = next
  }
}

function parseUrl(url: string | URL, base?: URL): URL {
  try {
    return new URL(url, base)
  } catch (error) {
    throw new FetchError('protocol', 'Not a URL', error)
  }
}

const redirectStatuses = new Set([301, 302, 303, 307, 308])

/** https://fetch.spec.whatwg.org/#http-redirect-fetch */
function redirectOf({ statusCode = 0, headers: { location } }: IncomingMessage, hop: Hop): Hop | undefined {
  if (!redirectStatuses.has(statusCode) || location === undefined) return undefined
  const url = parseUrl(location, hop.url)
  const toGet = statusCode === 303 ? hop.method !== 'HEAD' : statusCode < 303 && hop.method === 'POST'
  if (!toGet && hop.body instanceof Readable) throw new FetchError('protocol', 'A stream cannot be sent a second time')
  const { host: _host, 'content-type': contentType, authorization, cookie, ...headers } = hop.headers
  const sameOrigin = url.origin === hop.url.origin
  const kept = {
    ...headers,
    ...(!toGet && contentType !== undefined ? { 'content-type': contentType } : {}),
    ...(sameOrigin && authorization !== undefined ? { authorization } : {}),
    ...(sameOrigin && cookie !== undefined ? { cookie } : {}),
  }
  const base = { url, headers: kept, servername: undefined, signal: hop.signal }
  return toGet ? { ...base, method: 'GET', body: undefined } : { ...base, method: hop.method, body: hop.body }
}
