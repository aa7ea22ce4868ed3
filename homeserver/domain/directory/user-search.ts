/** Finding people. https://spec.matrix.org/v1.19/client-server-api/#user-directory */
import type { RoomId, UserId } from '../../core/ids.ts'
import type { Database } from '../../storage/database.ts'
import { searchRemoteUsers, searchUsers } from '../../storage/directory.ts'
import type { Members } from '../rooms/members.ts'

export class UserSearch {
  readonly #database: Database
  readonly #members: Members

  constructor({ database, members }: { database: Database; members: Members }) {
    this.#database = database
    this.#members = members
  }

  /** People of this server first, then those of others. */
  async search(searcher: UserId, term: string, limit: number): Promise<object> {
    const found = await searchUsers(this.#database, searcher, term, limit + 1)
    const left = limit + 1 - found.length
    if (left > 0) found.push(...(await searchRemoteUsers(this.#database, searcher, term, left)))
    const results = found.slice(0, limit).map((user) => ({
      user_id: user.user_id,
      ...(user.display_name === null ? {} : { display_name: user.display_name }),
      ...(user.avatar_url === null ? {} : { avatar_url: user.avatar_url }),
    }))
    return { results, limited: found.length > limit }
  }

  /** The rooms both users are joined to. */
  async mutualRooms(userId: UserId, other: UserId): Promise<RoomId[]> {
    const [mine, theirs] = await Promise.all([this.#members.joinedRooms(userId), this.#members.joinedRooms(other)])
    const set = new Set(theirs)
    return mine.filter((roomId) => set.has(roomId)).toSorted()
  }
}
