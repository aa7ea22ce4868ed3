/**
 * Tells a user by e-mail what he has missed. The first thing that he is to be told of begins a round: what he has not read
 * ten minutes later is in one letter. As long as he reads nothing, the next ones come ever more rarely.
 *
 * Nothing waits in memory but the time. A round is kept with the pusher, as what has failed is with other pushers, and
 * what goes into its letter is looked up in the end.
 */
import type { Cancel } from '../../platform/clock.ts'
import { logger } from '../../platform/log.ts'
import type { StoredEvent } from '../../storage/events.ts'
import type { Pusher, PusherProgress } from '../../storage/pushers.ts'
import type { Notice, QueueWorld } from './delivery-queue.ts'
import type { GatewayAnswer } from './gateway.ts'
import type { PushQueue } from './push-queue.ts'

export interface MailWorld extends Pick<QueueWorld, 'clock' | 'dispatched' | 'backlog' | 'find' | 'keep' | 'discard'> {
  /** `hasMore`: these are the first of many. */
  readonly mail: (pusher: Pusher, missed: readonly StoredEvent[], hasMore: boolean) => Promise<GatewayAnswer>
}

const FIRST_PAUSE_MS = 600_000
/** What is older than a day is told no more. */
const LAST_PAUSE_MS = 12 * 3_600_000
/** Ten minutes, an hour, six hours, twelve. */
const GROWTH = 6
/** In one letter. */
const MAX_EVENTS = 50

const log = logger('push')

export class MailQueue implements PushQueue {
  readonly #world: MailWorld
  #pusher: Pusher
  /** `failingSince`: when the round began. */
  #progress: PusherProgress
  #isKept = true
  #pauseMs = FIRST_PAUSE_MS
  #mayMailAt = 0
  #cancel: Cancel | undefined
  #running: Promise<void> | undefined
  /** The first that came while a letter was written. */
  #next: Notice | undefined
  #isClosed = false

  constructor(pusher: Pusher, world: MailWorld) {
    const { id, position, badge, failingSince } = pusher
    this.#pusher = pusher
    this.#progress = { id, position, badge, failingSince }
    this.#world = world
    if (failingSince !== undefined) this.#wait(failingSince + FIRST_PAUSE_MS)
  }

  get id(): number {
    return this.#pusher.id
  }

  get isIdle(): boolean {
    return !this.#running && !this.#cancel
  }

  get told(): number | undefined {
    return this.#isKept ? undefined : this.#progress.position
  }

  offer(notice: Notice): void {
    if (notice.streamId <= this.#progress.position) return
    if (this.#running) this.#next ??= notice
    else if (!this.#cancel) this.#begin(notice)
  }

  recount(): void {
    this.#pauseMs = FIRST_PAUSE_MS
    this.#mayMailAt = 0
  }

  renew(pusher: Pusher): void {
    this.#pusher = pusher
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#cancel?.()
    this.#cancel = undefined
    await this.#running
  }

  #begin({ streamId }: Notice): void {
    const now = this.#world.clock.now()
    this.#keep({ position: streamId - 1, failingSince: now }).catch((error: unknown) => {
      log.error({ error }, 'a round of e-mail could not be kept')
    })
    this.#wait(Math.max(now + FIRST_PAUSE_MS, this.#mayMailAt))
  }

  #wait(until: number): void {
    if (this.#isClosed) return
    const { clock } = this.#world
    this.#cancel = clock.after(Math.max(0, until - clock.now()), () => {
      this.#cancel = undefined
      this.#running = this.#finish()
        .catch((error: unknown) => {
          log.error({ error }, 'an e-mail of what was missed could not be made')
          this.#retry()
        })
        .finally(() => {
          this.#running = undefined
          const next = this.#next
          this.#next = undefined
          if (next) this.offer(next)
        })
    })
  }

  #retry(): void {
    this.#wait(this.#world.clock.now() + FIRST_PAUSE_MS)
  }

  async #finish(): Promise<void> {
    const { clock, dispatched, mail, discard } = this.#world
    const upto = dispatched()
    const { missed, hasMore } = await this.#missed(upto)
    if (missed.length > 0) {
      const answer = await mail(this.#pusher, missed, hasMore)
      if (answer === 'failed') return this.#retry()
      if (answer === 'rejected' && (await discard(this.#pusher))) return
      this.#mayMailAt = clock.now() + this.#pauseMs
      this.#pauseMs = Math.min(this.#pauseMs * GROWTH, LAST_PAUSE_MS)
    }
    await this.#keep({ position: upto, failingSince: undefined })
  }

  /** What he has not read, and still may. */
  async #missed(upto: number): Promise<{ missed: readonly StoredEvent[]; hasMore: boolean }> {
    const { backlog, find } = this.#world
    const { userId } = this.#pusher
    const missed: StoredEvent[] = []
    for (let after = this.#progress.position; after < upto;) {
      const { notices, end } = await backlog(userId, { after, upto })
      for (const notice of notices) {
        const event = await find(userId, { ...notice, isLate: true })
        if (event && missed.length === MAX_EVENTS) return { missed, hasMore: true }
        if (event) missed.push(event)
      }
      after = end
    }
    return { missed, hasMore: false }
  }

  async #keep(progress: Pick<PusherProgress, 'position' | 'failingSince'>): Promise<void> {
    this.#progress = { ...this.#progress, ...progress }
    this.#isKept = false
    await this.#world.keep(this.#progress)
    this.#isKept = true
  }
}
