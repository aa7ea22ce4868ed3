/**
 * Mounts endpoint declarations on Koa. Every request takes the same way:
 * request id → CORS → route → who asks → rate limit → query and body → handler → answer. Only where another server asks
 * the body is read before it is known who does, because the signature covers it.
 */
import { randomBytes } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import findMyWay from 'find-my-way'
import Koa from 'koa'
import { badJson, MatrixError, missingParam, tooLarge, unrecognized } from '../core/errors.ts'
import type { ServerName } from '../core/ids.ts'
import { logger, withRequest } from '../platform/log.ts'
import type { Metrics } from '../platform/metrics.ts'
import type { Span, SpanOptions, Tracing } from '../platform/tracing.ts'
import { networkOf } from '../domain/accounts/lockout.ts'
import type { Requester } from '../domain/accounts/requester.ts'
import { type Authenticator, principalOf, type ServerAuthenticator, serverPrincipalOf } from './auth.ts'
import { readJson } from './body.ts'
import { clientAddress, isFromProxy, type TrustedProxies } from './client-address.ts'
import { type Answer, asJson, type Endpoint, JsonText, type Method, type Pieces, Reply } from './endpoint.ts'
import { answerError, refusalOf } from './errors.ts'
import type { RateLimiter } from './rate-limit.ts'
import type { Services } from './services.ts'
import type { UnreadAnswers } from './unread-answers.ts'

const log = logger('http')

const methods: readonly Method[] = ['GET', 'PUT', 'POST', 'DELETE']

/** https://spec.matrix.org/v1.19/client-server-api/#web-browser-clients */
const corsHeaders = {
  'Access-Control-Allow-Origin': '*',
  'Access-Control-Allow-Methods': 'GET, POST, PUT, DELETE, OPTIONS',
  'Access-Control-Allow-Headers': 'X-Requested-With, Content-Type, Authorization, Date, If-Match, If-None-Match',
  'Access-Control-Expose-Headers': 'Server, ETag, Retry-After, Content-Disposition',
} as const

export interface RouterParts {
  readonly endpoints: readonly Endpoint[]
  readonly services: Services
  readonly authenticator: Authenticator
  readonly serverAuthenticator: ServerAuthenticator
  readonly limiter: RateLimiter
  readonly metrics: Metrics
  readonly tracing: Tracing
  readonly trustedProxies: TrustedProxies
  readonly unread: UnreadAnswers
  /** Aborted when the server stops: long polls answer at once. */
  readonly stopping: AbortSignal
}

/** Two of them, with a user and a room, still fit into a row of an index of Postgres. */
const MAX_PARAM_BYTES = 1024

interface Routed {
  readonly endpoint: Endpoint
  /** The declared path, for logs and metrics. */
  readonly route: string
}

type Routes = ReturnType<typeof findMyWay>

/** Who asked did not wait for the answer. The number is nginx's; Koa had put 404 there. */
const goneAway = 499

export function createApp(parts: RouterParts): Koa {
  const routes = mount(parts.endpoints)
  const durations = parts.metrics.histogram('http_request_seconds', 'Time to answer a request', ['method', 'route'])
  const answers = parts.metrics.counter('http_requests_total', 'Answers by status', ['method', 'route', 'status'])
  const app = new Koa()
  app.silent = true // Koa would print the errors of connections that break off
  app.use(async (ctx) => {
    ctx.respond = false // the answer is written by `send`, without Koa's second look at the body
    const started = performance.now()
    const requestId = randomBytes(8).toString('hex')
    const { req: request, res: response } = ctx
    const answerWith = (answer: Answer): Promise<void> => {
      // Who could go on asking over this connection would do so until the connection is cut.
      if (parts.stopping.aborted) response.setHeader('Connection', 'close')
      return send(response, requestId, answer, parts.unread)
    }
    const url = splitUrl(request.url ?? '/')
    const method = request.method ?? ''
    const found = routes.find(method as Method, url.path)
    const routed = found?.store as Routed | undefined // what `mount` stored there
    const route = routed?.route ?? 'unknown'
    const answerRequest = async (span: Span): Promise<void> => {
      try {
        if (request.method === 'OPTIONS') return await answerWith(new Reply(204))
        if (!found || !routed) throw unknownPath(routes, request, url.path)
        await answerWith(await serve(parts, routed.endpoint, found.params, request, response, url))
      } catch (error) {
        if (response.destroyed) return
        const refuse = routed?.endpoint.refuse ?? asJson
        const problem = error === parts.stopping.reason ? serverStops : error
        await answerWith(refuse(answerError(problem, { requestId, route }), request))
        if (!request.complete) request.resume() // a refused upload is read to its end, so that the client sees the answer
      } finally {
        const seconds = (performance.now() - started) / 1000
        const status = response.headersSent ? response.statusCode : goneAway
        span.add({ 'http.response.status_code': status })
        if (status >= 500) span.fail(String(status))
        durations.observe(seconds, { method, route })
        answers.inc({ method, route, status: String(status) })
        if (log.enabled('debug')) log.debug({ method, route, status, seconds }, 'request')
      }
    }
    const traced = traceOf({ request, method, route, requestId }, parts.trustedProxies)
    await withRequest(requestId, () => parts.tracing.span(`${method} ${route}`, traced, answerRequest))
  })
  return app
}

