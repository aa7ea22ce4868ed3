/** Time, passed in wherever it matters, so that tests can turn the hands. */
import { logger } from './log.ts'

export type Cancel = () => void

export interface Clock {
  /** Wall time in milliseconds since the epoch; it may jump. */
  now(): number
  /** Milliseconds since some fixed moment; never goes back. For timers and durations. */
  monotonic(): number
  /**
   * Wall time when it was first asked for, and what has passed since: no jump of the wall clock reaches it. For ends of
   * what this process begins that have to be kept: written down, the next process compares them with a time of its own.
   */
  steady(): number
  /** Calls `fn` once after `ms`. */
  after(ms: number, fn: () => void): Cancel
  /** Resolves after `ms`; rejects with the reason of `signal` as soon as it is aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>
  /**
   * Runs `fn` again and again, `ms` after its last run ended, until `signal` is aborted; then resolves, once a
   * running `fn` has ended. A failure is logged under `name` and does not end the series.
   */
  every(ms: number, name: string, fn: (signal: AbortSignal) => unknown, signal: AbortSignal): Promise<void>
}

const log = logger('clock')

/** What follows from the three hands a clock has. */
export abstract class BaseClock implements Clock {
  #origin: number | undefined

  abstract now(): number
  abstract monotonic(): number
  abstract after(ms: number, fn: () => void): Cancel

  /** Whole milliseconds, as it is kept in columns of them. */
  steady(): number {
    this.#origin ??= this.now() - this.monotonic()
    return Math.round(this.#origin + this.monotonic())
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason as Error)
      const cancel = this.after(ms, () => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      })
      const onAbort = (): void => {
        cancel()
        reject(signal?.reason as Error)
      }
      signal?.addEventListener('abort', onAbort, { once: true })
    })
  }

  async every(ms: number, name: string, fn: (signal: AbortSignal) => unknown, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        await this.sleep(ms, signal)
        await fn(signal)
      } catch (error) {
        if (!signal.aborted) log.error({ task: name, error }, 'periodic task failed')
      }
    }
  }
}

/** Resolves with `work`, which must not fail, or after `ms` in any case. */
export async function patiently(clock: Pick<Clock, 'after'>, ms: number, work: Promise<unknown>): Promise<void> {
  await new Promise<void>((resolve) => {
    const cancel = clock.after(ms, resolve)
    void work.then(() => {
      cancel()
      resolve()
    })
  })
}

/** The longest delay `setTimeout` takes; beyond it Node fires at once. */
const longestTimer = 2 ** 31 - 1

class SystemClock extends BaseClock {
  now(): number {
    return Date.now()
  }

  monotonic(): number {
    return performance.now()
  }

  after(ms: number, fn: () => void): Cancel {
    let timer: NodeJS.Timeout
    const arm = (left: number): void => {
      timer = left > longestTimer ? setTimeout(() => arm(left - longestTimer), longestTimer) : setTimeout(fn, left)
    }
    arm(ms)
    return () => clearTimeout(timer)
  }
}

export const systemClock: Clock = new SystemClock()
