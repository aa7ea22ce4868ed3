/** Who follows which thread, as push rules ask for every event in one. In memory, kept by the stream of subscriptions. */
import type { EventId, UserId } from '../../core/ids.ts'
import type { Bell, Bus } from '../../platform/bus.ts'
import { Lru } from '../../platform/lru.ts'
import type { Conn } from '../../storage/database.ts'
import { listEverSubscribed, listSubscribers } from '../../storage/thread-subscriptions.ts'
import type { ThreadSubscriptionNews } from '../rooms/thread-subscriptions.ts'

/** Users in memory, counted by thread. */
const MAX_FOLLOWERS = 100_000
const MAX_USERS = 100_000

/** Undefined for those who never subscribed to any thread: their clients do not know that they could, so threads are as loud as ever. */
export type Follows = (userId: UserId) => boolean | undefined

export class ThreadFollowers {
  readonly #followers = new Lru<EventId, ReadonlySet<UserId>>(MAX_FOLLOWERS, (users) => users.size + 1)
  /** Whether they ever subscribed to a thread. */
  readonly #users = new Lru<UserId, boolean>(MAX_USERS)
  /** Counts news, so that a read that was overtaken by some is not kept. */
  #version = 0

  constructor({ bus }: { readonly bus: Bus }) {
    bus.subscribe((bell) => this.#heard(bell))
  }

  async of(conn: Conn, root: EventId, userIds: readonly UserId[]): Promise<Follows> {
    const version = this.#version
    const unknown = userIds.filter((userId) => !this.#users.has(userId))
    const followers = this.#followers.get(root) ?? new Set(await listSubscribers(conn, root))
    const ever = new Set(unknown.length > 0 ? await listEverSubscribed(conn, unknown) : [])
    const known = new Map(userIds.map((userId) => [userId, this.#users.get(userId) ?? ever.has(userId)]))
    if (version === this.#version) {
      this.#followers.set(root, followers)
      for (const userId of unknown) this.#users.set(userId, ever.has(userId))
    }
    return (userId) => (known.get(userId) ? followers.has(userId) : undefined)
  }

  #heard({ stream, payload }: Bell): void {
    if (stream !== 'thread_subscriptions') return
    this.#version++
    const news = payload as ThreadSubscriptionNews | undefined // only thread-subscriptions.ts rings this stream
    if (news) {
      this.#followers.delete(news.row.root_id)
      this.#users.set(news.row.user_id, true)
      return
    }
    this.#followers.clear()
    this.#users.clear()
  }
}
