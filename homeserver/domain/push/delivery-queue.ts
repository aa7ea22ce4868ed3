/**
 * What one pusher has to tell its gateway, one thing after the other. In memory is only what is on its way: whoever is
 * far behind or fails goes on from the events table, at the place that is kept with the pusher.
 */
import type { EventId, RoomId, UserId } from '../../core/ids.ts'
import type { Cancel, Clock } from '../../platform/clock.ts'
import { logger } from '../../platform/log.ts'
import type { StoredEvent } from '../../storage/events.ts'
import type { Pusher, PusherProgress } from '../../storage/pushers.ts'
import type { GatewayAnswer } from './gateway.ts'
import type { PushQueue } from './push-queue.ts'

/** An event that notifies the user. */
export interface Notice {
  readonly streamId: number
  readonly eventId: EventId
  readonly roomId: RoomId
  /** It is not from just now, so the user may have read it, or be gone. */
  readonly isLate: boolean
}

/** What queues are given to work with. */
export interface QueueWorld {
  readonly clock: Clock
  /** Of 0 to 1. */
  readonly random: () => number
  /** The place in the events stream up to which queues were offered everything. */
  readonly dispatched: () => number
  /** What notifies the user after a place; `end` is how far that goes, `upto` or less. */
  readonly backlog: (
    userId: UserId,
    range: { readonly after: number; readonly upto: number },
  ) => Promise<{ readonly notices: readonly Notice[]; readonly end: number }>
  /** The event, if it still is to be told. */
  readonly find: (userId: UserId, notice: Notice) => Promise<StoredEvent | undefined>
  /** What the gateway is to be told; 0 if nothing. */
  readonly unread: (pusher: Pusher) => Promise<number>
  readonly tell: (
    pusher: Pusher,
    what: { readonly event?: StoredEvent; readonly unread: number },
    signal: AbortSignal,
  ) => Promise<GatewayAnswer>
  /** Resolves when it is on disk. */
  readonly keep: (progress: PusherProgress) => Promise<unknown>
  /** Removes the pusher; false if it was set again meanwhile. */
  readonly discard: (pusher: Pusher) => Promise<boolean>
}

const MAX_WAITING = 50
const FIRST_RETRY_MS = 1_000
const LAST_RETRY_MS = 3_600_000

const log = logger('push')

export class DeliveryQueue implements PushQueue {
  readonly #world: QueueWorld
  readonly #abort = new AbortController()
  #pusher: Pusher
  #progress: PusherProgress
  #waiting: Notice[] = []
  /** There is more in the table, after the place of the progress. */
  #isBehind: boolean
  #isBadgeDue = false
  #failures = 0
  #cancelRetry: Cancel | undefined
  #running: Promise<void> | undefined

