/** Which servers do not answer, so that nobody waits for them in vain. What must arrive has a queue with its own patience. */
import { randomInt } from 'node:crypto'
import type { ServerName } from '../../core/ids.ts'
import type { Clock } from '../../platform/clock.ts'
import { Lru } from '../../platform/lru.ts'

const FIRST_PAUSE_MS = 5_000
const LONGEST_PAUSE_MS = 5 * 60_000
const MAX_DESTINATIONS = 20_000

interface Down {
  readonly failures: number
  readonly until: number
}

type Listener = (server: ServerName, sign: { readonly spoke: boolean }) => void

export class Destinations {
  readonly #clock: Clock
  readonly #down = new Lru<ServerName, Down>(MAX_DESTINATIONS)
  readonly #listeners: Listener[] = []

  constructor({ clock }: { clock: Clock }) {
    this.#clock = clock
  }

  /** Whether the server has failed, and it is too early to try again. */
  isDown(server: ServerName): boolean {
    const down = this.#down.get(server)
    return down !== undefined && down.until > this.#clock.monotonic()
  }

  failed(server: ServerName): void {
    const failures = (this.#down.get(server)?.failures ?? 0) + 1
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(failures - 1, 10))
    const jittered = (pause * (80 + randomInt(41))) / 100
    this.#down.set(server, { failures, until: this.#clock.monotonic() + jittered })
  }

  /** It has answered, or `spoke` by itself. */
  alive(server: ServerName, { spoke = false } = {}): void {
    this.#down.delete(server)
    for (const listener of this.#listeners) listener(server, { spoke })
  }

  /** `listener` hears of every sign of life, so it must be quick. */
  onAlive(listener: Listener): void {
    this.#listeners.push(listener)
  }
}
