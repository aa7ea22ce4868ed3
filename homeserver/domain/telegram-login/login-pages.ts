/** The browser's side: a page that waits for a Telegram user, and the code that somebody types on it. */
import { randomBytes, randomInt } from 'node:crypto'
import type { Clock } from '../../platform/clock.ts'
import type { Counter, Metrics } from '../../platform/metrics.ts'
import type { Database, Tx } from '../../storage/database.ts'
import * as store from '../../storage/telegram-login.ts'
import type { TelegramCode, TelegramLogin } from '../../storage/telegram-login.ts'
import { networkOf } from '../accounts/lockout.ts'
import { hashToken } from '../accounts/session-token.ts'
import type { BotEvents } from './bot-events.ts'
import { browserLabel } from './browser-label.ts'
import { type CodeKey, typedCode } from './code.ts'
import type { GuessLimits } from './guess-limits.ts'
import { icons } from './icons.ts'

export const LOGIN_MS = 10 * 60_000
const TRIES = 5
const MAX_USER_AGENT = 500

/** A browser as it comes to the page. */
export interface Browser {
  readonly cookie: string
  readonly ip: string
  readonly userAgent: string
  /** Whether it is for logging in, or for linking the account of somebody who is logged in. */
  readonly purpose: 'login' | 'link'
}

export interface OpenPage {
  /** For `https://t.me/<bot>?start=L<nonce>`. */
  readonly nonce: string
  readonly icon: string
  readonly state: 'open' | 'asked'
}

export type Typed =
  /** Who it is. */
  | { readonly is: 'proved'; readonly tgUser: string }
  /** The owner of the code is asked in Telegram. */
  | { readonly is: 'asked' }
  | { readonly is: 'wrong' | 'unreadable' | 'over' }

export class LoginPages {
  readonly #database: Database
  readonly #clock: Clock
  readonly #key: CodeKey
  readonly #limits: GuessLimits
  readonly #events: BotEvents
  readonly #codes: Counter<'result'>

  constructor(parts: {
    database: Database
    clock: Clock
    metrics: Metrics
    key: CodeKey
    limits: GuessLimits
    events: BotEvents
  }) {
    this.#database = parts.database
    this.#clock = parts.clock
    this.#key = parts.key
    this.#limits = parts.limits
    this.#events = parts.events
    this.#codes = parts.metrics.counter('telegram_codes_total', 'Codes of the bot that people typed', ['result'])
  }

  /** The page of this browser, a new one if there is none. Throws `M_LIMIT_EXCEEDED`. */
  async open(browser: Browser): Promise<OpenPage> {
    const login = (await this.#find(this.#database, browser)) ?? (await this.#begin(browser))
    return {
      nonce: this.#key.nonce(login.loginId),
      icon: icons[login.icon] ?? '',
      state: login.state === 'pending' ? 'open' : 'asked',
    }
  }

  /**
   * What somebody has typed. A code for this page or, where these are given out, one for any. The fifth wrong one ends
   * the page and its code. Throws `M_LIMIT_EXCEEDED`.
   */
  async type(browser: Browser, text: string): Promise<Typed> {
    const typed = await this.#type(browser, text)
    this.#codes.inc({ result: typed.is })
    return typed
  }

  async #type(browser: Browser, text: string): Promise<Typed> {
    const login = await this.#find(this.#database, browser)
    const code = typedCode(text)
    if (code === undefined) return { is: 'unreadable' }
    if (login?.state !== 'pending') return { is: 'over' }
    const good = await this.#limits.attempt(browser.ip, () => this.#check(login, code))
    return good ?? { is: (await this.#find(this.#database, browser)) ? 'wrong' : 'over' }
  }

  /** Who has said yes in Telegram, once. */
  async takeConfirmed(browser: Browser): Promise<string | undefined> {
    return await this.#database.transaction('take confirmed login', async (tx) => {
      const login = await this.#find(tx, browser)
      const isConfirmed = login?.state === 'confirmed'
      const through = { from: ['confirmed'], to: 'proved' } as const
      return isConfirmed && (await store.setLoginState(tx, login.loginId, through)) ? login.tgUser : undefined
    })
  }

