/** A push gateway on a free port, which keeps what it is told. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

type Json = Record<string, any> // eslint-disable-line -- what was told is looked into freely by tests

export interface GatewayAnswer {
  readonly status?: number
  readonly headers?: Record<string, string>
  readonly body?: object
}

export class PushGateway implements AsyncDisposable {
  /** What was told, in the order in which it came; also what was not taken. */
  readonly told: Json[] = []
  connections = 0
  /** `undefined` leaves the request without an answer. */
  answer: (notification: Json) => GatewayAnswer | undefined = () => ({})
  readonly #server: Server
  #waiters: (() => void)[] = []

  private constructor() {
    this.#server = createServer((request, response) => {
      void text(request).then((body) => {
        const notification = (JSON.parse(body) as Json)['notification'] as Json
        this.told.push(notification)
        const answer = request.url?.startsWith('/_matrix/push/v1/notify') ? this.answer(notification) : { status: 404 }
        if (answer) {
          const { status = 200, headers = {}, body = { rejected: [] } } = answer
          response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
        }
        for (const wake of this.#waiters.splice(0)) wake()
      })
    })
    this.#server.on('connection', () => this.connections++)
  }

  static async start(): Promise<PushGateway> {
    const gateway = new PushGateway()
    await new Promise<void>((resolve) => gateway.#server.listen(0, '127.0.0.1', resolve))
    return gateway
  }

  get url(): string {
    const { port } = this.#server.address() as AddressInfo // it listens on TCP
    return `http://127.0.0.1:${port}/_matrix/push/v1/notify`
  }

  /** What was told, as soon as it is so much. */
  async until(count: number): Promise<Json[]> {
    while (this.told.length < count) await new Promise<void>((resolve) => this.#waiters.push(resolve))
    return this.told
  }

  /** The next thing that is told, if what was told before is `count`. */
  async next(count = this.told.length): Promise<Json> {
    return (await this.until(count + 1))[count] ?? {}
  }

  /** The events of which was told. */
  get events(): unknown[] {
    return this.told.flatMap(({ event_id: id }) => (id === undefined ? [] : [id as unknown]))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}
