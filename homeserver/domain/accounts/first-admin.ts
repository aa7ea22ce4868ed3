/**
 * The link that makes the first administrator: whoever sees what the server writes at its start is taken for its owner.
 * It is made of the shared secret, outlives restarts, and is over as soon as there is an administrator.
 */
import type { UserId } from '../../core/ids.ts'
import type { Clock } from '../../platform/clock.ts'
import { KeyedLock } from '../../platform/keyed-lock.ts'
import type { Secret } from '../../platform/secret.ts'
import { hasAdmin } from '../../storage/accounts.ts'
import { addAuditEntry, wasEverDone } from '../../storage/audit-log.ts'
import type { Database, Tx } from '../../storage/database.ts'
import type { Registration } from './registration.ts'
import { isTimedToken, timedToken, type TimedTokenUse } from './timed-token.ts'

export const setupHours = 24

/** As the audit log calls it. */
const ACTION = 'POST /setup/:token'

export interface FirstAdminAccount {
  /** One that `Registration.checkAvailable` has found good. */
  readonly userId: UserId
  readonly displayname: string
  readonly password: string
  readonly ip: string
}

export class FirstAdmin {
  readonly #database: Database
  readonly #clock: Clock
  readonly #registration: Registration
  readonly #use: TimedTokenUse | undefined
  readonly #lock: KeyedLock

  constructor(parts: { database: Database; clock: Clock; registration: Registration; secret: Secret | undefined }) {
    this.#database = parts.database
    this.#clock = parts.clock
    this.#registration = parts.registration
    const secret = parts.secret?.reveal()
    this.#use = secret === undefined ? undefined : { secret, purpose: 'setup', lifeMs: setupHours * 3_600_000 }
    this.#lock = new KeyedLock({ name: 'first administrator', clock: parts.clock })
  }

  /** The path of a link that is good for `setupHours`. Undefined where an administrator is, or was made by such a link. */
  async newLink(): Promise<string | undefined> {
    if (this.#use === undefined || (await this.#isOver())) return undefined
    return `/setup/${timedToken(this.#use, this.#clock.now())}`
  }

  async isOpen(token: string): Promise<boolean> {
    const isGood = this.#use !== undefined && isTimedToken(token, this.#use, this.#clock.now())
    return isGood && !(await this.#isOver())
  }

  /** False, and nothing done, if the link is not good any more. Throws what `Registration.register` throws. */
  async make(token: string, { userId, displayname, password, ip }: FirstAdminAccount): Promise<boolean> {
    const done = { ts: this.#clock.now(), actor: userId, ip, action: ACTION, details: '{}', errcode: null }
    return await this.#lock.run('', async () => {
      if (!(await this.isOpen(token))) return false
      const within = (tx: Tx) => addAuditEntry(tx, done)
      await this.#registration.register({ userId, displayname, password, isAdmin: true, within })
      return true
    })
  }

  /** The audit log remembers it of administrators who are none any more. */
  async #isOver(): Promise<boolean> {
    return (await hasAdmin(this.#database)) || (await wasEverDone(this.#database, ACTION))
  }
}