/** Others than our own proxies may not choose which requests are traced. */
function traceOf(
  { request, method, route, requestId }: { request: IncomingMessage; method: string; route: string; requestId: string },
  proxies: TrustedProxies,
): SpanOptions {
  const { traceparent } = request.headers
  return {
    kind: 'server',
    attributes: { 'http.request.method': method, 'http.route': route, 'domovoi.request.id': requestId },
    traceparent: typeof traceparent === 'string' && isFromProxy(request, proxies) ? traceparent : undefined,
  }
}

/** Every path may be asked with and without a trailing slash where its last part may be empty (`stateKey`). */
function mount(endpoints: readonly Endpoint[]): Routes {
  const routes = findMyWay({ maxParamLength: 2048, caseSensitive: true })
  for (const endpoint of endpoints) {
    for (const path of endpoint.paths) {
      const routed: Routed = { endpoint, route: path }
      routes.on(endpoint.method, path, () => undefined, routed)
      if (endpoint.method === 'GET') routes.on('HEAD', path, () => undefined, routed)
    }
  }
  return routes
}

async function serve(
  { services, authenticator, serverAuthenticator, limiter, trustedProxies, unread, stopping }: RouterParts,
  endpoint: Endpoint,
  params: Record<string, string | undefined>,
  request: IncomingMessage,
  response: ServerResponse,
  url: Url,
): Promise<Answer> {
  const ip = clientAddress(request, trustedProxies)
  const asked =
    endpoint.auth === 'server'
      ? await serverPrincipalOf(endpoint, request, serverAuthenticator)
      : {
          who: await principalOf(endpoint, request, url.query, ip, authenticator).catch((error: unknown) => {
            // Whoever tries tokens is told nothing about them any more after a while.
            if (isUnknownToken(error)) limiter.spend('token', networkOf(ip))
            throw error
          }),
        }
  const { who } = asked
  if (!isUnlimited(who)) limiter.spend(endpoint.limit, limitKey(who, ip))
  for (const [name, value] of Object.entries(params)) {
    if (value === '' && name !== 'stateKey' && name !== '*') throw missingParam(`The path has an empty ${name}`)
    if (Buffer.byteLength(value ?? '') > MAX_PARAM_BYTES) throw tooLarge(`The path has a ${name} without end`)
    if (value?.includes('\0') || value?.isWellFormed() === false) throw badJson(`The path has a malformed ${name}`)
  }
  const query = endpoint.query && parse(endpoint.query, Object.fromEntries(url.query), 'query')
  const body = 'body' in asked ? signedBodyOf(endpoint, asked.body) : await bodyOf(endpoint, request)
  const signal = signalOf(response, stopping)
  if (endpoint.isLong?.(url.query)) await unread.turn(response, signal)
  return await endpoint.handle({ params, who, query, body, ip, signal, request, path: url.path }, services)
}

/** Not those that have only expired: their clients renew them. */
function isUnknownToken(error: unknown): boolean {
  return error instanceof MatrixError && error.errcode === 'M_UNKNOWN_TOKEN' && error.extra['soft_logout'] !== true
}

type Principal = Requester | { readonly appserviceId: string } | { readonly origin: ServerName } | undefined

function limitKey(who: Principal, ip: string): string {
  if (!who) return networkOf(ip)
  if ('userId' in who) return who.userId
  return 'origin' in who ? who.origin : who.appserviceId
}

function isUnlimited(who: Principal): boolean {
  return who !== undefined && 'isUnlimited' in who && who.isUnlimited === true
}

