/**
 * What one server is to be sent: one transaction after the other, the next when it has the last. What is on disk is read
 * when its turn comes, so a server that is down costs one timer.
 */
import { randomBytes } from 'node:crypto'
import type { ServerName } from '../../core/ids.ts'
import type { Cancel, Clock } from '../../platform/clock.ts'
import { logger } from '../../platform/log.ts'
import type { DestinationRow } from '../../storage/destinations.ts'
import type { OutgoingItem, OutgoingRange } from '../../storage/outbox.ts'
import { afterFailure, freshDestination, wakeDelay } from './destination-state.ts'
import {
  isSendable,
  maxEdus,
  maxEvents,
  type OutgoingTransaction,
  transactionBody,
  transactionId,
} from './sender-transaction.ts'

/** What became of a transaction: taken; refused, and would be again; not known to have arrived. */
export type SendOutcome =
  | { readonly outcome: 'taken' }
  | { readonly outcome: 'refused' }
  | { readonly outcome: 'failed'; readonly reason: string; readonly retryAfterMs?: number }

interface QueuedItems {
  readonly events: readonly OutgoingItem[]
  readonly edus: readonly OutgoingItem[]
}

/** What queues are given to work with. */
export interface SenderWorld {
  readonly serverName: ServerName
  readonly clock: Clock
  /** In [0, 1). */
  readonly random: () => number
  readonly read: (
    destination: ServerName,
    ranges: { readonly events: OutgoingRange; readonly edus: OutgoingRange },
  ) => Promise<QueuedItems>
  readonly send: (destination: ServerName, transaction: OutgoingTransaction) => Promise<SendOutcome>
  /** Takes items out of the outbox, and says how the server is if that is news. Resolves when it is on disk. */
  readonly settle: (destination: ServerName, sent: readonly number[], news?: DestinationRow) => Promise<unknown>
  /** Leaves the latest of what one would do for. Resolves with how many are left. */
  readonly thin: (row: DestinationRow) => Promise<number>
  /** Runs `fn` when there is room for one more; those that fail have less of it. */
  readonly slot: (isFailing: boolean, fn: () => Promise<void>) => Promise<void>
  /** Calls `fn` after `ms`, and not with many others at once. */
  readonly later: (ms: number, fn: () => void) => Cancel
  /** The queue has nothing to do and nothing to remember. */
  readonly idle: (row: DestinationRow) => void
}

/** EDUs in memory for one server; the oldest give way. */
const MAX_PASSING = 100
/** What waits on disk for a server that is down before it is thinned out, and how much more each further time. */
const MAX_WAITING = 1_000
/** What waits for a server that is only slow. */
const MAX_WAITING_ALIVE = 50_000
/** So exactly is it known when a server was last reached. */
const SUCCESS_EVERY_MS = 60_000

const log = logger('federation')

export class DestinationQueue {
  readonly #world: SenderWorld
  /** Aborted when nothing more is to be begun. */
  readonly #signal: AbortSignal
  readonly #passing = new Map<string, string>()
  #row: DestinationRow
  /** Something may be on disk. */
  #hasRows = false
  #waiting = 0
  #thinAt = MAX_WAITING
  /** So many are sent alone, because a transaction with them was refused. */
  #alone = 0
  #lastTry = -Infinity
  /** Since the last try has begun. */
  #spokeMeanwhile = false
  /** A server that fails may be tried again. */
  #isDue = false
  #cancelRetry: Cancel | undefined
  /** When the timer rings, if there is one. */
  #nextTry = 0
  #running: Promise<void> | undefined

  constructor(row: DestinationRow, world: SenderWorld, signal: AbortSignal) {
    this.#row = row
    this.#world = world
    this.#signal = signal
  }

  get isFailing(): boolean {
    return this.#row.retry_at !== null
  }

  /** How much is on disk. */
  get waiting(): number {
    return this.#waiting
  }

