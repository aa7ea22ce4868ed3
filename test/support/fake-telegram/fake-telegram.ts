/**
 * Telegram as a bot sees it: the Bot API over HTTP, with people, groups and channels behind it that do what they are told.
 *
 *     await using telegram = await FakeTelegram.start()
 *     const alice = telegram.person('Alice')
 *     const group = telegram.supergroup('Kitchen', { owner: alice })
 *     alice.say(group, 'Hello')
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Message, User } from 'node-telegram-bot-api'
import type { Clock } from '../../../homeserver/platform/clock.ts'
import type { FakeBot } from './bot.ts'
import type { Method } from './call.ts'
import { control } from './control.ts'
import { type Fault, Faults } from './faults.ts'
import { chatMethods } from './methods-chat.ts'
import { editMethods } from './methods-edit.ts'
import { moreMethods } from './methods-more.ts'
import { sendMethods } from './methods-send.ts'
import { Params } from './params.ts'
import { Person } from './person.ts'
import { Problem, tooMany } from './problem.ts'
import { allRights, type FakeChat, type Rights, World } from './world.ts'

const methods: Readonly<Record<string, Method>> = { ...chatMethods, ...sendMethods, ...editMethods, ...moreMethods }
const byLowerCase = new Map(Object.entries(methods).map(([name, method]) => [name.toLowerCase(), { name, method }]))

export interface CallRecord {
  readonly method: string
  readonly params: Readonly<Record<string, unknown>>
}

export interface GroupOptions {
  readonly owner: Person
  readonly members?: readonly Person[]
  /** The bot's rights; `undefined` if it is a member like others, `'absent'` if it is not there. */
  readonly bot?: Rights | 'absent'
  readonly forum?: boolean
}

export class FakeTelegram implements AsyncDisposable {
  static readonly token = '4242424242:AAFakeTokenOfTheFakeBotForTests_1234'
  readonly world: World
  readonly bot: FakeBot
  readonly faults = new Faults()
  /** All calls but for updates, in the order in which they came. */
  readonly calls: CallRecord[] = []
  readonly #server: Server
  #waiters: (() => void)[] = []

  private constructor(clock: Clock | undefined) {
    this.world = new World(clock)
    this.bot = this.world.addBot(FakeTelegram.token, 'domovoi_test_bot', 'Domovoi')
    this.world.onMessage = () => this.#ring()
    this.#server = createServer((request, response) => void this.#serve(request, response))
  }

