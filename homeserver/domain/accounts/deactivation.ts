/** Ends accounts for good. https://spec.matrix.org/v1.19/client-server-api/#account-deactivation */
import { notFound } from '../../core/errors.ts'
import type { UserId } from '../../core/ids.ts'
import type { Clock } from '../../platform/clock.ts'
import { KeyedLock } from '../../platform/keyed-lock.ts'
import type { Background, Service } from '../../platform/lifecycle.ts'
import { findAccount, listDeparting, updateAccount } from '../../storage/accounts.ts'
import type { Database } from '../../storage/database.ts'
import { removeProfile } from '../../storage/profiles.ts'
import { removeLoginTokens } from '../../storage/sessions.ts'
import type { AccountHooks } from './hooks.ts'
import type { SessionNews } from './session-news.ts'
import type { Sessions } from './sessions.ts'

const RETRY_MS = 10 * 60_000

export class Deactivation implements Service {
  readonly name = 'deactivation'
  readonly #database: Database
  readonly #clock: Clock
  readonly #background: Background
  readonly #sessions: Sessions
  readonly #news: SessionNews
  readonly #hooks: AccountHooks
  readonly #lock: KeyedLock
  #retrying: Promise<void> = Promise.resolve()

  constructor(parts: {
    database: Database
    clock: Clock
    background: Background
    sessions: Sessions
    news: SessionNews
    hooks: AccountHooks
  }) {
    this.#database = parts.database
    this.#clock = parts.clock
    this.#background = parts.background
    this.#sessions = parts.sessions
    this.#news = parts.news
    this.#hooks = parts.hooks
    this.#lock = new KeyedLock({ name: 'departure of', clock: parts.clock })
  }

  async start(signal: AbortSignal): Promise<void> {
    this.#retryDepartures()
    this.#retrying = this.#clock.every(RETRY_MS, this.name, () => this.#retryDepartures(), signal)
  }

  async stop(): Promise<void> {
    await this.#retrying
  }

  /**
   * Nobody can use the account from here on, and its name stays taken. Leaving the rooms goes on in the background,
   * after a restart too. `erase` forgets the profile. Throws `M_NOT_FOUND`.
   */
  async deactivate(userId: UserId, { erase }: { erase: boolean }): Promise<void> {
    await this.#database.transaction('deactivate', async (tx) => {
      const changes = { passwordHash: null, isDeactivated: true, isErased: erase, isDeparting: true, isAdmin: false }
      if (!(await updateAccount(tx, userId, changes))) throw notFound('There is no such user')
      if (erase) await removeProfile(tx, userId)
      await removeLoginTokens(tx, userId)
      await this.#sessions.endAllIn(tx, userId)
      tx.onCommit(() => this.#news.publish({ userId, ended: 'all' }))
    })
    this.#depart(userId)
  }

  #retryDepartures(): void {
    this.#background.run('look for departures', async () => {
      for (const userId of await listDeparting(this.#database)) this.#depart(userId)
    })
  }

  #depart(userId: UserId): void {
    this.#background.run('leave after deactivation', () =>
      this.#lock.run(userId, async () => {
        const account = await findAccount(this.#database, userId)
        for (const departure of this.#hooks.departures) {
          await departure.leave(userId, { erase: account?.isErased === true })
        }
        await this.#database.transaction('departed', (tx) => updateAccount(tx, userId, { isDeparting: false }))
      }),
    )
  }
}
