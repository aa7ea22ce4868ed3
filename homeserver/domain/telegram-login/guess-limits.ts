/**
 * What keeps strangers from guessing codes (T92). All of it is in the database: a restart forgives nothing.
 */
import { limitExceeded } from '../../core/errors.ts'
import type { Clock } from '../../platform/clock.ts'
import { KeyedLock } from '../../platform/keyed-lock.ts'
import type { Database } from '../../storage/database.ts'
import { addTry, countTries, listIssued } from '../../storage/telegram-login.ts'
import { networkOf } from '../accounts/lockout.ts'

interface Limit {
  readonly kind: 'page' | 'failure'
  /** What of an address is counted. */
  readonly of: (ip: string) => string
  readonly count: number
  readonly withinMs: number
}

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const DAY_MS = 24 * HOUR_MS
const everybody = () => ''

const limits: readonly Limit[] = [
  { kind: 'page', of: networkOf, count: 30, withinMs: 10 * MINUTE_MS },
  { kind: 'failure', of: networkOf, count: 20, withinMs: 10 * MINUTE_MS },
  { kind: 'failure', of: wideNetworkOf, count: 100, withinMs: HOUR_MS },
  { kind: 'failure', of: everybody, count: 100, withinMs: MINUTE_MS },
  { kind: 'failure', of: everybody, count: 2_400, withinMs: DAY_MS },
]

/** Codes of one Telegram user. */
const issues = [
  { count: 3, withinMs: 10 * MINUTE_MS },
  { count: 20, withinMs: DAY_MS },
] as const

export class GuessLimits {
  readonly #database: Database
  readonly #clock: Clock
  /** Those who guess many times at once are looked at one after the other. */
  readonly #lock: KeyedLock

  constructor({ database, clock }: { database: Database; clock: Clock }) {
    this.#database = database
    this.#clock = clock
    this.#lock = new KeyedLock({ name: 'telegram code', clock })
  }

  /** Counts a new login page. Throws `M_LIMIT_EXCEEDED`. */
  async page(ip: string): Promise<void> {
    await this.#lock.run('page', async () => {
      await this.#refuse('page', ip)
      await this.#count('page', ip)
    })
  }

  /** Runs `check` and counts a failure if it gives undefined. Throws `M_LIMIT_EXCEEDED` once there were too many. */
  async attempt<T>(ip: string, check: () => Promise<T | undefined>): Promise<T | undefined> {
    return await this.#lock.run('failure', async () => {
      await this.#refuse('failure', ip)
      const result = await check()
      if (result === undefined) await this.#count('failure', ip)
      return result
    })
  }

  /** How long this Telegram user has to wait for the next code, or undefined. */
  async waitFor(tgUser: string): Promise<number | undefined> {
    const now = this.#clock.steady()
    const issued = await listIssued(this.#database, tgUser, now - DAY_MS)
    for (const { count, withinMs } of issues) {
      const oldest = issued[count - 1]
      if (oldest !== undefined && oldest > now - withinMs) return oldest + withinMs - now
    }
    return undefined
  }

  async #refuse(kind: Limit['kind'], ip: string): Promise<void> {
    const now = this.#clock.steady()
    for (const limit of limits) {
      if (limit.kind !== kind) continue
      const { count, firstTs } = await countTries(this.#database, kind, limit.of(ip), now - limit.withinMs)
      if (count >= limit.count) throw limitExceeded(firstTs + limit.withinMs - now, 'Too many tries: try again later')
    }
  }

  async #count(kind: Limit['kind'], ip: string): Promise<void> {
    const counted = new Set(limits.filter((limit) => limit.kind === kind).map(({ of }) => of(ip)))
    const now = this.#clock.steady()
    await this.#database.transaction('count a try', async (tx) => {
      for (const countedFor of counted) await addTry(tx, kind, countedFor, now)
    })
  }
}

/** The /24 of an IPv4 address, the /48 of IPv6: what one company or campus has. */
function wideNetworkOf(ip: string): string {
  const network = networkOf(ip)
  return network.includes(':')
    ? `${network.split(':').slice(0, 3).join(':')}::/48`
    : `${network.split('.').slice(0, 3).join('.')}.0/24`
}
