/** How much one address may say: enough for programs, too little to flood a room. */
import { LimitExceeded } from '../../homeserver/core/errors.ts'
import type { Clock } from '../../homeserver/platform/clock.ts'
import { Lru } from '../../homeserver/platform/lru.ts'

const EVERY_MS = 2_000
const BURST = 20
const MAX_KNOWN = 10_000

export class Rate {
  readonly #clock: Clock
  /** When all that was said would be through at the even rate. */
  readonly #through = new Lru<string, number>(MAX_KNOWN)

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Throws `LimitExceeded`, and then counts nothing. */
  take(hookId: string): void {
    const now = this.#clock.monotonic()
    const through = Math.max(this.#through.get(hookId) ?? 0, now)
    const wait = through - now - (BURST - 1) * EVERY_MS
    if (wait > 0) throw new LimitExceeded(wait, 'This webhook says too much at once')
    this.#through.set(hookId, through + EVERY_MS)
  }
}