async function bodyOf({ body: schema, maxBody, exactNumbers }: Endpoint, request: IncomingMessage): Promise<unknown> {
  if (schema === 'stream') return undefined
  if (!schema) {
    request.resume()
    return undefined
  }
  return parse(
    schema,
    await readJson(request, { maxBytes: maxBody, numbers: exactNumbers ? 'exact' : 'plain' }),
    'body',
  )
}

function signedBodyOf({ body: schema }: Endpoint, value: unknown): unknown {
  return schema === undefined || schema === 'stream' ? undefined : parse(schema, value, 'body')
}

function parse(schema: NonNullable<Endpoint['query']>, value: unknown, part: 'body' | 'query'): unknown {
  const result = schema.safeParse(value, { reportInput: true })
  if (!result.success) throw refusalOf(result.error, part)
  return result.data
}

/** Made only when a handler looks at it would be cheaper still, but handlers destructure. One listener a request. */
function signalOf(response: ServerResponse, stopping: AbortSignal): AbortSignal {
  const gone = new AbortController()
  const abort = (): void => gone.abort(stopping.aborted ? stopping.reason : clientGone)
  if (stopping.aborted) abort()
  else {
    stopping.addEventListener('abort', abort, { once: true })
    response.once('close', () => {
      stopping.removeEventListener('abort', abort)
      if (!response.writableFinished) abort()
    })
  }
  return gone.signal
}

const clientGone = new MatrixError(499, 'M_UNKNOWN', 'The client went away')
const serverStops = new MatrixError(503, 'M_UNKNOWN', 'The server stops: try again')

function unknownPath(routes: Routes, request: IncomingMessage, path: string): MatrixError {
  const other = methods.some((method) => method !== request.method && routes.find(method, path))
  return other ? new MatrixError(405, 'M_UNRECOGNIZED', `${request.method} is not possible here`) : unrecognized()
}

interface Url {
  readonly path: string
  readonly query: URLSearchParams
}

const noQuery = new URLSearchParams()

function splitUrl(url: string): Url {
  const at = url.indexOf('?')
  if (at < 0) return { path: url, query: noQuery }
  return { path: url.slice(0, at), query: new URLSearchParams(url.slice(at + 1)) }
}

const LONG_TEXT = 16_384

/** Not `async`, which would hold on to the answer until the client has read it. */
function send(response: ServerResponse, requestId: string, answer: Answer, unread: UnreadAnswers): Promise<void> {
  const reply = answer instanceof Reply ? answer : undefined
  const body = reply ? reply.body : answer instanceof JsonText ? answer.text : answer
  const headers: Record<string, string | number> = { ...corsHeaders, 'X-Request-Id': requestId }
  const text = typeof body === 'object' && isPlain(body) ? JSON.stringify(body) : body
  if (typeof text === 'string' && !(reply && typeof body === 'string')) headers['Content-Type'] = 'application/json'
  // A long text is encoded once here, and not looked at for its length before. A short one goes out with its headers.
  const payload = typeof text === 'string' && text.length > LONG_TEXT ? Buffer.from(text) : text
  if (typeof payload === 'string') headers['Content-Length'] = Buffer.byteLength(payload)
  else if (payload instanceof Buffer) headers['Content-Length'] = payload.length
  const head = { status: reply?.status ?? 200, headers: { ...headers, ...reply?.headers } }
  if (response.req.method === 'HEAD' || !(payload instanceof Buffer)) {
    unread.made(response)
    // What else is iterable is no plain object.
    return sendBody(response, head, response.req.method === 'HEAD' ? undefined : (payload as string | Pieces))
  }
  return unread.keep(response, payload).then((kept) => sendBody(response, head, kept))
}

async function sendBody(
  response: ServerResponse,
  { status, headers }: { readonly status: number; readonly headers: Readonly<Record<string, string | number>> },
  body: string | Buffer | Pieces | undefined,
): Promise<void> {
  response.writeHead(status, headers)
  if (body === undefined || typeof body === 'string' || body instanceof Buffer) return void response.end(body)
  try {
    for await (const piece of body as Pieces) await write(response, piece)
    response.end()
  } catch (error) {
    response.destroy() // so that half an answer is not taken for a whole one
    throw error
  }
}

/** Resolves when the piece has been sent; rejects when it cannot be. */
function write(response: ServerResponse, piece: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    if (response.destroyed) return reject(clientGone)
    const gone = (): void => reject(clientGone)
    response.once('close', gone)
    response.write(piece, (error) => {
      response.off('close', gone)
      if (error) reject(error)
      else resolve()
    })
  })
}

function isPlain(body: object): boolean {
  return !(body instanceof Buffer) && !(Symbol.asyncIterator in body)
}
