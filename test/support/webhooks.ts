/** A homeserver with webhooks, a room with their bot in it, and a receiver of what is told. */
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Client } from './client.ts'
import type { Dialect } from './databases.ts'
import { startServer, type TestServer } from './server.ts'
import { Watcher } from './watcher.ts'

type Json = Record<string, any> // eslint-disable-line -- what is in rooms is looked into freely by tests

export class Hooked implements AsyncDisposable {
  static readonly bot = '@webhooks:hs.test'
  readonly server: TestServer
  readonly alice: Client
  readonly watcher: Watcher
  readonly roomId: string

  private constructor(server: TestServer, watcher: Watcher, roomId: string) {
    this.server = server
    this.watcher = watcher
    this.alice = watcher.client
    this.roomId = roomId
  }

  static async start(database: Dialect): Promise<Hooked> {
    const config = `webhooks: on\noutgoing: { allow_ranges: ['127.0.0.0/8'] }`
    const server = await startServer({ database, config })
    const watcher = new Watcher(await server.register('alice'))
    const hooked = new Hooked(server, watcher, await watcher.client.createRoom({ name: 'Room' }))
    await hooked.bring(hooked.roomId)
    return hooked
  }

  /** The bot into a room of Alice's, for the first or another time. */
  async bring(roomId: string, times = 1): Promise<void> {
    await this.alice.post(`/rooms/${encodeURIComponent(roomId)}/invite`, { user_id: Hooked.bot })
    const isJoin = (event: Json): boolean =>
      event['room_id'] === roomId && event['state_key'] === Hooked.bot && event['content'].membership === 'join'
    await this.watcher.until(({ events }) => [...events.values()].filter(isJoin).length === times)
  }

  /** What the bot answers to a command. */
  async command(text: string, roomId = this.roomId, user = this.alice): Promise<string> {
    const asked = await user.send(roomId, text)
    const answer = await this.message(({ content }) => content['m.relates_to']?.['m.in_reply_to']?.event_id === asked)
    return answer['content'].body as string
  }

  /** The first message for which this is true. */
  async message(is: (event: Json) => boolean): Promise<Json> {
    return await this.watcher.until(({ events }) =>
      [...events.values()].find((event) => event['type'] === 'm.room.message' && is(event)),
    )
  }

  /** What the bot told Alice alone. */
  async secret(form: RegExp): Promise<string> {
    await this.watcher.until(({ invited }) => invited.size > 0 || this.#found(form) !== undefined)
    for (const roomId of this.watcher.invited.keys()) await this.alice.post(`/join/${encodeURIComponent(roomId)}`)
    return await this.watcher.until(() => this.#found(form))
  }

  /** The address, below that of the server, of a new webhook. */
  async add(name: string): Promise<{ readonly path: string; readonly id: string }> {
    const answer = await this.command(`!webhook new ${name}`)
    const [, id = ''] = /\(([\da-f]{16})\)/.exec(answer) ?? []
    const url = await this.secret(new RegExp(`https?://\\S+/webhooks/${id}/\\S+`))
    return { path: new URL(url).pathname, id }
  }

  /** Posts as programs do. */
  async post(
    path: string,
    body: unknown,
    headers: Record<string, string> = {},
  ): Promise<{ status: number; text: string }> {
    const isText = typeof body === 'string'
    const type = isText ? 'text/plain' : 'application/json'
    const response = await fetch(this.server.url + path, {
      method: 'POST',
      headers: { 'content-type': type, ...headers },
      body: isText ? body : JSON.stringify(body),
    })
    return { status: response.status, text: await response.text() }
  }

  /** The message that a post made. */
  async said(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Json> {
    const { status, text: answer } = await this.post(path, body, headers)
    if (status !== 200) throw new Error(`${status} ${answer}`)
    const eventId = (JSON.parse(answer) as Json)['event_id'] as string
    return await this.watcher.sees(eventId)
  }

  #found(form: RegExp): string | undefined {
    const bodies = [...this.watcher.events.values()]
      .filter((event) => event['room_id'] !== this.roomId && event['sender'] === Hooked.bot)
      .map((event) => form.exec(String(event['content'].body))?.[0])
    return bodies.find((found) => found !== undefined)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]()
  }
}

export interface Told {
  readonly headers: IncomingHttpHeaders
  readonly raw: string
  readonly body: Json
}

/** Takes what webhooks tell. */
export class Receiver implements AsyncDisposable {
  readonly told: Told[] = []
  /** What it answers next, then 200. */
  readonly answers: number[] = []
  readonly #server: Server
  #waiters: (() => void)[] = []

  private constructor() {
    this.#server = createServer((request, response) => {
      void text(request).then((raw) => {
        const status = this.answers.shift() ?? 200
        this.told.push({ headers: request.headers, raw, body: JSON.parse(raw) as Json })
        response.writeHead(status, status === 302 ? { location: 'http://169.254.169.254/' } : {}).end('{}')
        for (const wake of this.#waiters.splice(0)) wake()
      })
    })
  }

  static async start(): Promise<Receiver> {
    const receiver = new Receiver()
    await new Promise<void>((resolve) => receiver.#server.listen(0, '127.0.0.1', resolve))
    return receiver
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/told` // it listens on TCP
  }

  /** What was told, as soon as it is so much. */
  async until(count: number): Promise<readonly Told[]> {
    while (this.told.length < count) await new Promise<void>((resolve) => this.#waiters.push(resolve))
    return this.told
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}
