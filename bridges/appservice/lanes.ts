/**
 * Work that waits in a table, in lanes: in order within a lane, side by side between lanes. What fails is tried again
 * after a while and holds up its own lane only.
 */
import type { Clock } from '../../homeserver/platform/clock.ts'
import type { Logger } from '../../homeserver/platform/log.ts'
import { Slots } from '../../homeserver/platform/slots.ts'
import { noTracing, type Tracing } from '../../homeserver/platform/tracing.ts'

export interface LaneWork<Item> {
  readonly name: string
  readonly log: Logger
  /** Hears of each work that is done. */
  readonly tracing?: Tracing | undefined
  /** The first that waits in a lane. */
  readonly first: (lane: string) => Promise<Item | undefined>
  /** Does it and takes it out of the table. */
  readonly work: (item: Item) => Promise<void>
  /** After a failure: how long to wait before the same again; undefined when it was given up and taken out. */
  readonly failed: (item: Item, error: unknown) => Promise<number | undefined>
}

const AT_ONCE = 16

export class Lanes<Item> {
  readonly #work: LaneWork<Item>
  readonly #clock: Clock
  readonly #slots = new Slots({ perKey: AT_ONCE, maxWaiting: Infinity })
  readonly #stopping = new AbortController()
  /** Lanes at work; `true` when something came in the meantime. */
  readonly #busy = new Map<string, boolean>()
  readonly #running = new Set<Promise<void>>()

  constructor(work: LaneWork<Item>, clock: Clock) {
    this.#work = work
    this.#clock = clock
  }

  /** Something waits in this lane. */
  wake(lane: string): void {
    if (this.#stopping.signal.aborted) return
    if (this.#busy.has(lane)) return void this.#busy.set(lane, true)
    this.#busy.set(lane, false)
    const running = this.#drain(lane).finally(() => this.#running.delete(running))
    this.#running.add(running)
  }

  /** Resolves when what was at work is through. */
  async stop(): Promise<void> {
    this.#stopping.abort(new Error('The bridge stops'))
    await Promise.all(this.#running)
  }

  async #drain(lane: string): Promise<void> {
    const { signal } = this.#stopping
    while (!signal.aborted) {
      this.#busy.set(lane, false)
      const wait = await this.#next(lane)
      if (wait === 'empty' && this.#busy.get(lane) !== true) break
      if (typeof wait === 'number') await this.#clock.sleep(wait, signal).catch(() => undefined)
    }
    this.#busy.delete(lane)
  }

  /** A number is how long to wait. Failures of the database itself wait too. */
  async #next(lane: string): Promise<number | 'empty' | 'done'> {
    try {
      const item = await this.#work.first(lane)
      if (item === undefined) return 'empty'
      return await this.#slots.run(this.#work.name, () => this.#attempt(item))
    } catch (error) {
      this.#work.log.error({ lanes: this.#work.name, error }, 'lane stands still')
      return 5_000
    }
  }

  async #attempt(item: Item): Promise<number | 'done'> {
    try {
      const { name, tracing = noTracing } = this.#work
      await tracing.span(`bridge ${name}`, { kind: 'internal' }, () => this.#work.work(item))
      return 'done'
    } catch (error) {
      return (await this.#work.failed(item, error)) ?? 'done'
    }
  }
}
