/** A homeserver with the bridge in it, and a Telegram for it. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Clock } from '../../homeserver/platform/clock.ts'
import type { Client } from './client.ts'
import type { Dialect } from './databases.ts'
import { FakeTelegram, fullRights } from './fake-telegram/fake-telegram.ts'
import type { Person } from './fake-telegram/person.ts'
import type { FakeChat } from './fake-telegram/world.ts'
import { startServer, type TestServer } from './server.ts'
import { until } from './until.ts'

type Json = Record<string, any> // eslint-disable-line -- what is in rooms is looked into freely by tests

/** So that no event falls into a gap. */
const manyEvents = JSON.stringify({ room: { timeline: { limit: 500 } } })

export class Bridged implements AsyncDisposable {
  readonly telegram: FakeTelegram
  readonly server: TestServer
  readonly alice: Client
  /** Owner of the group. */
  readonly tom: Person

  private constructor(parts: { telegram: FakeTelegram; server: TestServer; alice: Client; tom: Person }) {
    this.telegram = parts.telegram
    this.server = parts.server
    this.alice = parts.alice
    this.tom = parts.tom
  }

  /** `clock` is the server's and the bridge's, `telegramClock` Telegram's. */
  static async start(
    database: Dialect,
    config = '',
    { clock, telegramClock }: { clock?: Clock; telegramClock?: Clock } = {},
  ): Promise<Bridged> {
    const telegram = await FakeTelegram.start(telegramClock ? { clock: telegramClock } : {})
    const settings = `telegram: { bot_token: '${telegram.token}', api_root: '${telegram.url}', group_rate: 100000 }`
    const server = await startServer({ database, config: [settings, config], parts: clock ? { clock } : {} })
    // A homeserver that finds no bridge yet tries again after a while, which never comes with a clock that stands still.
    await until(() => existsSync(join(server.dataDir, 'telegram.sock')), 5)
    const alice = await server.register('alice')
    return new Bridged({ telegram, server, alice, tom: telegram.person('Tom', { username: 'tom' }) })
  }

  get botId(): string {
    return '@telegrambot:hs.test'
  }

  ghost(person: Person): string {
    return `@telegram_${person.user.id}:hs.test`
  }

  /** A group of Tom's. */
  group(more: Partial<Parameters<FakeTelegram['supergroup']>[1]> = {}): FakeChat {
    return this.telegram.supergroup('Kitchen', { owner: this.tom, bot: fullRights, ...more })
  }

  /** A room of Alice's with the bot in it. */
  async room(): Promise<string> {
    const roomId = await this.alice.createRoom({ name: 'Room', invite: [this.botId] })
    await this.botJoins(roomId)
    return roomId
  }

  async botJoins(roomId: string): Promise<void> {
    await this.event(
      roomId,
      ({ type, state_key: key, content }) =>
        type === 'm.room.member' && key === this.botId && content.membership === 'join',
    )
  }

  /** What `!tg bridge` gives in this room. */
  async code(roomId: string): Promise<string> {
    await this.alice.send(roomId, '!tg bridge')
    const { content } = await this.answer(roomId, /\/bridge@\w+ [A-Z2-9]{8}$/)
    return (content.body as string).slice(-8)
  }

  /** What the bot says in a room. */
  async answer(roomId: string, text: RegExp): Promise<Json> {
    return await this.event(roomId, ({ sender, content }) => sender === this.botId && text.test(content?.body ?? ''))
  }

  /** Joins a group with a room, as people do. */
  async bridge(group: FakeChat): Promise<string> {
    const roomId = await this.room()
    const code = await this.code(roomId)
    this.tom.say(group, `/bridge ${code}`)
    await this.said(group, ({ text }) => text?.startsWith('This group is bridged') === true)
    return roomId
  }

  /** Alice, or somebody else who is in the room, and Tom are one, as people say it: `!tg link`, the address that this gives, and yes in Telegram. */
  async link(roomId: string, user = this.alice): Promise<void> {
    const { tom } = this
    await user.send(roomId, '!tg link')
    const answer = await this.event(roomId, ({ content }) => /\?start=K/.test(content?.body ?? ''))
    const [, nonce = ''] = /\?start=K(\S+)/.exec(answer['content'].body as string) ?? []
    tom.say(tom.bot, `/start K${nonce}`)
    const question = await this.said(tom.bot, ({ text }) => text?.startsWith('Link this Telegram account') === true)
    tom.press(question, `l ${nonce}`)
    await this.said(tom.bot, ({ text }) => text === `Linked with ${user.userId}.`)
  }

  /** The first event of a room for which this is true, when it is there. */
  async event(roomId: string, is: (event: Json) => boolean): Promise<Json> {
    let since: string | undefined
    for (;;) {
      const body = await this.alice.sync({
        timeout: 30_000,
        filter: manyEvents,
        ...(since === undefined ? {} : { since }),
      })
      since = body['next_batch'] as string
      const room = body['rooms']?.join?.[roomId] as Json | undefined
      const events = [...(room?.['state']?.events ?? []), ...(room?.['timeline']?.events ?? [])] as Json[]
      const found = events.find(is)
      if (found) return found
    }
  }

  /** A room of this name to which Alice is invited. */
  async invitation(name: string): Promise<string> {
    for (let since: string | undefined; ;) {
      const body = await this.alice.sync(since === undefined ? {} : { since, timeout: 30_000 })
      since = body['next_batch'] as string
      const invited = Object.entries((body['rooms']?.invite ?? {}) as Json)
      const found = invited.find(([, room]) =>
        (room.invite_state.events as Json[]).some(
          ({ type, content }) => type === 'm.room.name' && content.name === name,
        ),
      )
      if (found) return found[0]
    }
  }

  /** A text message in the room. */
  async text(roomId: string, body: string): Promise<Json> {
    return await this.event(roomId, (event) => event['type'] === 'm.room.message' && event['content'].body === body)
  }

  /** The first message of the bot in a chat for which this is true. */
  async said(chat: FakeChat, is: (message: ReturnType<FakeTelegram['said']>[number]) => boolean) {
    return await this.telegram.until(() => this.telegram.said(chat).find(is))
  }

  async events(roomId: string): Promise<Json[]> {
    const { chunk } = await this.alice.get(`/rooms/${encodeURIComponent(roomId)}/messages?dir=f&limit=1000`)
    return chunk as Json[]
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]()
    await this.telegram[Symbol.asyncDispose]()
  }
}
