/**
 * For how long what is said in a room is kept: as its state wishes, within what the server allows.
 * https://github.com/matrix-org/matrix-spec-proposals/pull/1763
 */
import type { Config } from '../../../config/schema.ts'
import { badJson } from '../../../core/errors.ts'
import type { JsonObject } from '../../../core/event.ts'
import type { RoomId } from '../../../core/ids.ts'
import type { Bus } from '../../../platform/bus.ts'
import type { Clock } from '../../../platform/clock.ts'
import { ReadCache } from '../../../platform/read-cache.ts'
import type { Database } from '../../../storage/database.ts'
import type { StoredEvent } from '../../../storage/events.ts'
import { currentStateEvents } from '../../../storage/rooms.ts'
import { newsOf } from '../news.ts'

/** The name it is to get, which other servers use already, and that of the proposal. */
export const retentionTypes = ['m.room.retention', 'org.matrix.msc1763.retention'] as const

/** Lifetimes in milliseconds. */
type RetentionSettings = Config['rooms']['retention']

const MAX_ROOMS = 10_000

export class Retention {
  readonly #parts: RetentionParts
  readonly #lifetimes = new ReadCache<RoomId, number>(MAX_ROOMS)

  constructor(parts: RetentionParts) {
    this.#parts = parts
    parts.bus.subscribe((bell) => {
      if (bell.stream !== 'events') return
      const news = newsOf(bell)
      const changed = news ? news.changes.filter(isPolicy).map(({ roomId }) => roomId) : (bell.keys.rooms ?? [])
      this.#lifetimes.drop(changed as RoomId[]) // keys of this stream are ids
    })
  }

  get isOn(): boolean {
    return this.#parts.settings.mode === 'on'
  }

  /** Messages of the room that were sent before this time are shown to nobody and will be deleted; undefined: none. */
  async cutOf(roomId: RoomId): Promise<number | undefined> {
    if (!this.isOn) return undefined
    const lifetime = await this.#lifetimes.of(roomId, () => this.#read(roomId))
    return lifetime === Infinity ? undefined : this.#parts.clock.now() - lifetime
  }

  async #read(roomId: RoomId): Promise<number> {
    const { database, settings } = this.#parts
    const events = await currentStateEvents(database, roomId, retentionTypes)
    const ofRoom = retentionTypes.map((type) => events.find(({ row }) => row.type === type && row.state_key === ''))
    return lifetimeOf(ofRoom.find((event) => event !== undefined)?.pdu.content, settings)
  }
}

export interface RetentionParts {
  readonly database: Database
  readonly bus: Bus
  readonly clock: Clock
  readonly settings: RetentionSettings
}

/** Whether the time of an event is over. State has no end. */
export function isOver({ row }: StoredEvent, cut: number | undefined): boolean {
  return cut !== undefined && row.state_key === null && row.origin_server_ts < cut
}

/** Throws `M_BAD_JSON` for lifetimes that mean nothing. */
export function checkRetention({ content }: { readonly content: JsonObject }): void {
  const { min_lifetime: min, max_lifetime: max } = content
  for (const [name, value] of Object.entries({ min_lifetime: min, max_lifetime: max })) {
    if (value !== undefined && value !== null && !isLifetime(value)) {
      throw badJson(`${name} is a whole number of milliseconds`)
    }
  }
  if (isLifetime(min) && isLifetime(max) && min > max) throw badJson('min_lifetime is greater than max_lifetime')
}

/** In milliseconds; infinite where nothing ends. What the room does not say the server's default says. */
function lifetimeOf(content: JsonObject | undefined, { default: otherwise, min, max }: RetentionSettings): number {
  const { min_lifetime: least, max_lifetime: most } = content ?? {}
  const wished = isLifetime(most) ? most : isLifetime(least) && otherwise ? Math.max(least, otherwise) : undefined
  return wished === undefined ? (otherwise ?? Infinity) : Math.max(min, Math.min(wished, max ?? Infinity))
}

function isLifetime(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0
}

function isPolicy({ type }: { readonly type: string }): boolean {
  return (retentionTypes as readonly string[]).includes(type)
}
