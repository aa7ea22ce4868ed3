/**
 * Takes every event that notifies somebody to the queues of that user's pushers. Where nobody has pushers it costs
 * nothing. https://spec.matrix.org/v1.19/client-server-api/#push-notifications
 *
 * No event is lost: up to where all pushers were told is kept every now and then and at the end, and how far a single one
 * is after each thing it was told. After a restart it goes on from there.
 */
import { randomInt } from 'node:crypto'
import type { JsonObject } from '../../core/event.ts'
import type { UserId } from '../../core/ids.ts'
import type { Bell, Bus } from '../../platform/bus.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Service } from '../../platform/lifecycle.ts'
import { logger } from '../../platform/log.ts'
import type { Database } from '../../storage/database.ts'
import { GroupCommit } from '../../storage/group-commit.ts'
import { listPushedEvents, type PushedEvent } from '../../storage/pushed-events.ts'
import {
  findPushStart,
  keepPushProgress,
  listFailingUsers,
  listPushingUsers,
  type Pusher,
  type PusherProgress,
  setPusherProgress,
} from '../../storage/pushers.ts'
import type { Streams } from '../../storage/streams.ts'
import type { ReceiptNews } from '../ephemeral/receipts.ts'
import type { Members } from '../rooms/members.ts'
import { newsOf } from '../rooms/news.ts'
import type { Badges } from './badges.ts'
import { DeliveryQueue, type QueueWorld } from './delivery-queue.ts'
import { UserQueues } from './delivery-users.ts'
import type { Gateways } from './gateway.ts'
import type { MailDigests } from './mail-digests.ts'
import { MailQueue } from './mail-queue.ts'
import { noticeOf, type Notices } from './notices.ts'
import { badgeNotification, countsBadges, eventNotification } from './notification.ts'
import type { Outcomes } from './outcomes.ts'
import { decodeNotified, isIn, notifiesNobody } from './push-column.ts'
import type { Pushers } from './pushers.ts'
import type { WebPush } from './web-push.ts'

export interface DeliveryParts {
  readonly database: Database
  readonly bus: Bus
  readonly streams: Streams
  readonly clock: Clock
  readonly members: Members
  readonly pushers: Pushers
  readonly notices: Notices
  readonly outcomes: Outcomes
  readonly badges: Badges
  readonly gateways: Gateways
  readonly webPush: WebPush
  readonly digests: MailDigests
  readonly random?: () => number
}

const KEEP_EVERY_MS = 10_000
const RETRY_MS = 1_000
/** Events that bells have brought and that wait to be handed out; beyond that they are read from the table. */
const MAX_NEWS = 5_000
const PAGE = 500

const log = logger('push')

export class PushDelivery implements Service {
  readonly name = 'push delivery'
  readonly #parts: DeliveryParts
  readonly #queues: UserQueues
  /** All events in (#newsFrom, #upto] that notify anybody. */
  #news: PushedEvent[] = []
  #newsFrom = 0
  /** How far the events stream is, how far it was when we started, and how far it was handed out and kept. */
  #upto = 0
  #startedAt = 0
  #dispatched = 0
  #kept = 0
  #dispatching: Promise<void> | undefined
  #keeping: Promise<void> = Promise.resolve()
  #signal: AbortSignal = AbortSignal.abort()
  readonly #leave: (() => void)[] = []

