/**
 * Follows the events stream and keeps the index of words, behind the backs of those who send: what comes in is gathered
 * for a moment and indexed at once. Where it stands is written with what it writes, so it goes on there after a restart.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { Bus } from '../../platform/bus.ts'
import type { Cancel, Clock } from '../../platform/clock.ts'
import type { Service } from '../../platform/lifecycle.ts'
import { logger } from '../../platform/log.ts'
import type { Gauge, Metrics } from '../../platform/metrics.ts'
import type { Database } from '../../storage/database.ts'
import {
  findSearchPosition,
  listEventsOfTypes,
  removeDocuments,
  setDocuments,
  setSearchPosition,
} from '../../storage/search.ts'
import type { Streams } from '../../storage/streams.ts'
import { indexedTypes, readChanges } from './changes.ts'

const log = logger('search')

/** Events of one transaction: others wait for it. */
const BATCH = 200
/** Events without words that may pass before the position is written. */
const MAX_UNWRITTEN = 10_000
const GATHER_MS = 1_000
const RETRY_MS = 10_000
/** How long a search waits for the index. */
const MAX_WAIT_MS = 5_000

interface Waiter {
  readonly position: number
  readonly resolve: () => void
}

export interface IndexerParts {
  readonly database: Database
  readonly clock: Clock
  readonly metrics: Metrics
  readonly bus: Bus
  readonly streams: Streams
}

export class SearchIndexer implements Service {
  readonly name = 'search indexer'
  readonly #parts: IndexerParts
  readonly #behind: Gauge
  /** Work that news starts runs outside of the request that made the news. */
  readonly #outside = AsyncLocalStorage.snapshot()
  #signal = AbortSignal.abort()
  #position = 0
  /** The position that a restart would begin with. */
  #written = 0
  #work: Promise<void> | undefined
  #timer: Cancel | undefined
  #waiters: readonly Waiter[] = []

  constructor(parts: IndexerParts) {
    this.#parts = parts
    this.#behind = parts.metrics.gauge('search_index_behind', 'Events that the search index has not looked at yet')
    parts.bus.subscribe((bell) => {
      if (bell.stream === 'events') this.#schedule(GATHER_MS)
    })
  }

  async start(signal: AbortSignal): Promise<void> {
    this.#position = this.#written = await findSearchPosition(this.#parts.database)
    this.#signal = signal
    this.#schedule(GATHER_MS)
  }

  async stop(): Promise<void> {
    this.#timer?.()
    await this.#work
  }

  /** Resolves when everything up to this place is indexed, or after some seconds when that takes longer. */
  async reach(position: number): Promise<void> {
    if (this.#position >= position) return
    const { promise, resolve } = Promise.withResolvers<void>()
    const waiter: Waiter = { position, resolve }
    this.#waiters = [...this.#waiters, waiter]
    const cancel = this.#parts.clock.after(MAX_WAIT_MS, resolve)
    this.#run()
    await promise
    cancel()
    this.#waiters = this.#waiters.filter((other) => other !== waiter)
  }

  #schedule(ms: number): void {
    if (this.#timer || this.#work || this.#signal.aborted) return
    this.#timer = this.#outside(() => this.#parts.clock.after(ms, () => this.#run()))
  }

  #run(): void {
    this.#timer?.()
    this.#timer = undefined
    if (this.#work || this.#signal.aborted) return
    this.#work = this.#outside(async () => {
      const failed = await this.#catchUp().then(
        () => false,
        (error: unknown) => {
          if (!this.#signal.aborted) log.error({ error }, 'events could not be indexed')
          return true
        },
      )
      this.#work = undefined
      if (failed) this.#schedule(RETRY_MS)
      else if (this.#position < this.#parts.streams.position('events')) {
        this.#schedule(this.#waiters.length > 0 ? 0 : GATHER_MS)
      }
    })
  }

  async #catchUp(): Promise<void> {
    const { clock, streams } = this.#parts
    while (this.#position < streams.position('events') && !this.#signal.aborted) {
      const began = clock.monotonic()
      const isFull = await this.#indexBatch()
      this.#behind.set(streams.position('events') - this.#position)
      for (const { position, resolve } of this.#waiters) if (position <= this.#position) resolve()
      // A long way is gone with a rest after each step, unless somebody waits at its end.
      if (isFull && this.#waiters.length === 0) await clock.sleep(clock.monotonic() - began, this.#signal)
    }
  }

  /** True if there may be more where this came from. */
  async #indexBatch(): Promise<boolean> {
    const { database, streams } = this.#parts
    const range = { after: this.#position, upto: streams.position('events') }
    const first = await listEventsOfTypes(database, indexedTypes, { ...range, limit: 1 })
    if (first.length === 0 && range.upto - this.#written < MAX_UNWRITTEN) {
      this.#position = range.upto
      return false
    }
    const { position, isFull } = await database.transaction('index messages', async (tx) => {
      const events = await listEventsOfTypes(tx, indexedTypes, { ...range, limit: BATCH })
      const full = events.length === BATCH
      const last = full ? (events.at(-1)?.row.stream_id ?? range.upto) : range.upto
      const { documents, removed } = await readChanges(tx, events)
      await setDocuments(tx, documents)
      await removeDocuments(tx, removed)
      await setSearchPosition(tx, last)
      return { position: last, isFull: full }
    })
    this.#position = this.#written = position
    return isFull
  }
}
