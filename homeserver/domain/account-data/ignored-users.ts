/** Whom users do not want to hear of. https://spec.matrix.org/v1.19/client-server-api/#ignoring-users */
import { isJsonObject } from '../../core/canonical-json.ts'
import type { JsonObject } from '../../core/event.ts'
import { isUserId, type UserId } from '../../core/ids.ts'
import type { Bell, Bus } from '../../platform/bus.ts'
import { Lru } from '../../platform/lru.ts'
import { listAccountDataOfUsers } from '../../storage/account-data.ts'
import type { Conn, Database } from '../../storage/database.ts'
import type { AccountDataNews } from './account-data.ts'

const TYPE = 'm.ignored_user_list'
const MAX_WEIGHT = 200_000
const none: ReadonlySet<UserId> = new Set()

/** Ignored users in memory: filled from the table, kept by the account data stream. */
export class IgnoredUsers {
  readonly #database: Database
  readonly #byUser = new Lru<UserId, ReadonlySet<UserId>>(MAX_WEIGHT, (ignored) => ignored.size + 1)
  /** Counts news without rows, so that a read that was overtaken by some is not kept. */
  #version = 0

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
    const found = new Map<UserId, ReadonlySet<UserId>>()
    const missing: UserId[] = []
    for (const userId of userIds) {
      const cached = this.#byUser.get(userId)
      if (cached) found.set(userId, cached)
      else missing.push(userId)
    }
    if (missing.length === 0) return found
    const version = this.#version
    const contents = await listAccountDataOfUsers(conn, TYPE, missing)
    for (const userId of missing) {
      const ignored = ignoredIn(contents.get(userId), userId)
      found.set(userId, ignored)
      // What news have brought meanwhile is newer than what was read.
      if (version === this.#version && !this.#byUser.has(userId)) this.#byUser.set(userId, ignored)
    }
    return found
  }

  #heard(bell: Bell): void {
    if (bell.stream !== 'account_data') return
    const news = bell.payload as AccountDataNews | undefined // only account-data.ts rings this stream
    if (!news) {
      this.#version++
      for (const userId of bell.keys.users ?? []) this.#byUser.delete(userId as UserId) // keys of this stream are ids
      return
    }
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
