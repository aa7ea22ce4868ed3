/** What lists sort and filter rooms by, in memory for the rooms at work. Filled from the tables, kept by the events stream. */
import type { RoomId } from '../../../core/ids.ts'
import type { Bell, Bus } from '../../../platform/bus.ts'
import { ReadCache } from '../../../platform/read-cache.ts'
import type { Database } from '../../../storage/database.ts'
import { eventStatus } from '../../../storage/events.ts'
import { listRoomTraits, type RoomTraitsRow } from '../../../storage/sliding-rooms.ts'
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
  readonly #known = new ReadCache<RoomId, RoomTraits>(MAX_ROOMS)

  constructor({ database, bus }: { database: Database; bus: Bus }) {
    this.#database = database
    bus.subscribe((bell) => this.#heard(bell))
  }

  /** Rooms that this server is not in are missing. */
  async list(roomIds: readonly RoomId[]): Promise<ReadonlyMap<RoomId, RoomTraits>> {
    return await this.#known.list(roomIds, (missing) => this.#read(missing))
  }

  async #read(roomIds: readonly RoomId[]): Promise<(readonly [RoomId, RoomTraits])[]> {
    const rows = await listRoomTraits(this.#database, roomIds, [...bumpTypes])
    return rows.map((row) => [row.room_id, traitsOf(row)] as const)
  }

  #heard(bell: Bell): void {
    if (bell.stream !== 'events') return
    const news = newsOf(bell)
    this.#known.overtake()
    if (!news) return this.#known.drop((bell.keys.rooms ?? []) as RoomId[]) // keys of this stream are ids
    for (const { roomId, row } of news.events) {
      const known = this.#known.get(roomId)
      const bumped = row.stream_id ?? 0
      if (!known || row.status !== eventStatus.accepted || !bumpTypes.has(row.type) || bumped <= known.bumped) continue
      this.#known.set(roomId, { ...known, bumped })
    }
    this.#known.drop(news.changes.filter(({ type }) => traitTypes.has(type)).map(({ roomId }) => roomId))
  }
}

const traitsOf = (row: RoomTraitsRow): RoomTraits => ({
  bumped: row.bumped ?? 0,
  name: row.name ?? undefined,
  isEncrypted: row.encryption !== null,
  roomType: row.room_type ?? undefined,
})
