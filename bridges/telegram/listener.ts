/** What the homeserver asks of us. Events are on disk before a transaction is answered. */
import { timingSafeEqual } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { json } from 'node:stream/consumers'
import { MatrixError, tooLarge } from '../../homeserver/core/errors.ts'
import type { UpdatePost } from '../../homeserver/core/telegram-updates.ts'
import { logger } from '../../homeserver/platform/log.ts'
import type { ListenAddress } from './config.ts'
import type { MatrixEvent } from './matrix.ts'
import { eventOf, listOf, objectOf } from './odd.ts'

export interface ListenerParts {
  readonly hsToken: string
  readonly listen: ListenAddress
  /** Resolves when the events are kept. */
  readonly take: (events: readonly MatrixEvent[]) => Promise<void>
  readonly isReady: () => boolean
  /** For Prometheus, where the bridge has a process of its own. */
  readonly metrics?: () => string
  /** In webhook mode: keeps what Telegram posts. */
  readonly takePost?: (post: UpdatePost) => Promise<void>
}

const log = logger('telegram')

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
    const url = new URL(request.url ?? '/', 'http://bridge')
    const route = `${request.method} ${url.pathname.replace(/\/transactions\/.*/, '/transactions')}`
    try {
      if (route === 'GET /health' || route === 'GET /healthz') return answer(200, {})
      if (route === 'GET /ready' || route === 'GET /readyz') return answer(this.#parts.isReady() ? 200 : 503, {})
      if (route === 'GET /metrics' && this.#parts.metrics) {
        const type = { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }
        return void response.writeHead(200, type).end(this.#parts.metrics())
      }
      if (route === 'POST /telegram/webhook') return answer(...(await this.#take(request)))
      if (!this.#isAllowed(request, url)) return answer(403, { errcode: 'M_FORBIDDEN', error: 'Wrong token' })
      if (route === 'POST /_matrix/app/v1/ping') return answer(200, {})
      if (!/^PUT (?:\/_matrix\/app\/v1)?\/transactions$/.test(route)) {
        return answer(404, { errcode: 'M_NOT_FOUND', error: 'There is no such thing' })
      }
      const given = listOf(objectOf(await json(request))['events'])
      const events = given.map(eventOf).filter((event) => event !== undefined)
      if (events.length < given.length)
        log.debug({ count: given.length - events.length }, 'what is no event passed over')
      await this.#parts.take(events)
      answer(200, {})
    } catch (error) {
      log.error({ error }, 'transaction not taken')
      answer(500, { errcode: 'M_UNKNOWN', error: 'Not taken' })
    }
  }

  async #take(request: IncomingMessage): Promise<[number, object]> {
    const { takePost } = this.#parts
    if (!takePost) return [404, { errcode: 'M_NOT_FOUND', error: 'There is no such thing' }]
    const secret = request.headers['x-telegram-bot-api-secret-token']
    try {
      await takePost({ secret: typeof secret === 'string' ? secret : undefined, read: () => limited(request) })
      return [200, {}]
    } catch (error) {
      if (!(error instanceof MatrixError)) throw error
      return [error.status, { errcode: error.errcode, error: error.message }]
    }
  }

  #isAllowed(request: IncomingMessage, url: URL): boolean {
    const given = request.headers.authorization?.replace(/^Bearer /, '') ?? url.searchParams.get('access_token') ?? ''
    const [a, b] = [Buffer.from(given), Buffer.from(this.#parts.hsToken)]
    return a.length === b.length && timingSafeEqual(a, b)
  }
}

const MAX_UPDATE = 1024 * 1024

/** The body of a request that may come from anybody. */
async function limited(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > MAX_UPDATE) throw tooLarge('This is no update')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
