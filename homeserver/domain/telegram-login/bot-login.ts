/** The bot's side: who it is that asks, which page they mean, and the code for it. */
import { randomBytes, randomInt } from 'node:crypto'
import type { CodeAnswer, LoginAnswer, LoginRefusal, TelegramPerson } from '../../core/telegram-login.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Database, Tx } from '../../storage/database.ts'
import * as store from '../../storage/telegram-login.ts'
import type { TelegramLogin } from '../../storage/telegram-login.ts'
import type { Accounts } from '../accounts/accounts.ts'
import { hashToken } from '../accounts/session-token.ts'
import type { ExternalAccounts } from '../sso/external-accounts.ts'
import type { SsoProvider } from '../sso/providers.ts'
import type { BotEvents } from './bot-events.ts'
import { browserLabel } from './browser-label.ts'
import type { CodeKey } from './code.ts'
import type { GuessLimits } from './guess-limits.ts'
import { CHOICES, icons } from './icons.ts'
import { LOGIN_MS } from './login-pages.ts'
import { provider, type TelegramPeople } from './people.ts'

type Mode = 'off' | 'link' | 'match' | 'open'

const CODE_MS = 3 * 60_000
const MATCH_MS = 3 * 60_000
const SHUT_OUT_MS = 60 * 60_000

interface BotLoginParts {
  readonly database: Database
  readonly clock: Clock
  readonly accounts: Accounts
  readonly externalAccounts: ExternalAccounts
  readonly people: TelegramPeople
  readonly key: CodeKey
  readonly limits: GuessLimits
  readonly events: BotEvents
  readonly mode: Mode
  readonly signUps: SsoProvider['signUps']
  /** The login page, for those who have not opened it. */
  readonly url: string
}

export class BotLogin {
  readonly #parts: BotLoginParts

  constructor(parts: BotLoginParts) {
    this.#parts = parts
  }

  /** `/login`, or the link of a page. */
  async start(person: TelegramPerson, nonce: string | undefined): Promise<LoginAnswer> {
    const { people, mode, limits } = this.#parts
    if (mode === 'off') return refused('off')
    await people.note(person)
    if (!(await people.isLoginEnabled(person.id))) return refused('not_allowed')
    const wait = await limits.waitFor(person.id)
    if (wait !== undefined) return { kind: 'refused', reason: 'too_many', retry_after_ms: wait }
    if (nonce !== undefined) return await this.#byLink(person.id, nonce)
    const refusal = await this.#refusalFor(person.id)
    if (refusal) return refused(refusal)
    if (mode === 'match') return await this.#askForPicture(person.id)
    return mode === 'open' ? await this.#issue(person.id, undefined) : this.#noPage()
  }

  /** A picture was tapped: the attempt is over, right or wrong. */
  async match(tgUser: string, choice: string): Promise<LoginAnswer> {
    const { database, clock, limits } = this.#parts
    const now = clock.steady()
    const offered = await database.transaction('take match', (tx) => store.takeMatch(tx, tgUser, now))
    const icon = icons.indexOf(choice)
    if (!offered?.includes(icon)) return refused('bad_choice')
    const wait = await limits.waitFor(tgUser)
    if (wait !== undefined) return { kind: 'refused', reason: 'too_many', retry_after_ms: wait }
    const pages = (await store.listFreeLogins(database, now)).filter((login) => login.icon === icon)
    const [page] = pages
    if (!page) return refused('bad_choice')
    return pages.length > 1 ? refused('busy') : await this.#claim(tgUser, page)
  }

  /** "Not me": code and page are over, and pages of that network get no codes of this user for an hour. */
  async deny(tgUser: string, codeId: string): Promise<void> {
    const { database, clock, events } = this.#parts
    await database.transaction('deny code', async (tx) => {
      const code = await store.findCode(tx, codeId)
      if (code?.tgUser !== tgUser) return
      for (const from of ['live', 'typed'] as const) await store.setCodeState(tx, codeId, { from, to: 'revoked' })
      const login = code.loginId === undefined ? undefined : await store.findLogin(tx, { loginId: code.loginId })
      if (!login) return
      await store.setLoginState(tx, login.loginId, { from: ['pending', 'asked', 'confirmed'], to: 'dead' })
      await store.shutOut(tx, tgUser, login.network, clock.steady() + SHUT_OUT_MS)
      await events.add(tx, tgUser, { type: 'code_over', code_id: codeId })
    })
  }

  /** "Yes": the page that waits goes on. */
  async confirm(tgUser: string, codeId: string): Promise<void> {
    const { database, clock, events } = this.#parts
    await database.transaction('confirm login', async (tx) => {
      const code = await store.findCode(tx, codeId)
      const login = code?.loginId === undefined ? undefined : await store.findLogin(tx, { loginId: code.loginId })
      if (code?.tgUser !== tgUser || !login || login.expiresTs <= clock.steady()) return
      if (!(await store.setCodeState(tx, codeId, { from: 'typed', to: 'used' }))) return
      await store.setLoginState(tx, login.loginId, { from: ['asked'], to: 'confirmed' })
      await events.add(tx, tgUser, { type: 'code_over', code_id: codeId })
    })
  }