  constructor(parts: DeliveryParts) {
    this.#parts = parts
    const { database, clock, notices, badges, pushers, digests, random = randomFraction } = parts
    const progress = new GroupCommit<PusherProgress, undefined>({
      database,
      name: 'push progress',
      write: async (tx, steps) => {
        await setPusherProgress(tx, steps)
        return steps.map(() => undefined)
      },
    })
    const world: QueueWorld = {
      clock,
      random,
      dispatched: () => this.#dispatched,
      backlog: (userId, range) => notices.backlog(userId, range),
      find: (userId, notice) => notices.find(userId, notice),
      unread: async (pusher) => (countsBadges(pusher) ? await badges.of(pusher.userId) : 0),
      tell: (pusher, what, signal) => this.#tell(pusher, what, signal),
      keep: (step) => progress.add(step),
      discard: (pusher) => pushers.discard(pusher),
    }
    const mailWorld = { ...world, mail: digests.send }
    this.#queues = new UserQueues({
      database,
      open: (pusher) => (pusher.kind === 'email' ? new MailQueue(pusher, mailWorld) : new DeliveryQueue(pusher, world)),
    })
  }

  async start(signal: AbortSignal): Promise<void> {
    const { database, bus, streams, clock, pushers } = this.#parts
    const [users, failing, from] = await Promise.all([
      listPushingUsers(database),
      listFailingUsers(database),
      findPushStart(database),
    ])
    this.#signal = signal
    this.#queues.add(users)
    this.#upto = this.#startedAt = this.#newsFrom = streams.position('events')
    this.#dispatched = this.#kept = Math.min(from ?? this.#upto, this.#upto)
    this.#leave.push(bus.subscribe((bell) => this.#heard(bell)))
    this.#leave.push(pushers.subscribe((userId) => void this.#queues.reload(userId)))
    for (const userId of failing) void this.#queues.reload(userId)
    this.#dispatch()
    this.#keeping = clock.every(
      KEEP_EVERY_MS,
      this.name,
      async () => {
        await this.#keep(await this.#queues.told(this.#dispatched))
        await this.#queues.tidy()
      },
      signal,
    )
  }

  async stop(): Promise<void> {
    for (const leave of this.#leave) leave()
    await this.#keeping
    await this.#dispatching
    const told = await this.#queues.told(this.#dispatched)
    await this.#queues.close()
    await this.#keep(told)
  }

  #heard(bell: Bell): void {
    if (bell.stream === 'receipts') this.#heardReceipts(bell)
    if (bell.stream !== 'events') return
    this.#upto = bell.position
    if (this.#queues.isEmpty && !this.#dispatching) {
      this.#dispatched = this.#newsFrom = bell.position
      return
    }
    const events = newsOf(bell)?.events
    if (!events || this.#news.length > MAX_NEWS) {
      this.#news = []
      this.#newsFrom = bell.position
    }
    for (const { row } of events ?? []) {
      const isNews = (row.stream_id ?? 0) > this.#newsFrom && row.push !== null && row.push !== notifiesNobody
      if (isNews) this.#news.push(row)
    }
    this.#dispatch()
  }

  #heardReceipts({ payload }: Bell): void {
    const news = payload as ReceiptNews | undefined // only receipts.ts rings this stream
    for (const { user_id: userId } of news?.rows ?? []) {
      if (!this.#queues.has(userId)) continue
      void this.#queues.of(userId).then((queues) => {
        for (const queue of queues) queue.recount()
      })
    }
  }

  #dispatch(): void {
    if (this.#dispatching || this.#dispatched >= this.#upto || this.#signal.aborted) return
    this.#dispatching = this.#work()
      .catch(async (error: unknown) => {
        log.error({ error }, 'events could not be handed to pushers')
        await this.#parts.clock.sleep(RETRY_MS, this.#signal).catch(ignore)
      })
      .finally(() => {
        this.#dispatching = undefined
        this.#dispatch()
      })
  }

  async #work(): Promise<void> {
    while (this.#dispatched < this.#upto && !this.#signal.aborted) {
      const upto = this.#upto
      const { events, end } = await this.#take(upto)
      for (const event of events) {
        if (event.stream_id === null || event.stream_id <= this.#dispatched) continue
        if (this.#signal.aborted) return
        const offer = await this.#offerOf(event, event.stream_id)
        // In one go: a queue that looks at the table in between would lose the event.
        offer()
        this.#dispatched = event.stream_id
      }
      this.#dispatched = end
    }
  }

  /** What comes next: from bells if they have brought everything, else from the table. */
  async #take(upto: number): Promise<{ events: readonly PushedEvent[]; end: number }> {
    if (this.#dispatched >= this.#newsFrom) {
      this.#newsFrom = upto
      return { events: this.#news.splice(0), end: upto }
    }
    const after = this.#dispatched
    const events = await listPushedEvents(this.#parts.database, { after, upto, limit: PAGE })
    return { events, end: events.length < PAGE ? upto : (events.at(-1)?.stream_id ?? upto) }
  }

  async #offerOf(event: PushedEvent, streamId: number): Promise<() => void> {
    const isLate = streamId <= this.#startedAt
    const recipients = await this.#recipients(event, streamId)
    const queues = await Promise.all(recipients.map(({ userId }) => this.#queues.of(userId)))
    return () => {
      for (const [index, { isUnsure }] of recipients.entries()) {
        for (const queue of queues[index] ?? []) queue.offer({ ...noticeOf(event), isLate: isLate || isUnsure })
      }
    }
  }

  /** `isUnsure`: the user may have come into the room only after the event. */
  async #recipients(event: PushedEvent, streamId: number): Promise<{ userId: UserId; isUnsure: boolean }[]> {
    const { members } = this.#parts
    const { n } = decodeNotified(event.push ?? notifiesNobody)
    if (n === undefined) return []
    const joined = await members.joined(event.room_id)
    const users = n instanceof Array ? n : [...joined.keys()]
    const recipients: { userId: UserId; isUnsure: boolean }[] = []
    for (const userId of users) {
      if (!this.#queues.has(userId) || userId === event.sender || !isIn(n, userId)) continue
      recipients.push({ userId, isUnsure: (joined.get(userId)?.stream_id ?? 0) > streamId })
    }
    const invited = this.#invited(event)
    if (invited && !recipients.some(({ userId }) => userId === invited) && isIn(n, invited)) {
      recipients.push({ userId: invited, isUnsure: true })
    }
    return recipients
  }

  #invited({ type, state_key: stateKey }: PushedEvent): UserId | undefined {
    const userId = type === 'm.room.member' && stateKey !== null ? (stateKey as UserId) : undefined // of member events it is one
    return userId !== undefined && this.#queues.has(userId) ? userId : undefined
  }

  async #tell(
    pusher: Pusher,
    { event, unread }: Parameters<QueueWorld['tell']>[1],
    signal: AbortSignal,
  ): ReturnType<QueueWorld['tell']> {
    const { gateways, webPush, notices, outcomes } = this.#parts
    const notify = async (notification: JsonObject): ReturnType<QueueWorld['tell']> => {
      if (pusher.kind === 'webpush') return await webPush.notify(pusher, notification, signal)
      const to = { url: pusher.data.url ?? '', pushkey: pusher.pushkey } // only e-mail has none
      return await gateways.notify(to, notification, signal)
    }
    if (!event) return await notify(badgeNotification(pusher, unread))
    const [outcome, around] = await Promise.all([outcomes.of(event, pusher.userId), notices.around(event)])
    return await notify(eventNotification(pusher, event, { outcome, unread, around }))
  }

  async #keep(told: number): Promise<void> {
    if (this.#queues.isEmpty || told <= this.#kept) return
    await this.#parts.database.transaction('keep push progress', (tx) => keepPushProgress(tx, told))
    this.#kept = told
  }
}

function randomFraction(): number {
  return randomInt(1_000_000) / 1_000_000
}

function ignore(): undefined {
  return undefined
}
