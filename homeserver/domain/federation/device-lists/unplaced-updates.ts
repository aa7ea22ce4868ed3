/**
 * Updates of users who may be in a partial room: who is in it is not known, but their server was when it was joined. Our users
 * there hear of them at once, and of everybody when the members are known: so this is in memory alone.
 */
import { type RoomId, serverNameOf, type UserId } from '../../../core/ids.ts'
import type { Database } from '../../../storage/database.ts'
import type { Streams } from '../../../storage/streams.ts'
import type { UnplacedChanges } from '../../devices/hooks.ts'
import type { Members } from '../../rooms/members.ts'
import type { PartialRooms } from '../../rooms/partial-rooms.ts'

export interface UnplacedUpdatesParts {
  readonly database: Database
  readonly streams: Streams
  readonly members: Pick<Members, 'joinedRooms'>
  readonly partialRooms: Pick<PartialRooms, 'list' | 'serversOf'>
}

/** What is known of more is forgotten, the oldest first. */
const MAX_USERS = 1_000

export class UnplacedUpdates implements UnplacedChanges {
  readonly #parts: UnplacedUpdatesParts
  /** The place of the last update of each user in the stream `device_lists`, in that order. */
  readonly #places = new Map<UserId, number>()
  #last = 0

  constructor(parts: UnplacedUpdatesParts) {
    this.#parts = parts
  }

  /** Passes over those whose server is in no partial room. */
  async note(userId: UserId): Promise<void> {
    const { database, streams, partialRooms } = this.#parts
    const rooms = partialRooms
      .list()
      .map(({ roomId }) => roomId)
      .filter((roomId) => this.#mayBeIn(roomId, userId))
    if (rooms.length === 0) return
    await database.transaction('note unplaced update', async (tx) => {
      tx.onCommit(() => this.#put(userId, place))
      const place = streams.reserve(tx, 'device_lists', 1, { rooms })
      await streams.remember(tx, 'device_lists')
    })
  }

  async changedIn(userId: UserId, after: number, upto: number): Promise<readonly UserId[]> {
    if (this.#last <= after) return []
    const rooms = await this.#parts.members.joinedRooms(userId)
    return [...this.#places]
      .filter(([, place]) => place > after && place <= upto)
      .map(([changed]) => changed)
      .filter((changed) => rooms.some((roomId) => this.#mayBeIn(roomId, changed)))
  }

  #mayBeIn(roomId: RoomId, userId: UserId): boolean {
    return this.#parts.partialRooms.serversOf(roomId)?.has(serverNameOf(userId)) === true
  }

  #put(userId: UserId, place: number): void {
    this.#places.delete(userId)
    this.#places.set(userId, place)
    this.#last = Math.max(this.#last, place)
    const [oldest] = this.#places.keys()
    if (oldest !== undefined && this.#places.size > MAX_USERS) this.#places.delete(oldest)
  }
}