  async #byLink(tgUser: string, nonce: string): Promise<LoginAnswer> {
    const { database, clock } = this.#parts
    const login = await store.findLogin(database, { nonceHash: hashToken(nonce) })
    if (login?.state !== 'pending' || login.expiresTs <= clock.steady()) return refused('bad_link')
    if (login.tgUser !== undefined && login.tgUser !== tgUser) {
      // a link that two people have was passed on: nobody gets in by it
      await database.transaction('end passed on page', async (tx) => {
        await store.setLoginState(tx, login.loginId, { from: ['pending'], to: 'dead' })
        await this.#revoke(tx, await store.listLiveCodes(tx, { loginId: login.loginId }, clock.steady()))
      })
      return refused('bad_link')
    }
    return await this.#claim(tgUser, login)
  }

  async #claim(tgUser: string, login: TelegramLogin): Promise<LoginAnswer> {
    const { database, clock } = this.#parts
    const refusal = await this.#refusalFor(tgUser, login.purpose)
    if (refusal) return refused(refusal)
    if (await store.isShutOut(database, tgUser, login.network, clock.steady())) return refused('not_allowed')
    return await this.#issue(tgUser, login)
  }

  /**
   * Whether this user may log in without the bot, now: login is not switched off, and the account, if any, is usable.
   * What the bot says of the login then names no browser, rather than one of an earlier login.
   */
  async admits(tgUser: string): Promise<boolean> {
    const { people, database } = this.#parts
    if (!(await people.isLoginEnabled(tgUser)) || (await this.#refusalFor(tgUser, 'link'))) return false
    await database.transaction('forget proved logins', (tx) => store.forgetProvedLogins(tx, tgUser))
    return true
  }

  /** Why this user gets no code: the same for an account that is locked, suspended or gone. */
  async #refusalFor(tgUser: string, purpose: TelegramLogin['purpose'] = 'login'): Promise<LoginRefusal | undefined> {
    const { accounts, externalAccounts, signUps } = this.#parts
    const link = await externalAccounts.find({ provider, subject: tgUser })
    if (!link) return purpose === 'login' && signUps === 'closed' ? 'no_account' : undefined
    const account = await accounts.find(link.userId)
    const isUsable = account && !account.isDeactivated && !account.isLocked && !account.isSuspended
    return isUsable ? undefined : 'not_allowed'
  }

  /** Those on the pages that wait, among others; all there are, where more than a few wait. */
  async #askForPicture(tgUser: string): Promise<LoginAnswer> {
    const { database, clock } = this.#parts
    const now = clock.steady()
    const pages = await store.listFreeLogins(database, now)
    const shown = [...new Set(pages.map(({ icon }) => icon))]
    if (shown.length === 0) return this.#noPage()
    const choices = shown.length >= CHOICES ? [...icons.keys()] : shuffled([...shown, ...othersThan(shown)])
    await database.transaction('ask for picture', (tx) => store.setMatch(tx, tgUser, choices, now + MATCH_MS))
    return { kind: 'match', choices: choices.map((icon) => icons[icon] ?? '') }
  }

  #noPage(): LoginAnswer {
    return { kind: 'refused', reason: 'no_page', url: this.#parts.url }
  }

  /** A new code, which takes the place of those before. */
  async #issue(tgUser: string, login: TelegramLogin | undefined): Promise<LoginAnswer> {
    const { database, clock } = this.#parts
    const now = clock.steady()
    const codeId = randomBytes(12).toString('base64url')
    return await database.transaction('issue code', async (tx): Promise<LoginAnswer> => {
      if (login && !(await store.claimLogin(tx, login.loginId, tgUser))) return refused('bad_link')
      await this.#revoke(tx, await store.listLiveCodes(tx, { tgUser }, now))
      const { code, codeHmac } = await this.#freshCode(tx, login?.loginId)
      const expiresTs = Math.min(now + CODE_MS, login?.expiresTs ?? now + LOGIN_MS)
      const loginId = login?.loginId
      await store.addCode(tx, { codeId, codeHmac, tgUser, loginId, state: 'live', issuedTs: now, expiresTs })
      return answerOf({ code, codeId, expiresInMs: expiresTs - now, login })
    })
  }

  /** One that no other user has now, where it does not belong to a page. */
  async #freshCode(tx: Tx, loginId: string | undefined): Promise<{ code: string; codeHmac: string }> {
    const { key, clock } = this.#parts
    for (;;) {
      const code = key.newCode()
      const codeHmac = key.hmac(code, loginId)
      const isTaken = (await store.listLiveCodes(tx, { openHmac: codeHmac }, clock.steady())).length > 0
      if (!isTaken) return { code, codeHmac }
    }
  }

  async #revoke(tx: Tx, codes: readonly store.TelegramCode[]): Promise<void> {
    for (const { codeId, tgUser } of codes) {
      await store.setCodeState(tx, codeId, { from: 'live', to: 'revoked' })
      await this.#parts.events.add(tx, tgUser, { type: 'code_over', code_id: codeId })
    }
  }
}

const refused = (reason: LoginRefusal): LoginAnswer => ({ kind: 'refused', reason })

function answerOf(issued: {
  readonly code: string
  readonly codeId: string
  readonly expiresInMs: number
  readonly login: TelegramLogin | undefined
}): CodeAnswer {
  const { code, codeId, expiresInMs, login } = issued
  const device = login && browserLabel(login.userAgent)
  return { kind: 'code', code, code_id: codeId, expires_in_ms: expiresInMs, device }
}

function othersThan(shown: readonly number[]): number[] {
  const others = shuffled([...icons.keys()].filter((icon) => !shown.includes(icon)))
  return others.slice(0, CHOICES - shown.length)
}

function shuffled(list: readonly number[]): number[] {
  const left = [...list]
  return list.flatMap(() => left.splice(randomInt(left.length), 1))
}
