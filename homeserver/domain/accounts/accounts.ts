/** Changes accounts that are there. Every change reaches the sessions of the account at once. */
import { notFound } from '../../core/errors.ts'
import type { DeviceId, UserId } from '../../core/ids.ts'
import { type Account, type AccountChanges, findAccount, updateAccount } from '../../storage/accounts.ts'
import type { Database } from '../../storage/database.ts'
import type { Passwords } from './passwords.ts'
import type { SessionNews } from './session-news.ts'
import type { Sessions } from './sessions.ts'

export type AccountRights = Pick<AccountChanges, 'isAdmin' | 'isLocked' | 'isSuspended'>

export class Accounts {
  readonly #database: Database
  readonly #passwords: Passwords
  readonly #sessions: Sessions
  readonly #news: SessionNews

  constructor(parts: { database: Database; passwords: Passwords; sessions: Sessions; news: SessionNews }) {
    this.#database = parts.database
    this.#passwords = parts.passwords
    this.#sessions = parts.sessions
    this.#news = parts.news
  }

  async find(userId: string): Promise<Account | undefined> {
    return await findAccount(this.#database, userId)
  }

  /**
   * Sets a password and ends the sessions that the old one may have opened, except those to keep.
   * Throws `M_NOT_FOUND`, and what `Passwords.hash` throws.
   */
  async setPassword(userId: UserId, password: string, { keep }: { keep: readonly DeviceId[] | 'all' }): Promise<void> {
    const passwordHash = await this.#passwords.hash(password)
    await this.#database.transaction('set password', async (tx) => {
      if (!(await updateAccount(tx, userId, { passwordHash }))) throw unknownUser()
      if (keep !== 'all') await this.#sessions.endAllIn(tx, userId, { except: keep })
    })
  }

  /** For administrators. A lock ends no session, but closes all calls except logging out. Throws `M_NOT_FOUND`. */
  async setRights(userId: UserId, rights: AccountRights): Promise<void> {
    await this.#database.transaction('set rights of account', async (tx) => {
      if (!(await updateAccount(tx, userId, rights))) throw unknownUser()
      const change = rights.isLocked === true ? ({ ended: 'all', how: 'locked' } as const) : { ended: [] }
      tx.onCommit(() => this.#news.publish({ userId, ...change }))
    })
  }
}

const unknownUser = () => notFound('There is no such user')
