/** Whom users do not want to hear of. https://spec.matrix.org/v1.19/client-server-api/#ignoring-users */
import { isJsonObject } from '../../core/canonical-json.ts'
import type { JsonObject } from '../../core/event.ts'
import { isUserId, type UserId } from '../../core/ids.ts'
import type { Bell, Bus } from '../../platform/bus.ts'
import { ReadCache } from '../../platform/read-cache.ts'
import { listAccountDataOfUsers } from '../../storage/account-data.ts'
import type { Conn, Database } from '../../storage/database.ts'
import type { AccountDataNews } from './account-data.ts'

const TYPE = 'm.ignored_user_list'
const MAX_WEIGHT = 200_000
const none: ReadonlySet<UserId> = new Set()

/** Ignored users in memory: filled from the table, kept by the account data stream. */
export class IgnoredUsers {
  readonly #database: Database
  readonly #byUser = new ReadCache<UserId, ReadonlySet<UserId>>(MAX_WEIGHT, (ignored) => ignored.size + 1)

  constructor({ database, bus }: { database: Database; bus: Bus }) {
    this.#database = database
    bus.subscribe((bell) => this.#heard(bell))
  }

  /** Inside of a transaction give it as `conn`. */
  async of(userId: UserId, conn: Conn = this.#database): Promise<ReadonlySet<UserId>> {
    return this.#byUser.get(userId) ?? (await this.list([userId], conn)).get(userId) ?? none
  }

  /** A set for each of the users. */
  async list(
    userIds: Iterable<UserId>,
    conn: Conn = this.#database,
  ): Promise<ReadonlyMap<UserId, ReadonlySet<UserId>>> {
    return await this.#byUser.list(userIds, async (missing) => {
      const contents = await listAccountDataOfUsers(conn, TYPE, missing)
      return missing.map((userId) => [userId, ignoredIn(contents.get(userId), userId)] as const)
    })
  }

  #heard(bell: Bell): void {
    if (bell.stream !== 'account_data') return
    const news = bell.payload as AccountDataNews | undefined // only account-data.ts rings this stream
    if (!news) return this.#byUser.drop((bell.keys.users ?? []) as UserId[]) // keys of this stream are ids
    for (const { user_id, room_id, type, content } of news.rows) {
      if (type === TYPE && room_id === '') this.#byUser.set(user_id, ignoredIn(content, user_id))
    }
  }
}

/** Nobody can ignore themselves. */
function ignoredIn(content: string | undefined, userId: UserId): ReadonlySet<UserId> {
  if (!content) return none
  const { ignored_users: users } = JSON.parse(content) as JsonObject // only objects are stored
  if (!isJsonObject(users)) return none
  const ids = Object.keys(users).filter((id) => isUserId(id) && id !== userId) as UserId[] // the filter looked
  return ids.length === 0 ? none : new Set(ids)
}
