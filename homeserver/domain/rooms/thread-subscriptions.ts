/** Threads that users follow. https://github.com/matrix-org/matrix-spec-proposals/pull/4306 */
import { notFound, refuse } from '../../core/errors.ts'
import type { EventId, RoomId, UserId } from '../../core/ids.ts'
import type { Database, Tx } from '../../storage/database.ts'
import type { StoredEvent } from '../../storage/events.ts'
import type { Streams } from '../../storage/streams.ts'
import {
  countThreadSubscriptions,
  findThreadSubscription,
  listThreadSubscriptions,
  setThreadSubscription,
  type ThreadSubscriptionRow,
} from '../../storage/thread-subscriptions.ts'
import { maxThreadSubscriptions } from '../limits.ts'
import type { EventCache } from './event-cache.ts'
import { findVisible } from './visible-event.ts'
import type { Visibility } from './visibility.ts'

/** What bells of the stream carry. */
export interface ThreadSubscriptionNews {
  readonly row: ThreadSubscriptionRow
}

export interface ThreadSubscriptionsParts {
  readonly database: Database
  readonly streams: Streams
  readonly events: EventCache
  readonly visibility: Visibility
}

type Change = Pick<ThreadSubscriptionRow, 'subscribed' | 'automatic' | 'unsubscribed_at'>

export class ThreadSubscriptions {
  readonly #parts: ThreadSubscriptionsParts

  constructor(parts: ThreadSubscriptionsParts) {
    this.#parts = parts
  }

  /** Throws `M_NOT_FOUND` where the user follows no such thread, or may not see it. */
  async get(userId: UserId, roomId: RoomId, rootId: string): Promise<{ readonly automatic: boolean }> {
    const root = await this.#root(userId, roomId, rootId)
    const row = await findThreadSubscription(this.#parts.database, userId, roomId, root)
    if (!row?.subscribed) throw notFound('You are not subscribed to this thread')
    return { automatic: row.automatic === 1 }
  }

  /**
   * `cause` is the event for which a client subscribes on its own: nobody who has unsubscribed since is subscribed again.
   * What the user himself subscribed to stays so. Throws `M_NOT_FOUND`, and the proposal's own errors.
   */
  async subscribe(userId: UserId, roomId: RoomId, rootId: string, cause: string | undefined): Promise<void> {
    const root = await this.#root(userId, roomId, rootId)
    const event = cause === undefined ? undefined : await this.#cause(userId, roomId, root, cause)
    const place = event?.row.stream_id ?? Infinity
    await this.#change(userId, roomId, root, (row) => {
      const unsubscribed_at = row?.unsubscribed_at ?? null
      if (row?.subscribed) {
        return event || row.automatic === 0 ? undefined : { subscribed: 1, automatic: 0, unsubscribed_at }
      }
      if (unsubscribed_at !== null && place <= unsubscribed_at) {
        throw refuse(
          409,
          'IO.ELEMENT.MSC4306.M_CONFLICTING_UNSUBSCRIPTION',
          'You have unsubscribed from this thread since',
        )
      }
      return { subscribed: 1, automatic: event ? 1 : 0, unsubscribed_at }
    })
  }

  async unsubscribe(userId: UserId, roomId: RoomId, rootId: string): Promise<void> {
    const root = await this.#root(userId, roomId, rootId)
    await this.#change(userId, roomId, root, (row) =>
      row?.subscribed
        ? { subscribed: 0, automatic: row.automatic, unsubscribed_at: this.#parts.streams.position('events') }
        : undefined,
    )
  }

  /** What changed in (after, upto], the latest first. With `limit` of them there may be more. */
  async list(
    userId: UserId,
    range: { readonly after: number; readonly upto: number; readonly limit: number },
  ): Promise<readonly ThreadSubscriptionRow[]> {
    return await listThreadSubscriptions(this.#parts.database, userId, range)
  }

  async #root(userId: UserId, roomId: RoomId, rootId: string): Promise<EventId> {
    return (await findVisible(this.#parts, userId, roomId, rootId)).event.eventId
  }

  async #cause(userId: UserId, roomId: RoomId, root: EventId, cause: string): Promise<StoredEvent> {
    const { event } = await findVisible(this.#parts, userId, roomId, cause)
    if (event.row.thread_root === root) return event
    throw refuse(400, 'IO.ELEMENT.MSC4306.M_NOT_IN_THREAD', 'This event is not in the thread')
  }

  async #change(
    userId: UserId,
    roomId: RoomId,
    root: EventId,
    change: (row: ThreadSubscriptionRow | undefined) => Change | undefined,
  ): Promise<void> {
    const { database, streams } = this.#parts
    await database.transaction('change thread subscription', async (tx) => {
      const before = await findThreadSubscription(tx, userId, roomId, root)
      const changed = change(before)
      if (!changed) return
      if (!before) await refuseTooMany(tx, userId)
      const news: { row?: ThreadSubscriptionRow } = {}
      const stream_id = streams.reserve(tx, 'thread_subscriptions', 1, { users: [userId] }, news)
      news.row = { user_id: userId, room_id: roomId, root_id: root, ...changed, stream_id }
      await setThreadSubscription(tx, news.row)
    })
  }
}

async function refuseTooMany(tx: Tx, userId: UserId): Promise<void> {
  if ((await countThreadSubscriptions(tx, userId)) < maxThreadSubscriptions) return
  throw refuse(400, 'M_LIMIT_EXCEEDED', 'You have subscribed to too many threads')
}

/** A place in the list of changes, for those who page through it. */
export function formatSubscriptionsPlace(place: number): string {
  return `h${place}`
}

/** Undefined if it is none. */
export function parseSubscriptionsPlace(text: string): number | undefined {
  const [, digits] = /^h(\d{1,15})$/.exec(text) ?? []
  return digits === undefined ? undefined : Number(digits)
}

export interface SubscriptionsByRoom {
  readonly subscribed?: Readonly<Record<RoomId, Readonly<Record<EventId, { automatic: boolean; bump_stamp: number }>>>>
  readonly unsubscribed?: Readonly<Record<RoomId, Readonly<Record<EventId, { bump_stamp: number }>>>>
}

/** As clients get them. https://github.com/matrix-org/matrix-spec-proposals/pull/4308 */
export function subscriptionsByRoom(rows: readonly ThreadSubscriptionRow[]): SubscriptionsByRoom {
  const of = <Entry>(
    wanted: 0 | 1,
    entry: (row: ThreadSubscriptionRow) => Entry,
  ): Record<RoomId, Record<EventId, Entry>> | undefined => {
    const some = Map.groupBy(
      rows.filter(({ subscribed }) => subscribed === wanted),
      ({ room_id }) => room_id,
    )
    if (some.size === 0) return undefined
    const rooms = [...some].map(([roomId, ofRoom]) => [
      roomId,
      Object.fromEntries(ofRoom.map((row) => [row.root_id, entry(row)])),
    ])
    return Object.fromEntries(rooms) as Record<RoomId, Record<EventId, Entry>> // keys of a map by room
  }
  const subscribed = of(1, (row) => ({ automatic: row.automatic === 1, bump_stamp: row.stream_id }))
  const unsubscribed = of(0, (row) => ({ bump_stamp: row.stream_id }))
  return { ...(subscribed ? { subscribed } : {}), ...(unsubscribed ? { unsubscribed } : {}) }
}
