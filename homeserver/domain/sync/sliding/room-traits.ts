/** What lists sort and filter rooms by, in memory for the rooms at work. Filled from the tables, kept by the events stream. */
import type { RoomId } from '../../../core/ids.ts'
import type { Bell, Bus } from '../../../platform/bus.ts'
import { Lru } from '../../../platform/lru.ts'
import type { Database } from '../../../storage/database.ts'
import { eventStatus } from '../../../storage/events.ts'
import { listRoomTraits } from '../../../storage/sliding-rooms.ts'
import { newsOf } from '../../rooms/news.ts'

export interface RoomTraits {
  /** The place of the last event that bumps a room in the lists of its members; 0 if there is none. */
  readonly bumped: number
  readonly name: string | undefined
  readonly isEncrypted: boolean
  readonly roomType: string | undefined
}

/** Events of these types are what a room list shows as activity. https://github.com/matrix-org/matrix-spec-proposals/pull/4186 */
const bumpTypes: ReadonlySet<string> = new Set([
  'm.room.create',
  'm.room.message',
  'm.room.encrypted',
  'm.sticker',
  'm.call.invite',
  'm.poll.start',
  'org.matrix.msc3381.poll.start',
  'm.beacon_info',
  'org.matrix.msc3672.beacon_info',
])
const traitTypes: ReadonlySet<string> = new Set(['m.room.create', 'm.room.name', 'm.room.encryption'])
const MAX_ROOMS = 100_000

export class RoomTraitsCache {
  readonly #database: Database
  readonly #known = new Lru<RoomId, RoomTraits>(MAX_ROOMS)
  /** Counts news, so that a read that was overtaken by some is not kept. */
  #version = 0

  constructor({ database, bus }: { database: Database; bus: Bus }) {
    this.#database = database
    bus.subscribe((bell) => this.#heard(bell))
  }

  /** Rooms that this server is not in are missing. */
  async list(roomIds: readonly RoomId[]): Promise<ReadonlyMap<RoomId, RoomTraits>> {
    const found = new Map<RoomId, RoomTraits>()
    const missing: RoomId[] = []
    for (const roomId of roomIds) {
      const known = this.#known.get(roomId)
      if (known) found.set(roomId, known)
      else missing.push(roomId)
    }
    if (missing.length === 0) return found
    const version = this.#version
    for (const row of await listRoomTraits(this.#database, missing, [...bumpTypes])) {
      const traits = {
        bumped: row.bumped ?? 0,
        name: row.name ?? undefined,
        isEncrypted: row.encryption !== null,
        roomType: row.room_type ?? undefined,
      }
      found.set(row.room_id, traits)
      if (version === this.#version) this.#known.set(row.room_id, traits)
    }
    return found
  }

  #heard(bell: Bell): void {
    if (bell.stream !== 'events') return
    const news = newsOf(bell)
    this.#version++
    if (!news) {
      for (const roomId of bell.keys.rooms ?? []) this.#known.delete(roomId as RoomId) // keys of this stream are ids
      return
    }
    for (const { roomId, row } of news.events) {
      const known = this.#known.get(roomId)
      const bumped = row.stream_id ?? 0
      if (!known || row.status !== eventStatus.accepted || !bumpTypes.has(row.type) || bumped <= known.bumped) continue
      this.#known.set(roomId, { ...known, bumped })
    }
    for (const { roomId, type } of news.changes) if (traitTypes.has(type)) this.#known.delete(roomId)
  }
}
