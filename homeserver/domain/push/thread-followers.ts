/** Who follows which thread, as push rules ask for every event in one. In memory, kept by the stream of subscriptions. */
import type { EventId, UserId } from '../../core/ids.ts'
import type { Bell, Bus } from '../../platform/bus.ts'
import { ReadCache } from '../../platform/read-cache.ts'
import type { Conn } from '../../storage/database.ts'
import { listEverSubscribed, listSubscribers } from '../../storage/thread-subscriptions.ts'
import type { ThreadSubscriptionNews } from '../rooms/thread-subscriptions.ts'

/** Users in memory, counted by thread. */
const MAX_FOLLOWERS = 100_000
const MAX_USERS = 100_000

/** Undefined for those who never subscribed to any thread: their clients do not know that they could, so threads are as loud as ever. */
export type Follows = (userId: UserId) => boolean | undefined

export class ThreadFollowers {
  readonly #followers = new ReadCache<EventId, ReadonlySet<UserId>>(MAX_FOLLOWERS, (users) => users.size + 1)
  /** Whether they ever subscribed to a thread. */
  readonly #users = new ReadCache<UserId, boolean>(MAX_USERS)

  constructor({ bus }: { readonly bus: Bus }) {
    bus.subscribe((bell) => this.#heard(bell))
  }

  async of(conn: Conn, root: EventId, userIds: readonly UserId[]): Promise<Follows> {
    const followers = await this.#followers.of(root, async () => new Set(await listSubscribers(conn, root)))
    const known = await this.#users.list(userIds, async (missing) => {
      const ever = new Set(await listEverSubscribed(conn, missing))
      return missing.map((userId) => [userId, ever.has(userId)] as const)
    })
    return (userId) => (known.get(userId) ? followers.has(userId) : undefined)
  }

  #heard({ stream, payload }: Bell): void {
    if (stream !== 'thread_subscriptions') return
    const news = payload as ThreadSubscriptionNews | undefined // only thread-subscriptions.ts rings this stream
    if (news) {
      this.#followers.drop([news.row.root_id])
      this.#users.set(news.row.user_id, true)
      return
    }
    this.#followers.clear()
    this.#users.clear()
  }
}
