/** Who is logged in on the server's own pages. */
import { hash, randomBytes } from 'node:crypto'
import type { UserId } from '../../core/ids.ts'
import type { Clock } from '../../platform/clock.ts'
import { type Account, findAccount } from '../../storage/accounts.ts'
import * as store from '../../storage/browser-sessions.ts'
import type { Database } from '../../storage/database.ts'
import { hashToken } from '../accounts/session-token.ts'
import { maxBrowserSessions } from '../limits.ts'

export interface Visitor {
  readonly userId: UserId
  readonly isAdmin: boolean
  /** May look, not change what others see. */
  readonly isSuspended: boolean
  /** Whether the person has shown lately who they are: what cannot be undone asks for it. */
  readonly isRecent: boolean
  /** The second factor that is to be shown before anything else is. */
  readonly awaitsFactor: string | undefined
}

const LIFETIME_MS = 14 * 86_400_000
const FACTOR_MS = 10 * 60_000
const RECENT_MS = 15 * 60_000

export class BrowserSessions {
  readonly #database: Database
  readonly #clock: Clock

  constructor({ database, clock }: { database: Database; clock: Clock }) {
    this.#database = database
    this.#clock = clock
  }

  /** A new session, and the text for its cookie. The cookie from before the login is good no more. */
  async begin(
    userId: UserId,
    { awaitsFactor, before }: { awaitsFactor?: string | undefined; before?: string | undefined } = {},
  ): Promise<string> {
    const cookie = newCookie()
    const now = this.#clock.steady()
    await this.#database.transaction('begin browser session', async (tx) => {
      if (before !== undefined) await store.removeBrowserSession(tx, hashToken(before))
      const session = {
        userId,
        passwordStamp: stampOf(await findAccount(tx, userId)),
        awaitsFactor,
        authenticatedTs: now,
        expiresTs: now + (awaitsFactor === undefined ? LIFETIME_MS : FACTOR_MS),
      }
      await store.addBrowserSession(tx, hashToken(cookie), session, { keep: maxBrowserSessions })
    })
    return cookie
  }

  /** Over with the account, a lock of it, and another password. */
  async find(cookie: string): Promise<Visitor | undefined> {
    const session = await store.findBrowserSession(this.#database, hashToken(cookie))
    const now = this.#clock.steady()
    if (!session || session.expiresTs <= now) return undefined
    const { userId, awaitsFactor, authenticatedTs, passwordStamp } = session
    const account = await findAccount(this.#database, userId)
    const isOver = !account || account.isDeactivated || account.isLocked || stampOf(account) !== passwordStamp
    if (isOver) return undefined
    const { isAdmin, isSuspended } = account
    return { userId, isAdmin, isSuspended, isRecent: now - authenticatedTs < RECENT_MS, awaitsFactor }
  }

  async end(cookie: string): Promise<void> {
    await this.#database.transaction('end browser session', (tx) => store.removeBrowserSession(tx, hashToken(cookie)))
  }

  async endAll(userId: UserId): Promise<void> {
    await this.#database.transaction('end browser sessions', (tx) => store.removeBrowserSessionsOf(tx, userId))
  }

  async sweep(): Promise<void> {
    const now = this.#clock.steady()
    await this.#database.transaction('forget browser sessions', (tx) => store.removeExpiredBrowserSessions(tx, now))
  }
}

/** For a browser that comes for the first time: it keeps the forms of one browser apart from those of others. */
export function newCookie(): string {
  return randomBytes(32).toString('base64url')
}

/** What the forms of a browser carry. Only who has the cookie knows it, and it does not give the cookie away. */
export function formToken(cookie: string): string {
  return hash('sha256', `form ${cookie}`, 'base64url')
}

function stampOf(account: Account | undefined): string {
  return hash('sha256', `stamp ${account?.passwordHash ?? ''}`, 'base64url')
}
