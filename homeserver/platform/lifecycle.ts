/** What runs in this process, from its start to its end. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { type Clock, systemClock } from './clock.ts'
import { currentRequest, logger, withRequest } from './log.ts'
import type { Counter } from './metrics.ts'

export interface Service {
  readonly name: string
  /** Resolves when the service is ready. `signal` is aborted just before `stop`: loops and long waits end by it. */
  start?(signal: AbortSignal): Promise<void>
  /** Resolves when nothing of the service runs any more. */
  stop?(): Promise<void>
}

const log = logger('lifecycle')

interface Running {
  readonly service: Service
  readonly abort: AbortController
}

/** Starts services in the order given and stops them in reverse. */
export class Supervisor {
  readonly #clock: Clock
  readonly #deadlineMs: number
  readonly #running: Running[] = []

  /** `deadlineMs` is what each service has to stop in; after that it is left behind. */
  constructor({ clock = systemClock, deadlineMs = 10_000 }: { clock?: Clock; deadlineMs?: number } = {}) {
    this.#clock = clock
    this.#deadlineMs = deadlineMs
  }

  /** If one does not start, it and those before it are stopped and its error is thrown. May be called again to add more. */
  async start(services: readonly Service[]): Promise<void> {
    for (const service of services) {
      const abort = new AbortController()
      this.#running.push({ service, abort })
      try {
        await service.start?.(abort.signal)
      } catch (error) {
        await this.stop()
        throw new Error(`${service.name} did not start`, { cause: error })
      }
    }
  }

  /** Never throws: what goes wrong is logged, and the next service is stopped all the same. */
  async stop(): Promise<void> {
    for (let running = this.#running.pop(); running; running = this.#running.pop()) await this.#stopOne(running)
  }

  async #stopOne({ service, abort }: Running): Promise<void> {
    const overdue = new AbortController()
    const deadline = this.#clock.sleep(this.#deadlineMs, overdue.signal).then(
      () => log.error({ service: service.name, deadlineMs: this.#deadlineMs }, 'service did not stop in time'),
      () => undefined,
    )
    abort.abort(new Error(`${service.name} stops`))
    try {
      await Promise.race([service.stop?.(), deadline])
    } catch (error) {
      log.error({ service: service.name, error }, 'service failed to stop')
    }
    overdue.abort()
  }
}

export interface BackgroundOptions {
  readonly clock?: Clock
  /** Tasks at work at one time. */
  readonly concurrency?: number
  /** Tasks that may wait; the next is refused. */
  readonly maxWaiting?: number
  /** How long tasks may run on after `stop` before their signal is aborted. */
  readonly graceMs?: number
  /** By `task` and `result`: ok, failed or refused. */
  readonly finished?: Counter<'task' | 'result'>
}

type Work = (signal: AbortSignal) => unknown

/**
 * Work that nobody waits for and that ends by itself. It may be lost in a crash: what must not be lost has a table,
 * and what never ends is a service.
 */
export class Background implements Service {
  readonly name = 'background'
  readonly #clock: Clock
  readonly #concurrency: number
  readonly #maxWaiting: number
  readonly #graceMs: number
  readonly #finished: Counter<'task' | 'result'> | undefined
  readonly #abort = new AbortController()
  /** Tasks run outside of the caller's transaction, trace and the like. */
  readonly #outside = AsyncLocalStorage.snapshot()
  readonly #waiting: (() => void)[] = []
  #idle: (() => void)[] = []
  #active = 0
  #closing = false

  constructor(options: BackgroundOptions = {}) {
    this.#clock = options.clock ?? systemClock
    this.#concurrency = options.concurrency ?? 64
    this.#maxWaiting = options.maxWaiting ?? 10_000
    this.#graceMs = options.graceMs ?? 5_000
    this.#finished = options.finished
  }

  /** Never throws: a failure is logged under `name`, a fixed text. */
  run(name: string, fn: Work): void {
    if (this.#closing || this.#waiting.length >= this.#maxWaiting) {
      this.#finished?.inc({ task: name, result: 'refused' })
      log.warn({ task: name, closing: this.#closing }, 'background task refused')
      return
    }
    const request = currentRequest()
    const task = (): void => {
      void this.#outside(() =>
        request === undefined ? this.#work(name, fn) : withRequest(request, () => this.#work(name, fn)),
      )
    }
    if (this.#active < this.#concurrency) task()
    else this.#waiting.push(task)
  }

  /** Resolves when no task runs or waits, those that tasks have started included. */
  settle(): Promise<void> {
    if (this.#active === 0) return Promise.resolve()
    return new Promise((resolve) => this.#idle.push(resolve))
  }

  /** Refuses new tasks and waits for the others. */
  async stop(): Promise<void> {
    this.#closing = true
    const cancel = this.#clock.after(this.#graceMs, () => this.#abort.abort(new Error('The server stops')))
    await this.settle()
    cancel()
  }

  async #work(name: string, fn: Work): Promise<void> {
    this.#active += 1
    let result = 'ok'
    try {
      await fn(this.#abort.signal)
    } catch (error) {
      result = 'failed'
      if (!this.#abort.signal.aborted) log.error({ task: name, error }, 'background task failed')
    }
    this.#finished?.inc({ task: name, result })
    this.#active -= 1
    this.#waiting.shift()?.()
    if (this.#active === 0) this.#wake()
  }

  #wake(): void {
    const idle = this.#idle
    this.#idle = []
    for (const resolve of idle) resolve()
  }
}