  static async start({ clock, port = 0 }: { clock?: Clock; port?: number } = {}): Promise<FakeTelegram> {
    const telegram = new FakeTelegram(clock)
    await new Promise<void>((resolve) => telegram.#server.listen(port, '127.0.0.1', resolve))
    return telegram
  }

  /** For the setting `telegram.api.root`. */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}` // it listens on TCP
  }

  get token(): string {
    return this.bot.token
  }

  person(name: string, more: Partial<User> = {}): Person {
    return new Person(this.world, this.bot, this.world.addUser(name, more))
  }

  /** Somebody who is there. */
  as(userId: number): Person {
    const user = this.world.users.get(userId)
    if (!user) throw new Error(`no user ${userId}`)
    return new Person(this.world, this.bot, user)
  }

  group(title: string, options: GroupOptions): FakeChat {
    return this.#makeChat({ type: 'group', title }, options)
  }

  supergroup(title: string, options: GroupOptions): FakeChat {
    return this.#makeChat({ type: 'supergroup', title, ...(options.forum ? { is_forum: true as const } : {}) }, options)
  }

  channel(title: string, options: GroupOptions): FakeChat {
    return this.#makeChat({ type: 'channel', title }, options)
  }

  #makeChat(chat: { type: string; title: string; is_forum?: true }, options: GroupOptions): FakeChat {
    const made = this.world.addChat(chat)
    const { owner, members = [], bot } = options
    made.members.set(owner.user.id, { user: owner.user, status: 'creator', rights: {} })
    for (const { user } of members) made.members.set(user.id, { user, status: 'member', rights: {} })
    if (bot !== 'absent') this.addBot(made, owner, bot)
    return made
  }

  /** The bot comes into a chat, or back; with rights as an administrator. */
  addBot(chat: FakeChat, by: Person, rights?: Rights): void {
    this.world.setMember(chat, this.bot.user, by.user, rights ? 'administrator' : 'member', rights)
  }

  removeBot(chat: FakeChat, by: Person): void {
    this.world.setMember(chat, this.bot.user, by.user, 'kicked')
  }

  /** A person does not want to hear from the bot. */
  block(person: Person): void {
    this.world.blocked.add(person.user.id)
    this.world.setMember(person.bot, this.bot.user, person.user, 'kicked')
  }

  /** The group becomes a supergroup, with another id. */
  migrate(group: FakeChat, by: Person): FakeChat {
    const made = this.world.addChat({ type: 'supergroup', title: group.chat.title ?? '' })
    for (const [id, member] of group.members) made.members.set(id, member)
    const moved = this.world.post(group, by.user, { migrate_to_chat_id: made.chat.id })
    const arrived = this.world.post(made, by.user, { migrate_from_chat_id: group.chat.id })
    this.world.tellOfMessage('message', moved)
    this.world.tellOfMessage('message', arrived)
    group.movedTo = made.chat.id
    return made
  }

  fail(fault: Fault): void {
    this.faults.add(fault)
  }

  /** Messages of a chat, the oldest first. */
  history(chat: FakeChat): readonly Message[] {
    return [...chat.messages.values()]
  }

  /** Messages of the bot in a chat. */
  said(chat: FakeChat): readonly Message[] {
    const fromBot = (message: Message): boolean =>
      chat.chat.type === 'channel' ? message.sender_chat !== undefined : message.from?.id === this.bot.user.id
    return this.history(chat).filter(fromBot)
  }

  /** Resolves with what `look` gives, once it gives something: it is asked again after each call and message. */
  async until<T>(look: () => T | undefined | false): Promise<T> {
    for (;;) {
      const found = look()
      if (found !== undefined && found !== false) return found
      await new Promise<void>((resolve) => this.#waiters.push(resolve))
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.bot.close()
    this.#server.closeAllConnections()
    await new Promise((resolve) => this.#server.close(resolve))
  }

  #ring(): void {
    const waiters = this.#waiters
    this.#waiters = []
    for (const wake of waiters) wake()
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', 'http://telegram')
    try {
      const [, kind = '', token = '', rest = ''] =
        /^\/(?:(file)\/)?bot([^/]*)\/(.*)$/.exec(decodeURIComponent(url.pathname)) ?? []
      if (url.pathname.startsWith('/__ctl/')) return await control(this, request, response)
      if (kind === 'file') return this.#serveFile(token, rest, response)
      await this.#call({ token, method: rest, url, request, response })
    } catch (error) {
      reply(response, {
        problem: error instanceof Problem ? error : new Problem(500, `Internal Server Error: ${String(error)}`),
      })
    }
    this.#ring()
  }

  #serveFile(token: string, path: string, response: ServerResponse): void {
    const file = this.world.files.values().find((one) => one.path === path)
    if (!this.world.bots.has(token) || !file) return reply(response, { problem: new Problem(404, 'Not Found') })
    response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': file.bytes.length })
    response.end(file.bytes)
  }

  async #call(asked: {
    token: string
    method: string
    url: URL
    request: IncomingMessage
    response: ServerResponse
  }): Promise<void> {
    const { response } = asked
    const gone = new AbortController()
    response.on('close', () => gone.abort()) // which may be before the call is read
    const params = await Params.read(asked.request, asked.url.searchParams)
    const bot = this.world.bots.get(asked.token)
    const found = byLowerCase.get(asked.method.toLowerCase())
    if (!bot) throw new Problem(401, 'Unauthorized')
    if (!found) throw new Problem(404, 'Not Found')
    const { name, method } = found
    if (name !== 'getUpdates') this.calls.push({ method: name, params: params.describe() })
    const fault = this.faults.take(name, Number(params.text('chat_id')))
    if (fault && failBefore(fault, response)) return
    const working = method({ world: this.world, bot, params, signal: gone.signal })
    this.#ring()
    const result = await working
    if (fault?.kind === 'dropAfter') response.destroy()
    else if (fault?.kind === 'badJson') response.end('{"ok":tru')
    else reply(response, { result }, fault?.kind === 'slowBody' ? this.world.clock : undefined)
  }
}

/** Whether the call ends here. A call that hangs is left without an answer. */
function failBefore({ kind, retryAfter = 1, to = 0, description = '' }: Fault, response: ServerResponse): boolean {
  switch (kind) {
    case '429':
      throw tooMany(retryAfter)
    case '400':
      throw new Problem(400, `Bad Request: ${description}`)
    case '500':
      throw new Problem(500, 'Internal Server Error')
    case '401':
      throw new Problem(401, 'Unauthorized')
    case '403':
      throw new Problem(403, 'Forbidden: bot was kicked from the supergroup chat')
    case 'migrate':
      throw new Problem(400, 'Bad Request: group chat was upgraded to a supergroup chat', { migrate_to_chat_id: to })
    case '502html':
      response.writeHead(502, { 'content-type': 'text/html' }).end('<html><h1>502 Bad Gateway</h1></html>')
      return true
    case 'dropBefore':
      response.destroy()
      return true
    case 'hang':
      return true
    case 'dropAfter':
    case 'slowBody':
    case 'badJson':
      return false
  }
}

/** With a clock the body comes in two halves, the second a while after the first. */
function reply(response: ServerResponse, answer: { result: unknown } | { problem: Problem }, slowly?: Clock): void {
  const isProblem = 'problem' in answer
  const body = isProblem
    ? {
        ok: false,
        error_code: answer.problem.code,
        description: answer.problem.message,
        ...(answer.problem.parameters ? { parameters: answer.problem.parameters } : {}),
      }
    : { ok: true, result: answer.result }
  response.writeHead(isProblem ? answer.problem.code : 200, { 'content-type': 'application/json' })
  const text = JSON.stringify(body)
  const half = text.length >> 1
  if (!slowly) return void response.end(text)
  response.write(text.slice(0, half))
  slowly.after(100, () => response.end(text.slice(half)))
}

/** Rights of a bot that does everything the bridge can do. */
export const fullRights = allRights
