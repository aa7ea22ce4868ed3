/** Throws away what has expired. */
import type { Clock } from '../../platform/clock.ts'
import type { Service } from '../../platform/lifecycle.ts'
import type { Database } from '../../storage/database.ts'
import { removeLoginFailures } from '../../storage/login-failures.ts'
import { removeExpiredTokens } from '../../storage/sessions.ts'
import { removeExpiredValidations } from '../../storage/threepids.ts'
import { removeExpiredUiaSessions } from '../../storage/uia.ts'

const EVERY_MS = 10 * 60_000
/** So long a client with an expired token is still told that it may log in again with its device. */
const REMEMBER_EXPIRED_MS = 90 * 86_400_000

export class AccountHousekeeping implements Service {
  readonly name = 'account housekeeping'
  readonly #database: Database
  readonly #clock: Clock
  readonly #lockoutTime: number
  #sweeping: Promise<void> = Promise.resolve()

  constructor({ database, clock, lockoutTime }: { database: Database; clock: Clock; lockoutTime: number }) {
    this.#database = database
    this.#clock = clock
    this.#lockoutTime = lockoutTime
  }

  async start(signal: AbortSignal): Promise<void> {
    this.#sweeping = this.#clock.every(EVERY_MS, this.name, () => this.sweep(), signal)
  }

  async stop(): Promise<void> {
    await this.#sweeping
  }

  async sweep(): Promise<void> {
    const now = this.#clock.steady()
    await this.#database.transaction('forget expired sessions', async (tx) => {
      await removeExpiredTokens(tx, now - REMEMBER_EXPIRED_MS)
      await removeExpiredUiaSessions(tx, now)
      await removeExpiredValidations(tx, this.#clock.now())
      await removeLoginFailures(tx, now - this.#lockoutTime)
    })
  }
}