  async #find(conn: Database | Tx, { cookie, purpose }: Browser): Promise<TelegramLogin | undefined> {
    return await store.findLoginOf(conn, { cookieHash: hashToken(cookie), purpose, now: this.#clock.steady() })
  }

  async #begin({ cookie, ip, userAgent, purpose }: Browser): Promise<TelegramLogin> {
    await this.#limits.page(ip)
    const now = this.#clock.steady()
    const loginId = randomBytes(16).toString('base64url')
    const begun = {
      loginId,
      purpose,
      network: networkOf(ip),
      userAgent: userAgent.slice(0, MAX_USER_AGENT),
      createdTs: now,
      expiresTs: now + LOGIN_MS,
    }
    return await this.#database.transaction('open login page', async (tx) => {
      const icon = await this.#freeIcon(tx)
      const nonceHash = hashToken(this.#key.nonce(loginId))
      await store.addLogin(tx, { ...begun, icon, nonceHash, cookieHash: hashToken(cookie), triesLeft: TRIES })
      return { ...begun, icon, tgUser: undefined, state: 'pending' }
    })
  }

  /** One that no other page shows, as long as there are such: then it names one browser, and a guess hits nobody. */
  async #freeIcon(tx: Tx): Promise<number> {
    const taken = new Set((await store.listFreeLogins(tx, this.#clock.steady())).map(({ icon }) => icon))
    const all = [...icons.keys()]
    const free = all.filter((icon) => !taken.has(icon))
    const choice = free.length > 0 ? free : all
    return choice[randomInt(choice.length)] ?? 0
  }

  async #check(login: TelegramLogin, code: string): Promise<Typed | undefined> {
    return await this.#database.transaction('check code', async (tx): Promise<Typed | undefined> => {
      const left = await store.takeTry(tx, login.loginId)
      if (left === undefined) return undefined
      const found = await this.#codeFor(tx, login, code)
      const good = found && (await this.#use(tx, login, found))
      if (!good && left === 0) await this.#end(tx, login)
      return good
    })
  }

  /** Of a page that somebody has claimed only its own code is good. */
  async #codeFor(tx: Tx, { loginId, tgUser, purpose }: TelegramLogin, code: string): Promise<TelegramCode | undefined> {
    const now = this.#clock.steady()
    const openHmac = this.#key.hmac(code, undefined)
    if (tgUser === undefined) {
      const live = purpose === 'login' ? await store.listLiveCodes(tx, { openHmac }, now) : []
      return live.length === 1 ? live[0] : undefined
    }
    const hmac = this.#key.hmac(code, loginId)
    return (await store.listLiveCodes(tx, { loginId }, now)).find((live) => this.#key.isSame(live.codeHmac, hmac))
  }

  async #use(tx: Tx, login: TelegramLogin, { codeId, tgUser, loginId }: TelegramCode): Promise<Typed | undefined> {
    if (loginId === undefined) {
      const isMine = await store.setCodeState(tx, codeId, { from: 'live', to: 'typed', loginId: login.loginId })
      if (!isMine || !(await store.claimLogin(tx, login.loginId, tgUser))) return undefined
      await store.setLoginState(tx, login.loginId, { from: ['pending'], to: 'asked' })
      const device = browserLabel(login.userAgent)
      await this.#events.add(tx, tgUser, { type: 'confirm', code_id: codeId, device })
      return { is: 'asked' }
    }
    if (!(await store.setCodeState(tx, codeId, { from: 'live', to: 'used' }))) return undefined
    if (!(await store.setLoginState(tx, login.loginId, { from: ['pending'], to: 'proved' }))) return undefined
    await this.#events.add(tx, tgUser, { type: 'code_over', code_id: codeId })
    return { is: 'proved', tgUser }
  }

  async #end(tx: Tx, { loginId }: TelegramLogin): Promise<void> {
    await store.setLoginState(tx, loginId, { from: ['pending'], to: 'dead' })
    for (const { codeId, tgUser } of await store.listLiveCodes(tx, { loginId }, this.#clock.steady())) {
      await store.setCodeState(tx, codeId, { from: 'live', to: 'revoked' })
      await this.#events.add(tx, tgUser, { type: 'code_over', code_id: codeId })
    }
  }
}