  constructor(pusher: Pusher, world: QueueWorld) {
    const { id, position, badge, failingSince } = pusher
    this.#pusher = pusher
    this.#progress = { id, position, badge, failingSince }
    this.#world = world
    this.#isBehind = failingSince !== undefined
    if (this.#isBehind) this.#run()
  }

  get id(): number {
    return this.#pusher.id
  }

  get isIdle(): boolean {
    return !this.#running && !this.#cancelRetry
  }

  /** The place up to which everything was told; undefined if nothing waits, or if it is kept with the pusher. */
  get told(): number | undefined {
    if (this.#progress.failingSince !== undefined || this.isIdle) return undefined
    const [next] = this.#waiting
    return next ? next.streamId - 1 : this.#progress.position
  }

  offer(notice: Notice): void {
    if (this.#isBehind || notice.streamId <= this.#progress.position) return
    if (this.#waiting.length < MAX_WAITING) this.#waiting.push(notice)
    else this.#isBehind = true
    this.#run()
  }

  /** The user has read something somewhere. */
  recount(): void {
    this.#isBadgeDue = true
    this.#run()
  }

  /** The pusher was set again: what did not work may work now. */
  renew(pusher: Pusher): void {
    this.#pusher = pusher
    this.#progress = { ...this.#progress, position: Math.max(this.#progress.position, pusher.position) }
    this.#failures = 0
    this.#cancelRetry?.()
    this.#cancelRetry = undefined
    this.#run()
  }

  /** Resolves when nothing is on its way any more. */
  async close(): Promise<void> {
    this.#abort.abort(new Error('The pusher ends'))
    this.#cancelRetry?.()
    this.#cancelRetry = undefined
    await this.#running
  }

  #run(): void {
    const { signal } = this.#abort
    if (this.#running || this.#cancelRetry || signal.aborted) return
    this.#running = this.#work(signal)
      .catch((error: unknown) => {
        if (signal.aborted) return
        log.error({ error }, 'push queue failed')
        this.#retryLater()
      })
      .finally(() => {
        this.#running = undefined
        // Something may have come after the last look.
        if (this.#hasWork) this.#run()
      })
  }

  get #hasWork(): boolean {
    return this.#waiting.length > 0 || this.#isBehind || this.#isBadgeDue
  }

  async #work(signal: AbortSignal): Promise<void> {
    while (this.#hasWork && !signal.aborted) {
      if (this.#waiting.length === 0 && this.#isBehind) await this.#catchUp()
      const [next] = this.#waiting
      if (next) await this.#tellEvent(next, signal)
      else if (!this.#isBehind && this.#isBadgeDue) await this.#tellBadge(signal)
      if (this.#cancelRetry) return
    }
    // What it failed with is read or too old by now.
    if (this.#progress.failingSince !== undefined && !signal.aborted) await this.#advance('dropped', this.#progress)
  }

  /** What comes from now on is offered, so it need not be read. */
  async #catchUp(): Promise<void> {
    this.#isBehind = false
    const [after, upto] = [this.#progress.position, this.#world.dispatched()]
    if (after >= upto) return
    try {
      const { notices, end } = await this.#world.backlog(this.#pusher.userId, { after, upto })
      // Where there is more, what was offered meanwhile comes again.
      this.#isBehind ||= end < upto
      this.#waiting = end < upto ? [...notices] : [...notices, ...this.#waiting]
      if (notices.length === 0) this.#progress = { ...this.#progress, position: end }
    } catch (error) {
      this.#isBehind = true
      throw error
    }
  }

  async #tellEvent(notice: Notice, signal: AbortSignal): Promise<void> {
    const event = await this.#world.find(this.#pusher.userId, notice)
    if (!event) {
      this.#progress = { ...this.#progress, position: notice.streamId }
      this.#waiting.shift()
      return
    }
    const unread = await this.#world.unread(this.#pusher)
    const answer = await this.#world.tell(this.#pusher, { event, unread }, signal)
    if (answer === 'failed') return await this.#failed()
    this.#waiting.shift()
    this.#isBadgeDue = false
    await this.#advance(answer, { position: notice.streamId, badge: unread })
  }

  async #tellBadge(signal: AbortSignal): Promise<void> {
    this.#isBadgeDue = false
    const unread = await this.#world.unread(this.#pusher)
    if (unread === this.#progress.badge) return
    const answer = await this.#world.tell(this.#pusher, { unread }, signal)
    if (answer !== 'failed') return await this.#advance(answer, { position: this.#progress.position, badge: unread })
    this.#isBadgeDue = true
    await this.#failed()
  }

  async #advance(answer: GatewayAnswer, { position, badge }: { position: number; badge: number }): Promise<void> {
    this.#failures = 0
    if (answer === 'rejected') {
      log.info({ userId: this.#pusher.userId, appId: this.#pusher.appId }, 'push gateway rejected a pushkey')
      if (await this.#world.discard(this.#pusher)) return this.#abort.abort(new Error('The pusher is gone'))
    }
    this.#progress = { id: this.#progress.id, position, badge, failingSince: undefined }
    await this.#world.keep(this.#progress)
  }

  async #failed(): Promise<void> {
    this.#retryLater()
    if (this.#progress.failingSince !== undefined) return
    const failing = { ...this.#progress, failingSince: this.#world.clock.now() }
    await this.#world.keep(failing)
    this.#progress = failing
  }

  #retryLater(): void {
    this.#waiting = []
    this.#isBehind = true
    if (this.#abort.signal.aborted) return
    const { clock, random } = this.#world
    const longest = Math.min(FIRST_RETRY_MS * 2 ** this.#failures++, LAST_RETRY_MS)
    // Not all pushers of a gateway that comes back at the same moment.
    this.#cancelRetry = clock.after(Math.round(longest * (0.5 + random() / 2)), () => {
      this.#cancelRetry = undefined
      this.#run()
    })
  }
}
