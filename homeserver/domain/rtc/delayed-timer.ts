/** Fires delayed events when their time has come: one timer for all, for the earliest of them. */
import { LimitExceeded, MatrixError } from '../../core/errors.ts'
import type { Cancel, Clock } from '../../platform/clock.ts'
import { KeyedLock } from '../../platform/keyed-lock.ts'
import type { Background, Service } from '../../platform/lifecycle.ts'
import { logger } from '../../platform/log.ts'
import type { Counter, Histogram, Metrics } from '../../platform/metrics.ts'
import type { Database } from '../../storage/database.ts'
import {
  type DelayedEventRow,
  finaliseDelayedEvent,
  findDelayedEvent,
  forgetFinalised,
  listDue,
  nextDue,
  postponeDelayedEvent,
  postponeLeaves,
} from '../../storage/delayed-events.ts'
import { maxFinalisedDelayedEvents } from '../limits.ts'
import type { DelayedSender } from './delayed-sender.ts'

export interface DelayedTimerParts {
  readonly database: Database
  readonly clock: Clock
  readonly background: Background
  readonly metrics: Metrics
  readonly sender: DelayedSender
  /** Held while something is done with the event of an id. */
  readonly locks: KeyedLock
}

/** Events that are fired at one time. */
const MAX_AT_ONCE = 200
/** What clients in a call have to come back after a start of the server. */
const GRACE_MS = 15_000
const MAX_ATTEMPTS = 12
/** Before what failed is tried again: at first, and at last. */
const PAUSE_MS = 1_000
const LONGEST_PAUSE_MS = 60_000
const SWEEP_MS = 60 * 60_000
const KEEP_MS = 7 * 24 * 60 * 60_000

const log = logger('delayed events')

export class DelayedTimer implements Service {
  readonly name = 'delayed events'
  readonly #parts: DelayedTimerParts
  /** Events of one room go one after the other. */
  readonly #rooms = new KeyedLock({ name: 'delayed events of' })
  readonly #firing = new Set<string>()
  readonly #finished: Counter<'result'>
  readonly #lateness: Histogram
  #armedFor = Infinity
  #cancel: Cancel = () => undefined
  #sweeping: Promise<void> = Promise.resolve()
  #stopped = true

  constructor(parts: DelayedTimerParts) {
    this.#parts = parts
    this.#finished = parts.metrics.counter('delayed_events_total', 'Delayed events whose time came', ['result'])
    this.#lateness = parts.metrics.histogram('delayed_event_lateness_seconds', 'From their time until they were sent')
  }

  async start(signal: AbortSignal): Promise<void> {
    const { database, clock } = this.#parts
    await database.transaction('grace for calls', (tx) => postponeLeaves(tx, clock.steady(), GRACE_MS))
    this.#stopped = false
    this.#look()
    this.#sweeping = clock.every(SWEEP_MS, this.name, () => this.#sweep(), signal)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#cancel()
    await this.#sweeping
  }

  /** Sees to it that something happens at this steady time. */
  arm(fireTs: number): void {
    if (this.#stopped || fireTs >= this.#armedFor) return
    this.#cancel()
    this.#armedFor = fireTs
    const wait = Math.max(0, fireTs - this.#parts.clock.steady())
    this.#cancel = this.#parts.clock.after(wait, () => this.#look())
  }

  #look(): void {
    this.#armedFor = Infinity
    this.#parts.background.run('look for delayed events', async () => {
      if (this.#stopped) return
      try {
        await this.#fireDue()
      } catch (error) {
        this.arm(this.#parts.clock.steady() + PAUSE_MS)
        throw error
      }
    })
  }

  async #fireDue(): Promise<void> {
    const { database, clock, background } = this.#parts
    const now = clock.steady()
    for (const { delay_id: delayId, room_id: roomId } of await listDue(database, now, MAX_AT_ONCE)) {
      if (this.#firing.has(delayId)) continue
      this.#firing.add(delayId)
      background.run('send delayed event', async () => {
        try {
          await this.#rooms.run(roomId, () => this.#fire(delayId))
        } finally {
          this.#firing.delete(delayId)
          // For those that had no place among these, and those that failed.
          if (this.#firing.size === 0) this.arm(clock.steady())
        }
      })
    }
    const next = await nextDue(database, now)
    if (next !== undefined) this.arm(next)
  }

  /** Unless it was restarted, or is through, by now. */
  async #fire(delayId: string): Promise<void> {
    const { database, clock, sender, locks } = this.#parts
    await locks.run(delayId, async () => {
      const row = await findDelayedEvent(database, delayId)
      if (!row || row.finalised_ts !== null || row.fire_ts > clock.steady()) return
      try {
        await sender.send(row)
        this.#finished.inc({ result: 'sent' })
        this.#lateness.observe((clock.steady() - row.fire_ts) / 1000)
      } catch (error) {
        await this.#failed(row, error)
      }
    })
  }

  /** A refusal is the end of it; anything else passes, and is tried again with growing pauses. */
  async #failed(row: DelayedEventRow, error: unknown): Promise<void> {
    const { delay_id: delayId, attempts, room_id: roomId, user_id: userId, type } = row // the id is never told: it is a key
    const { database, clock } = this.#parts
    const refused = error instanceof MatrixError && !(error instanceof LimitExceeded) && error.status < 500
    if (!refused && attempts < MAX_ATTEMPTS) {
      log.warn({ roomId, userId, type, attempts, error }, 'delayed event not sent, will be tried again')
      const fireTs = clock.steady() + Math.min(PAUSE_MS * 2 ** attempts, LONGEST_PAUSE_MS)
      await database.transaction('postpone delayed event', (tx) => postponeDelayedEvent(tx, delayId, fireTs))
      this.arm(fireTs)
      return
    }
    const { errcode, message } =
      error instanceof MatrixError ? error : { errcode: 'M_UNKNOWN', message: 'The server could not send it' }
    this.#finished.inc({ result: 'failed' })
    log.info({ roomId, userId, type, errcode }, 'delayed event refused')
    const outcome = { ts: clock.now(), outcome: 'failed', error: JSON.stringify({ errcode, error: message }) } as const
    await database.transaction('finalise delayed event', (tx) => finaliseDelayedEvent(tx, delayId, outcome))
  }

  async #sweep(): Promise<void> {
    const { database, clock } = this.#parts
    await database.transaction('forget delayed events', (tx) =>
      forgetFinalised(tx, clock.now() - KEEP_MS, maxFinalisedDelayedEvents),
    )
  }
}