  /** So much was put on disk. */
  queued(count: number): void {
    this.#waiting += count
    this.#hasRows = true
    this.run()
  }

  /** It goes with what comes next, or by `run`. */
  pass(key: string, edu: string): void {
    this.#passing.delete(key)
    this.#passing.set(key, edu)
    if (this.#passing.size > MAX_PASSING) this.#passing.delete(this.#passing.keys().next().value ?? '')
  }

  /**
   * The server has shown a sign of life, and is tried at once or a little after the last try; with `atOnce` in any case.
   * If it `spoke` while it is being tried, that counts should the try be in vain: it may hang on a connection that is dead.
   */
  wake({ atOnce = false, spoke = false } = {}): void {
    if (this.#running) this.#spokeMeanwhile ||= spoke
    if (!this.isFailing || this.#running) return
    const wait = atOnce ? 0 : this.#wakeDelay
    if (wait > 0) return this.#retryLater(wait)
    this.#cancelRetry?.()
    this.#cancelRetry = undefined
    this.#isDue = true
    this.run()
  }

  /** Sends what there is, if the server is not left alone for now. */
  run(): void {
    if (this.#running || this.#signal.aborted) return
    this.#running = this.#work()
      .catch((error: unknown) => {
        if (this.#signal.aborted) return
        log.error({ destination: this.#row.server_name, error }, 'sending to another server went wrong')
        this.#hasRows = true
        const { event_upto: eventUpto, edu_upto: eduUpto } = this.#row
        this.#fail({ reason: 'an error here', eventUpto, eduUpto })
      })
      .finally(() => {
        this.#running = undefined
        if (!this.#hasWork && !this.isFailing) this.#world.idle(this.#row)
        else if (this.#hasWork && !this.#cancelRetry) this.run() // something came after the last look
      })
  }

  /** What is on its way. */
  get running(): Promise<void> | undefined {
    return this.#running
  }

  /** Resolves when nothing is on its way any more. What is on disk stays there. */
  async close(): Promise<void> {
    this.#cancelRetry?.()
    await this.#running
  }

  get #hasWork(): boolean {
    return this.#hasRows || this.#passing.size > 0
  }

  get #wakeDelay(): number {
    return wakeDelay(this.#world.clock.monotonic() - this.#lastTry)
  }

  async #work(): Promise<void> {
    while (this.#hasWork && !this.#signal.aborted) {
      if (this.#waiting >= (this.isFailing ? this.#thinAt : MAX_WAITING_ALIVE)) await this.#thin()
      if (this.isFailing && !this.#isDue) return this.#retryLater(this.#spokeMeanwhile ? this.#wakeDelay : Infinity)
      await this.#world.slot(this.isFailing, () => this.#sendNext())
    }
  }

  /** After the time of the row, or sooner. */
  #retryLater(atMost = Infinity): void {
    const { clock, later } = this.#world
    const now = clock.now()
    const at = Math.min(now + atMost, Math.max(now, this.#row.retry_at ?? 0))
    if (this.#cancelRetry && at >= this.#nextTry) return
    this.#cancelRetry?.()
    this.#nextTry = at
    this.#cancelRetry = later(at - now, () => {
      this.#cancelRetry = undefined
      this.#isDue = true
      this.run()
    })
  }

  async #sendNext(): Promise<void> {
    const { event_upto: eventUpto, edu_upto: eduUpto, server_name: destination } = this.#row
    const isRepeated = eventUpto !== null || eduUpto !== null
    const limits = this.#alone > 0 ? { events: 1, edus: 1 } : { events: maxEvents, edus: maxEdus }
    this.#hasRows = isRepeated
    const found = await this.#world.read(destination, {
      events: { limit: limits.events, upto: eventUpto ?? undefined },
      edus: { limit: limits.edus, upto: eduUpto ?? undefined },
    })
    const edus = this.#alone > 0 && found.events.length > 0 ? [] : found.edus
    const events = found.events.filter(isSendable)
    const unsendable = found.events.filter((event) => !isSendable(event))
    this.#hasRows ||= found.events.length === limits.events || found.edus.length === limits.edus

    // What is repeated may have arrived, and then nothing else in it would be looked at.
    const passing = isRepeated || this.#alone > 0 ? [] : [...this.#passing].slice(0, maxEdus - edus.length)
    const rows = [...events, ...edus]
    if (rows.length + passing.length === 0) {
      this.#row = { ...this.#row, event_upto: null, edu_upto: null }
      return await this.#remove(unsendable)
    }
    for (const [key] of passing) this.#passing.delete(key)
    const { serverName, clock, send } = this.#world
    const txnId = rows.length > 0 ? transactionId(rows) : randomBytes(12).toString('base64url')
    const content = { events, edus, passing: passing.map(([, edu]) => edu) }
    this.#lastTry = clock.monotonic()
    this.#spokeMeanwhile = false
    const result = await send(destination, {
      txnId,
      body: transactionBody(content, { origin: serverName, now: clock.now() }),
    })
    if (result.outcome === 'taken') {
      this.#alone = Math.max(0, this.#alone - rows.length)
      return await this.#reached([...unsendable, ...rows])
    }
    if (result.outcome === 'refused') return await this.#refused(rows, unsendable)
    for (const [key, edu] of passing) if (!this.#passing.has(key)) this.#passing.set(key, edu)
    this.#hasRows ||= found.events.length + found.edus.length > 0
    this.#fail({
      ...result,
      eventUpto: rows.length > 0 ? (events.at(-1)?.id ?? 0) : null,
      eduUpto: rows.length > 0 ? (edus.at(-1)?.id ?? 0) : null,
    })
    await this.#world.settle(destination, [], this.#row)
  }

  /** The server is there, and `gone` need not be sent any more. */
  async #reached(gone: readonly OutgoingItem[]): Promise<void> {
    const now = this.#world.clock.now()
    const isNews = this.isFailing || now - (this.#row.last_success ?? 0) >= SUCCESS_EVERY_MS
    if (isNews) this.#row = freshDestination(this.#row.server_name, now)
    await this.#remove(gone, isNews ? this.#row : undefined)
  }

  async #remove(gone: readonly OutgoingItem[], news?: DestinationRow): Promise<void> {
    this.#waiting = Math.max(0, this.#waiting - gone.length)
    if (gone.length === 0 && !news) return
    const ids = gone.map(({ id }) => id)
    await this.#world.settle(this.#row.server_name, ids, news)
  }

  /** One of them is the cause: they are sent one by one, and that one is given up. */
  async #refused(rows: readonly OutgoingItem[], unsendable: readonly OutgoingItem[]): Promise<void> {
    if (rows.length > 1) {
      this.#alone = rows.length
      this.#hasRows = true
      return await this.#reached(unsendable)
    }
    log.warn({ destination: this.#row.server_name }, 'another server refuses what it is sent')
    this.#alone = Math.max(0, this.#alone - 1)
    await this.#reached([...unsendable, ...rows])
  }

  #fail(failure: Parameters<typeof afterFailure>[1]): void {
    const { clock, random } = this.#world
    this.#isDue = false
    this.#row = afterFailure(this.#row, failure, { now: clock.now(), random: random() })
    const { server_name: destination, failures } = this.#row
    if (failures === 1) log.info({ destination, reason: failure.reason }, 'another server cannot be reached')
  }

  async #thin(): Promise<void> {
    this.#row = { ...this.#row, event_upto: null, edu_upto: null }
    this.#waiting = await this.#world.thin(this.#row)
    this.#thinAt = this.#waiting + MAX_WAITING
    log.info({ destination: this.#row.server_name, left: this.#waiting }, 'only the latest of each room is kept')
  }
}
