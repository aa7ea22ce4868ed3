/** An application service on a free port, or a Unix socket: a real HTTP server that keeps what it is told. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { Client } from './client.ts'
import type { TestServer } from './server.ts'

type Json = Record<string, any> // eslint-disable-line -- what was told is looked into freely by tests

export interface Told {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly authorization: string | undefined
  readonly body: Json
}

export interface AppserviceAnswer {
  readonly status?: number
  readonly body?: unknown
}

export class TestAppservice implements AsyncDisposable {
  /** All requests, in the order in which they came. */
  readonly told: Told[] = []
  /** `undefined` leaves the request without an answer. */
  answer: (told: Told) => AppserviceAnswer | undefined | Promise<AppserviceAnswer | undefined> = () => ({})
  readonly #server: Server
  readonly #directory: string
  readonly #options: Json
  readonly id: string
  #waiters: (() => void)[] = []

  private constructor(id: string, directory: string, options: Json) {
    this.id = id
    this.#directory = directory
    this.#options = options
    this.#server = createServer((request, response) => {
      void this.#take(request).then((answer) => {
        if (!answer) return
        const { status = 200, body = {} } = answer
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
      })
    })
  }

  /** Of the users `@_ID_…`, the aliases `#_ID_…` and the sender `@IDbot`; `options` are further keys of its registration. */
  static async start(id = 'irc', options: Json = {}): Promise<TestAppservice> {
    const service = new TestAppservice(id, await mkdtemp(join(tmpdir(), 'domovoi-appservice-')), options)
    const { socket = false } = options
    const place: [number, string] | [string] = socket ? [join(service.#directory, 'socket')] : [0, '127.0.0.1']
    await new Promise<void>((resolve) => service.#server.listen(...(place as [number, string]), resolve))
    await service.register()
    return service
  }

  get url(): string {
    const address = this.#server.address() as AddressInfo | string // it listens
    return typeof address === 'string' ? `unix://${address}` : `http://127.0.0.1:${address.port}`
  }

  get registrationPath(): string {
    return join(this.#directory, `${this.id}.yaml`)
  }

  /** For the configuration of the server. */
  get config(): string {
    return `appservices: ['${this.registrationPath}']\n`
  }

  /** Writes the registration, with other keys than before. */
  async register(options: Json = {}): Promise<void> {
    const { socket: _, ...more } = { ...this.#options, ...options }
    const namespace = (sigil: string) => [{ regex: `${sigil}_${this.id}_.*`, exclusive: true }]
    const registration = {
      id: this.id,
      url: this.url,
      as_token: `as_token-of-${this.id}`,
      hs_token: `hs_token-of-${this.id}`,
      sender_localpart: `${this.id}bot`,
      namespaces: { users: namespace('@'), aliases: namespace('#') },
      ...more,
    }
    await writeFile(this.registrationPath, JSON.stringify(registration))
  }

  /** Asks the server with its token. */
  client(server: Pick<TestServer, 'url'>): Client {
    const client = new Client(server.url)
    client.token = `as_token-of-${this.id}`
    return client
  }

  /** The transactions among the requests, repeated ones included. */
  get transactions(): Told[] {
    return this.told.filter(({ path }) => path.startsWith('/_matrix/app/v1/transactions/'))
  }

  /** The events of all transactions, each transaction taken once. */
  get events(): Json[] {
    const byId = new Map(this.transactions.map(({ path, body }) => [path, body]))
    return [...byId.values()].flatMap(({ events }) => events as Json[])
  }

  /** Resolves as soon as it is so. */
  async until(isSo: (service: this) => boolean): Promise<void> {
    while (!isSo(this)) await new Promise<void>((resolve) => this.#waiters.push(resolve))
  }

  /** The first event that fits, when it is told. */
  async event(fits: (event: Json) => boolean): Promise<Json> {
    await this.until(() => this.events.some(fits))
    return this.events.find(fits) ?? {}
  }

  /** Breaks all connections: requests without an answer will have none. */
  hangUp(): void {
    this.#server.closeAllConnections()
  }

  async #take(request: IncomingMessage): Promise<AppserviceAnswer | undefined> {
    const url = new URL(request.url ?? '', 'http://localhost')
    const body = await text(request)
    const told = {
      method: request.method ?? '',
      path: url.pathname,
      query: url.searchParams,
      authorization: request.headers.authorization,
      body: body === '' ? {} : (JSON.parse(body) as Json),
    }
    this.told.push(told)
    const answer = await this.answer(told)
    for (const wake of this.#waiters.splice(0)) wake()
    return answer
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.hangUp()
    await new Promise((resolve) => this.#server.close(resolve))
    await rm(this.#directory, { recursive: true, force: true })
  }
}
