/** The bot of the bridge as the homeserver hears of it when people log in: it asks, and keeps what it was told. */
import type { CodeAnswer, LoginAnswer, TelegramEvent } from '../../homeserver/core/telegram-login.ts'
import { TestAppservice } from './appservice.ts'
import type { Client, Response } from './client.ts'
import { startServer, type TestServer, type TestServerOptions } from './server.ts'
import type { Visitor } from './visitor.ts'

type Json = Record<string, any> // eslint-disable-line -- answers are looked into freely by tests

export const ann = { id: '4200001', first_name: 'Ann', last_name: 'Lee', username: 'Ann_Lee', language: 'en' }
export const ben = { id: '4200002', first_name: 'Ben' }

export class LoginBot {
  readonly #client: Client

  constructor(client: Client) {
    this.#client = client
  }

  async ask(name: string, body: object): Promise<Response<Json>> {
    return await this.#client.request('POST', `/_internal/telegram/${name}`, body)
  }

  async hello(): Promise<void> {
    await this.#client.post('/_internal/telegram/bot', { id: '777', username: 'example_bot' })
  }

  async start(person: object, nonce?: string): Promise<LoginAnswer> {
    return (await this.#client.post('/_internal/telegram/login/start', { person, nonce })) as LoginAnswer
  }

  async match(tgUser: string, choice: string): Promise<LoginAnswer> {
    return (await this.#client.post('/_internal/telegram/login/match', { tg_user: tgUser, choice })) as LoginAnswer
  }

  async events(): Promise<readonly TelegramEvent[]> {
    const { events } = await this.#client.post('/_internal/telegram/events', { after: 0, timeout_ms: 0 })
    return events as TelegramEvent[]
  }

  /** Opens the link that the page shows. */
  async openLinkOf(browser: Visitor, person: object): Promise<CodeAnswer> {
    return codeIn(await this.start(person, nonceOn(browser)))
  }
}

/** A server with the bot at work. */
export class WithBot implements AsyncDisposable {
  readonly server: TestServer
  readonly bot: LoginBot
  readonly #service: TestAppservice

  private constructor(server: TestServer, bot: LoginBot, service: TestAppservice) {
    this.server = server
    this.bot = bot
    this.#service = service
  }

  static async start({ config = [], ...options }: TestServerOptions = {}): Promise<WithBot> {
    const service = await TestAppservice.start('telegram')
    const server = await startServer({ ...options, config: [service.config, ...[config].flat()] })
    const bot = new LoginBot(service.client(server))
    await bot.hello()
    return new WithBot(server, bot, service)
  }

  /** Somebody logs in, and makes an account at the first time. */
  async logIn(browser: Visitor, person: object, address = '/auth/telegram'): Promise<void> {
    await browser.open(address)
    const { code } = await this.bot.openLinkOf(browser, person)
    await browser.submit({ code })
    if (browser.shown.address.startsWith('/auth/new')) await browser.submit()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server[Symbol.asyncDispose]()
    await this.#service[Symbol.asyncDispose]()
  }
}

export function codeIn(answer: LoginAnswer): CodeAnswer {
  if (answer.kind !== 'code') throw new Error(`No code: ${JSON.stringify(answer)}`)
  return answer
}

export function nonceOn({ shown }: Visitor): string {
  return /start=L([\w-]+)/.exec(shown.text)?.[1] ?? ''
}

export function pictureOn({ shown }: Visitor): string {
  return /class="picture">([^<]+)</.exec(shown.text)?.[1] ?? ''
}
