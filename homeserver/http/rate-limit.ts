/** Named limits, each a token bucket for every user or address. */
import { limitExceeded } from '../core/errors.ts'
import type { Clock } from '../platform/clock.ts'
import { Lru } from '../platform/lru.ts'

interface Limit {
  /** Calls a second that can be kept up. */
  readonly perSecond: number
  readonly burst: number
}

/** `none` is for calls that cost next to nothing or that must never fail, such as to-device messages. */
export type LimitName = (typeof limitNames)[number]
const limitNames = [
  'none',
  'read',
  'write',
  'message',
  'delayed',
  'join',
  'invite',
  'createRoom',
  'login',
  'token',
  'register',
  'oauth',
  'ephemeral',
  'media',
  'search',
  'keys',
  'sync',
  'federation',
  'admin',
] as const

export type Limits = Readonly<Partial<Record<LimitName, Limit>>>

interface Bucket {
  tokens: number
  at: number
}

const MAX_BUCKETS = 50_000

export class RateLimiter {
  readonly #clock: Clock
  #limits: Limits
  readonly #buckets = new Lru<string, Bucket>(MAX_BUCKETS)

  /** A name without a limit is not limited. */
  constructor({ clock, limits }: { clock: Clock; limits: Limits }) {
    this.#clock = clock
    this.#limits = limits
  }

  /** Other limits from here on. What was spent stays spent. */
  reload(limits: Limits): void {
    this.#limits = limits
  }

  /** Takes one token of `key`'s bucket; throws `LimitExceeded` with the time until there is one. */
  spend(name: LimitName, key: string): void {
    const limit = this.#limits[name]
    if (!limit) return
    const now = this.#clock.monotonic()
    const id = `${name} ${key}`
    const bucket = this.#buckets.get(id) ?? { tokens: limit.burst, at: now }
    const tokens = Math.min(limit.burst, bucket.tokens + ((now - bucket.at) / 1000) * limit.perSecond)
    if (tokens < 1) throw limitExceeded(((1 - tokens) / limit.perSecond) * 1000)
    bucket.tokens = tokens - 1
    bucket.at = now
    this.#buckets.set(id, bucket)
  }
}
