/** How users mark their rooms by account data: as direct chats, and with tags. In memory for the users at work. */
import { isJsonObject } from '../../../core/canonical-json.ts'
import type { JsonObject } from '../../../core/event.ts'
import type { RoomId, UserId } from '../../../core/ids.ts'
import type { Bus } from '../../../platform/bus.ts'
import { ReadCache } from '../../../platform/read-cache.ts'
import { listDirectAndTags } from '../../../storage/account-data.ts'
import type { Database } from '../../../storage/database.ts'

export interface RoomMarks {
  readonly direct: ReadonlySet<string>
  readonly tags: ReadonlyMap<RoomId, ReadonlySet<string>>
}

/** Rooms in memory, counted by user. */
const MAX_ROOMS = 200_000

export class RoomMarksCache {
  readonly #database: Database
  readonly #known = new ReadCache<UserId, RoomMarks>(MAX_ROOMS, ({ direct, tags }) => direct.size + tags.size + 1)

  constructor({ database, bus }: { database: Database; bus: Bus }) {
    this.#database = database
    bus.subscribe(({ stream, keys }) => {
      if (stream === 'account_data') this.#known.drop((keys.users ?? []) as UserId[]) // keys of this stream are ids
    })
  }

  async of(userId: UserId): Promise<RoomMarks> {
    return await this.#known.of(userId, () => this.#read(userId))
  }

  async #read(userId: UserId): Promise<RoomMarks> {
    const direct = new Set<string>()
    const tags = new Map<RoomId, ReadonlySet<string>>()
    for (const { room_id: roomId, content } of await listDirectAndTags(this.#database, userId)) {
      const json = JSON.parse(content) as JsonObject // only objects are stored
      if (roomId !== '') tags.set(roomId, new Set(isJsonObject(json['tags']) ? Object.keys(json['tags']) : []))
      else for (const rooms of Object.values(json)) if (Array.isArray(rooms)) for (const room of rooms) direct.add(room)
    }
    return { direct, tags }
  }
}
