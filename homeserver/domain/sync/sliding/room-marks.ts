/** How users mark their rooms by account data: as direct chats, and with tags. In memory for the users at work. */
import { isJsonObject } from '../../../core/canonical-json.ts'
import type { JsonObject } from '../../../core/event.ts'
import type { RoomId, UserId } from '../../../core/ids.ts'
import type { Bus } from '../../../platform/bus.ts'
import { Lru } from '../../../platform/lru.ts'
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
  readonly #known = new Lru<UserId, RoomMarks>(MAX_ROOMS, ({ direct, tags }) => direct.size + tags.size + 1)
  /** Counts news, so that a read that was overtaken by some is not kept. */
  #version = 0

  constructor({ database, bus }: { database: Database; bus: Bus }) {
    this.#database = database
    bus.subscribe(({ stream, keys }) => {
      if (stream !== 'account_data') return
      this.#version++
      for (const userId of keys.users ?? []) this.#known.delete(userId as UserId) // keys of this stream are ids
    })
  }

  async of(userId: UserId): Promise<RoomMarks> {
    const known = this.#known.get(userId)
    if (known) return known
    const version = this.#version
    const direct = new Set<string>()
    const tags = new Map<RoomId, ReadonlySet<string>>()
    for (const { room_id: roomId, content } of await listDirectAndTags(this.#database, userId)) {
      const json = JSON.parse(content) as JsonObject // only objects are stored
      if (roomId !== '') tags.set(roomId, new Set(isJsonObject(json['tags']) ? Object.keys(json['tags']) : []))
      else for (const rooms of Object.values(json)) if (Array.isArray(rooms)) for (const room of rooms) direct.add(room)
    }
    const marks = { direct, tags }
    if (version === this.#version) this.#known.set(userId, marks)
    return marks
  }
}
