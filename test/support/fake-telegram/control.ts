/** The same world steered over HTTP, for a bridge that runs in another process: `POST /__ctl/VERB` with JSON. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import { json } from 'node:stream/consumers'
import type { FakeTelegram } from './fake-telegram.ts'
import type { Fault } from './faults.ts'
import type { MediaKind } from './media.ts'
import { allRights } from './world.ts'

interface Order {
  readonly user?: number
  readonly chat?: number
  readonly message?: number
  readonly name?: string
  readonly username?: string
  readonly text?: string
  readonly emoji?: readonly string[]
  readonly forum?: boolean
  readonly data?: string
  readonly fault?: Fault
  /** Of an upload: what it is, and its bytes in base64. */
  readonly kind?: MediaKind
  readonly bytes?: string
  readonly options?: readonly number[]
}

type Verb = (telegram: FakeTelegram, order: Order) => unknown

const chatOf = ({ world }: FakeTelegram, { chat }: Order) => world.chat(chat)

function messageOf(telegram: FakeTelegram, order: Order) {
  const message = chatOf(telegram, order).messages.get(order.message ?? 0)
  if (!message) throw new Error('no such message')
  return message
}

const verbs: Readonly<Record<string, Verb>> = {
  addUser: (telegram, { name = 'Nobody', username }) => telegram.person(name, username ? { username } : {}).user,
  addGroup: (telegram, { name = 'Group', user = 0 }) => telegram.group(name, { owner: telegram.as(user) }).chat,
  addChannel: (telegram, { name = 'Channel', user = 0 }) =>
    telegram.channel(name, { owner: telegram.as(user), bot: allRights }).chat,
  addSupergroup: (telegram, { name = 'Group', user = 0, forum = false }) =>
    telegram.supergroup(name, { owner: telegram.as(user), bot: allRights, forum }).chat,
  startBot: (telegram, { user = 0, text = '/start' }) => telegram.as(user).say(telegram.as(user).bot, text),
  say: (telegram, order) => telegram.as(order.user ?? 0).say(chatOf(telegram, order), order.text ?? ''),
  reply: (telegram, order) =>
    telegram.as(order.user ?? 0).say(chatOf(telegram, order), { text: order.text ?? '', replyTo: order.message ?? 0 }),
  edit: (telegram, order) => telegram.as(order.user ?? 0).edit(messageOf(telegram, order), { text: order.text ?? '' }),
  react: (telegram, order) => telegram.as(order.user ?? 0).react(messageOf(telegram, order), ...(order.emoji ?? [])),
  press: (telegram, order) => telegram.as(order.user ?? 0).press(messageOf(telegram, order), order.data ?? ''),
  upload: (telegram, { kind = 'document', bytes = '', name, text, ...order }) =>
    telegram.as(order.user ?? 0).send(chatOf(telegram, order), kind, {
      bytes: Buffer.from(bytes, 'base64'),
      ...(name === undefined ? {} : { name }),
      ...(text === undefined ? {} : { caption: text }),
    }),
  vote: (telegram, order) => telegram.as(order.user ?? 0).vote(messageOf(telegram, order), ...(order.options ?? [])),
  pin: (telegram, order) => telegram.as(order.user ?? 0).pin(chatOf(telegram, order), messageOf(telegram, order)),
  addBot: (telegram, order) => telegram.addBot(chatOf(telegram, order), telegram.as(order.user ?? 0), allRights),
  removeBot: (telegram, order) => telegram.removeBot(chatOf(telegram, order), telegram.as(order.user ?? 0)),
  block: (telegram, order) => telegram.block(telegram.as(order.user ?? 0)),
  migrate: (telegram, order) => telegram.migrate(chatOf(telegram, order), telegram.as(order.user ?? 0)).chat,
  join: (telegram, order) => telegram.as(order.user ?? 0).join(chatOf(telegram, order)),
  leave: (telegram, order) => telegram.as(order.user ?? 0).leave(chatOf(telegram, order)),
  fail: (telegram, { fault }) => fault && telegram.fail(fault),
  history: (telegram, order) => telegram.history(chatOf(telegram, order)),
  calls: (telegram) => telegram.calls,
}

export async function control(
  telegram: FakeTelegram,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const verb = verbs[request.url?.split('/')[2] ?? '']
  const order = request.method === 'POST' ? ((await json(request)) as Order) : {}
  const [status, body] = verb ? [200, verb(telegram, order) ?? {}] : [404, { error: 'no such verb' }]
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}
