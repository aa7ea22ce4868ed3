/** What the homeserver asks of us. Events are on disk before a transaction is answered. */
import { timingSafeEqual } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { json } from 'node:stream/consumers'
import { MatrixError } from '../../homeserver/core/errors.ts'
import type { Logger } from '../../homeserver/platform/log.ts'
import { noTracing, type Tracing } from '../../homeserver/platform/tracing.ts'
import { eventOf, type MatrixEvent } from './event.ts'
import { listOf, objectOf } from './json.ts'

/** Where the homeserver finds an application service: a Unix socket, or a host with port. */
export type ListenAddress = { readonly path: string } | { readonly host: string; readonly port: number }

/** Gives what the homeserver is answered with; a `MatrixError` is answered as such. */
export type Question = (body: unknown) => Promise<object>

/** Resolves when it is done, and is answered with `{}`. A `MatrixError` is answered as such. */
type Handler = (request: IncomingMessage) => Promise<void>

export interface ListenerParts {
  readonly hsToken: string
  readonly listen: ListenAddress
  readonly log: Logger
  /** Hears of each transaction. */
  readonly tracing?: Tracing | undefined
  /** Resolves when the events are kept. */
  readonly take: (events: readonly MatrixEvent[]) => Promise<void>
  /** Always, where there is nothing else to wait for. */
  readonly isReady?: () => boolean
  /** Whether a room of this alias, which is ours, is there now. */
  readonly hasAlias?: (alias: string) => Promise<boolean>
  /** For Prometheus, where the bridge has a process of its own. */
  readonly metrics?: () => string
  /** What the homeserver asks besides, by method and path. */
  readonly questions?: Readonly<Record<string, Question>>
  /** Requests of others than the homeserver, by method and path. Whoever makes them is for the handler to find out. */
  readonly others?: Readonly<Record<string, Handler>>
}

/** Answers of the Application Service API. https://spec.matrix.org/v1.19/application-service-api/#homeserver---application-service-api */
export class Listener {
  readonly #parts: ListenerParts
  readonly #server: Server

  constructor(parts: ListenerParts) {
    this.#parts = parts
    this.#server = createServer((request, response) => void this.#serve(request, response))
  }

  async start(): Promise<void> {
    const { listen } = this.#parts
    if ('path' in listen) await rm(listen.path, { force: true }) // what a killed process left
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(listen, resolve)
    })
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const answer = (status: number, body: object): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    }
    const { log, tracing = noTracing, take, isReady = () => true, metrics } = this.#parts
    const { hasAlias, questions = {}, others = {} } = this.#parts
    const url = new URL(request.url ?? '/', 'http://bridge')
    const route = `${request.method} ${url.pathname.replace(/\/transactions\/.*/, '/transactions')}`
    try {
      if (route === 'GET /health' || route === 'GET /healthz') return answer(200, {})
      if (route === 'GET /ready' || route === 'GET /readyz') return answer(isReady() ? 200 : 503, {})
      if (route === 'GET /metrics' && metrics) {
        const type = { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }
        return void response.writeHead(200, type).end(metrics())
      }
      const other = others[route]
      if (other) return answer(...(await answerOf(other(request))))
      if (!this.#isAllowed(request, url)) return answer(403, { errcode: 'M_FORBIDDEN', error: 'Wrong token' })
      if (route === 'POST /_matrix/app/v1/ping') return answer(200, {})
      const question = questions[route]
      if (question) return answer(...(await answerOf(json(request).then(question))))
      const [, alias] = /^GET (?:\/_matrix\/app\/v1)?\/rooms\/([^/]+)$/.exec(route) ?? []
      if (alias !== undefined && hasAlias && (await hasAlias(decodeURIComponent(alias)))) return answer(200, {})
      if (!/^PUT (?:\/_matrix\/app\/v1)?\/transactions$/.test(route)) {
        return answer(404, { errcode: 'M_NOT_FOUND', error: 'There is no such thing' })
      }
      const given = listOf(objectOf(await json(request))['events'])
      const events = given.map(eventOf).filter((event) => event !== undefined)
      if (events.length < given.length)
        log.debug({ count: given.length - events.length }, 'what is no event passed over')
      const { traceparent } = request.headers
      const traced = { kind: 'server', ...(typeof traceparent === 'string' ? { traceparent } : {}) } as const
      await tracing.span('bridge transaction', traced, () => take(events))
      answer(200, {})
    } catch (error) {
      log.error({ error }, 'transaction not taken')
      answer(500, { errcode: 'M_UNKNOWN', error: 'Not taken' })
    }
  }

  #isAllowed(request: IncomingMessage, url: URL): boolean {
    const given = request.headers.authorization?.replace(/^Bearer /, '') ?? url.searchParams.get('access_token') ?? ''
    const [a, b] = [Buffer.from(given), Buffer.from(this.#parts.hsToken)]
    return a.length === b.length && timingSafeEqual(a, b)
  }
}

async function answerOf(asked: Promise<object | void>): Promise<[number, object]> {
  try {
    return [200, (await asked) ?? {}]
  } catch (error) {
    if (!(error instanceof MatrixError)) throw error
    return [error.status, { ...error.extra, errcode: error.errcode, error: error.message }]
  }
}
