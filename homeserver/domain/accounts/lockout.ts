/**
 * Wrong passwords lock an account, for the network they came from: the owner at home is not locked out by somebody far
 * away, and sessions that are open go on.
 */
import { isIPv6 } from 'node:net'
import { limitExceeded } from '../../core/errors.ts'
import type { Clock } from '../../platform/clock.ts'
import { KeyedLock } from '../../platform/keyed-lock.ts'
import type { Database } from '../../storage/database.ts'
import { addLoginFailure, clearLoginFailures, listLoginFailures } from '../../storage/login-failures.ts'

export interface LockoutSettings {
  readonly lockout_failures: number
  /** Milliseconds. */
  readonly lockout_time: number
}

/** The account is locked for all networks after this many times `lockout_failures`. */
const ACCOUNT_FACTOR = 10

export class Lockout {
  readonly #database: Database
  readonly #clock: Clock
  readonly #settings: LockoutSettings
  /** As of then counts what an earlier run, its clock ahead, has put into the future. */
  readonly #startedTs: number
  /** Those who try many passwords at once are looked at one after the other. */
  readonly #lock: KeyedLock

  constructor({ database, clock, settings }: { database: Database; clock: Clock; settings: LockoutSettings }) {
    this.#database = database
    this.#clock = clock
    this.#settings = settings
    this.#startedTs = clock.steady()
    this.#lock = new KeyedLock({ name: 'login attempt', clock })
  }

  /** Runs `check` and counts it as a failure when it gives undefined. Throws `M_LIMIT_EXCEEDED` once there were too many. */
  async attempt<T>(account: string, ip: string, check: () => Promise<T | undefined>): Promise<T | undefined> {
    const network = networkOf(ip)
    return await this.#lock.run(`${account} ${network}`, async () => {
      const failedBefore = await this.#refuseLocked(account, network)
      const result = await check()
      if (result === undefined) await this.#addFailure(account, network)
      else if (failedBefore) await this.#clear(account, network)
      return result
    })
  }

  /** Gives whether there was a failure from this network. */
  async #refuseLocked(account: string, network: string): Promise<boolean> {
    const { lockout_failures: limit, lockout_time: time } = this.#settings
    const now = this.#clock.steady()
    const recent = (await listLoginFailures(this.#database, account, now - time))
      .map((failed) => (failed.lastTs > now ? { ...failed, lastTs: this.#startedTs } : failed)) // the clock was ahead then
      .filter(({ lastTs }) => lastTs > now - time)
    const here = recent.find((failed) => failed.network === network)
    const all = recent.reduce((sum, { failures }) => sum + failures, 0)
    const isLockedHere = here !== undefined && here.failures >= limit
    if (isLockedHere || all >= limit * ACCOUNT_FACTOR) {
      const lastTs = isLockedHere ? here.lastTs : Math.max(...recent.map((failed) => failed.lastTs))
      throw limitExceeded(lastTs + time - now, 'Too many wrong passwords: try again later')
    }
    return here !== undefined
  }

  async #addFailure(userId: string, network: string): Promise<void> {
    const now = this.#clock.steady()
    const since = now - this.#settings.lockout_time
    await this.#database.transaction('count wrong password', (tx) =>
      addLoginFailure(tx, { userId, network, now, since }),
    )
  }

  async #clear(account: string, network: string): Promise<void> {
    await this.#database.transaction('forget wrong passwords', (tx) => clearLoginFailures(tx, account, network))
  }
}

/** An IPv4 address, or the /64 that one household or machine has of IPv6. */
export function networkOf(ip: string): string {
  if (!isIPv6(ip)) return ip
  const [head = '', tail] = ip.replace(/%.*/, '').split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : 8 - before.length - after.length
  const groups = [...before, ...Array.from({ length: zeros }, () => '0'), ...after]
  const prefix = groups.slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16))
  return `${prefix.join(':')}::/64`
}
