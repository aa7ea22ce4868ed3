import { BaseClock, type Cancel } from './clock.ts'

interface Timer {
  readonly at: number
  readonly fn: () => void
}

/** Lets what a timer woke run on, promises and I/O callbacks that are ready included. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** A clock that stands still until a test turns it. */
export class FakeClock extends BaseClock {
  #elapsed = 0
  #offBy = 0
  readonly #start: number
  readonly #timers = new Set<Timer>()

  constructor(start = Date.UTC(2026, 0, 1)) {
    super()
    this.#start = start
  }

  now(): number {
    return this.#start + this.#elapsed + this.#offBy
  }

  monotonic(): number {
    return this.#elapsed
  }

  after(ms: number, fn: () => void): Cancel {
    const timer = { at: this.#elapsed + Math.max(0, ms), fn }
    this.#timers.add(timer)
    return () => void this.#timers.delete(timer)
  }

  /** Sets the wall clock forward or back by `ms`; no time passes. */
  jump(ms: number): void {
    this.#offBy += ms
  }

  /** How many timers wait. */
  get pending(): number {
    return this.#timers.size
  }

  /** Turns the hands by `ms`, firing timers in their order at their own moments, those that they set included. */
  async advance(ms: number): Promise<void> {
    const until = this.#elapsed + ms
    await settle()
    for (let next = this.#next(until); next; next = this.#next(until)) {
      this.#timers.delete(next)
      this.#elapsed = next.at
      next.fn()
      await settle()
    }
    this.#elapsed = until
  }

  #next(until: number): Timer | undefined {
    let first: Timer | undefined
    for (const timer of this.#timers) {
      if (timer.at <= until && (!first || timer.at < first.at)) first = timer
    }
    return first
  }
}
