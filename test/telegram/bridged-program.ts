/** The real server program with the bridge in it, which may be killed, and a Telegram beside it. */
import { readFile, writeFile } from 'node:fs/promises'
import { DrillServer } from '../drills/drill-server.ts'
import { StubbornClient } from '../drills/stubborn-client.ts'
import { FakeTelegram, fullRights } from '../support/fake-telegram/fake-telegram.ts'
import type { Person } from '../support/fake-telegram/person.ts'
import type { FakeChat } from '../support/fake-telegram/world.ts'

const settingsFor = ({ token, url }: FakeTelegram): string =>
  `telegram: { bot_token: '${token}', api_root: '${url}', group_rate: 100000 }`

const botId = '@telegrambot:drill.test'

/** A group, and the room that it is bridged with. */
export interface Pair {
  readonly group: FakeChat
  readonly roomId: string
}

interface Event {
  readonly event_id: string
  readonly sender: string
  readonly type: string
  readonly content: { readonly body?: string; readonly membership?: string }
}

export class BridgedProgram implements AsyncDisposable {
  readonly telegram: FakeTelegram
  readonly server: DrillServer
  readonly alice: StubbornClient
  /** Owner of all groups. */
  readonly tom: Person

  private constructor(parts: { telegram: FakeTelegram; server: DrillServer; alice: StubbornClient }) {
    this.telegram = parts.telegram
    this.server = parts.server
    this.alice = parts.alice
    this.tom = parts.telegram.person('Tom', { username: 'tom' })
  }

  static async start({ databaseUrl }: { databaseUrl?: string }): Promise<BridgedProgram> {
    const telegram = await FakeTelegram.start()
    const server = await DrillServer.make({ databaseUrl, settings: settingsFor(telegram) })
    await server.start()
    const alice = await new StubbornClient(server).register('alice', 'password of alice')
    return new BridgedProgram({ telegram, server, alice })
  }

  /** Joins a new group with a new room, as people do. */
  async pair(title: string): Promise<Pair> {
    const { telegram, tom, alice } = this
    const group = telegram.supergroup(title, { owner: tom, bot: fullRights })
    const roomId = await alice.createRoom({ name: title, invite: [botId] })
    await this.until(roomId, ({ type, sender, content }) => {
      return type === 'm.room.member' && sender === botId && content.membership === 'join'
    })
    await alice.send(roomId, '!tg bridge')
    const { content } = await this.until(roomId, (event) => /\/bridge@\w+ [A-Z2-9]{8}/.test(event.content.body ?? ''))
    const [, code] = /\/bridge@\w+ ([A-Z2-9]{8})/.exec(content.body ?? '') ?? []
    tom.say(group, `/bridge ${code}`)
    await telegram.until(() => telegram.said(group).some(({ text }) => text?.startsWith('This group is bridged')))
    return { group, roomId }
  }

  /** From its next start on the server has a bot, or none. */
  async useBridge(isWanted: boolean): Promise<void> {
    const path = this.server.path('config.yaml')
    const others = (await readFile(path, 'utf8')).split('\n').filter((line) => !line.startsWith('telegram:'))
    await writeFile(path, [...others, isWanted ? settingsFor(this.telegram) : ''].join('\n'))
  }

  /** The first of the room's events for which this is true, when it is there. */
  async until(roomId: string, is: (event: Event) => boolean): Promise<Event> {
    const filter = JSON.stringify({ room: { rooms: [roomId], timeline: { limit: 500 } } })
    for (let since = ''; ;) {
      const from = since === '' ? '' : `&since=${since}`
      const answer = await this.alice.get(`/sync?timeout=30000&filter=${encodeURIComponent(filter)}${from}`)
      since = answer['next_batch'] as string
      const events = (answer['rooms']?.join?.[roomId]?.timeline?.events ?? []) as Event[]
      const found = events.find(is)
      if (found) return found
    }
  }

  /** All messages of the room, the oldest first. */
  async messages(roomId: string): Promise<Event[]> {
    const all: Event[] = []
    for (let from: string | undefined = ''; from !== undefined;) {
      const start = from === '' ? '' : `&from=${from}`
      const page = await this.alice.get(`/rooms/${encodeURIComponent(roomId)}/messages?dir=f&limit=500${start}`)
      all.push(...(page['chunk'] as Event[]))
      from = page['end'] as string | undefined
    }
    return all.filter(({ type }) => type === 'm.room.message')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]()
    await this.telegram[Symbol.asyncDispose]()
  }
}
