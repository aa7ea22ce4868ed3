/** One at a time per key, first come first served. Waiting costs nothing: there is no polling (T73). */
import { type Clock, systemClock } from './clock.ts'
import type { Counter } from './metrics.ts'

class LockTimeoutError extends Error {
  override name = 'LockTimeoutError'
}

type Turn = () => void

export interface KeyedLockOptions {
  /** Told in errors, such as `room writer`. */
  readonly name: string
  readonly timeoutMs?: number
  readonly clock?: Clock
  /** Counts the waits that were given up. */
  readonly timeouts?: Counter
  /** For keys that no error may tell, as errors are logged. */
  readonly hidesKeys?: boolean
}

export class KeyedLock {
  readonly #name: string
  readonly #timeoutMs: number
  readonly #clock: Clock
  readonly #timeouts: Counter | undefined
  readonly #hidesKeys: boolean
  /** A key is here while it is held, with those who wait for it. */
  readonly #held = new Map<string, Set<Turn>>()

  constructor({ name, timeoutMs = 60_000, clock = systemClock, timeouts, hidesKeys = false }: KeyedLockOptions) {
    this.#name = name
    this.#timeoutMs = timeoutMs
    this.#clock = clock
    this.#timeouts = timeouts
    this.#hidesKeys = hidesKeys
  }

  /** How many keys are held. */
  get size(): number {
    return this.#held.size
  }

  isHeld(key: string): boolean {
    return this.#held.has(key)
  }

  /**
   * Runs `fn` when all who asked for `key` before are done. Not reentrant: `fn` must not ask for its own key.
   * Rejects with `LockTimeoutError` when the turn does not come in time and with the reason of `signal` when that is
   * aborted while waiting; then `fn` never runs. Neither touches an `fn` that has begun.
   */
  async run<T>(key: string, fn: () => T | Promise<T>, signal?: AbortSignal): Promise<T> {
    signal?.throwIfAborted()
    const waiting = this.#held.get(key)
    if (waiting) await this.#wait(key, waiting, signal)
    else this.#held.set(key, new Set())
    try {
      return await fn()
    } finally {
      this.#pass(key)
    }
  }

  #wait(key: string, waiting: Set<Turn>, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        waiting.delete(turn)
        cancel()
        signal?.removeEventListener('abort', onAbort)
      }
      const turn = (): void => {
        leave()
        resolve()
      }
      const onAbort = (): void => {
        leave()
        reject(signal?.reason as Error)
      }
      const cancel = this.#clock.after(this.#timeoutMs, () => {
        leave()
        this.#timeouts?.inc()
        const what = this.#hidesKeys ? this.#name : `${this.#name} ${key}`
        reject(new LockTimeoutError(`Waited ${this.#timeoutMs} ms for ${what}`))
      })
      signal?.addEventListener('abort', onAbort, { once: true })
      waiting.add(turn)
    })
  }

  /** Hands the key to the next in line, without a moment in which a newcomer could take it. */
  #pass(key: string): void {
    const next = this.#held.get(key)?.values().next().value
    if (next) next()
    else this.#held.delete(key)
  }
}
