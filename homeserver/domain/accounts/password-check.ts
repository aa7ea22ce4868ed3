/** Whether a password is right, for logging in and for interactive authentication alike. */
import type { UserId } from '../../core/ids.ts'
import { type Account, findAccount, updateAccount } from '../../storage/accounts.ts'
import type { Database } from '../../storage/database.ts'
import type { Lockout } from './lockout.ts'
import type { Passwords } from './passwords.ts'

export class PasswordCheck {
  readonly #database: Database
  readonly #passwords: Passwords
  readonly #lockout: Lockout

  constructor({ database, passwords, lockout }: { database: Database; passwords: Passwords; lockout: Lockout }) {
    this.#database = database
    this.#passwords = passwords
    this.#lockout = lockout
  }

  /**
   * The account, or undefined for a wrong password and for an unknown user: both take as long and count as a failure.
   * Throws `M_LIMIT_EXCEEDED` after too many failures, or when too many passwords wait to be checked.
   */
  async check(userId: UserId, password: string, ip: string): Promise<Account | undefined> {
    return await this.#lockout.attempt(userId, ip, async () => {
      const account = await findAccount(this.#database, userId)
      const hashed = account?.passwordHash
      if (!(await this.#passwords.verify(password, hashed)) || account === undefined) return undefined
      if (hashed !== undefined && this.#passwords.isOutdated(hashed)) await this.#rehash(userId, password)
      return account
    })
  }

  async #rehash(userId: UserId, password: string): Promise<void> {
    const passwordHash = await this.#passwords.hash(password)
    await this.#database.transaction('renew password hash', (tx) => updateAccount(tx, userId, { passwordHash }))
  }
}
