/**
 * Sticky events are told for some time to everybody in the room, also where they are not in the timeline that somebody gets.
 * https://github.com/matrix-org/matrix-spec-proposals/pull/4354
 */
import type { EventId, RoomId } from '../../core/ids.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Background, Service } from '../../platform/lifecycle.ts'
import { Lru } from '../../platform/lru.ts'
import type { Database, Tx } from '../../storage/database.ts'
import { type StoredEvent, maxStickyMs } from '../../storage/events.ts'
import {
  addStickyEvents,
  listKeptBack,
  listStickyEvents,
  removeExpiredSticky,
  type StickyRange,
} from '../../storage/sticky-events.ts'
import type { Streams } from '../../storage/streams.ts'
import { isAllowedNow } from './allowed-now.ts'
import type { Companion } from './commit.ts'
import type { EventCache } from './event-cache.ts'
import type { Members } from './members.ts'

export interface StickyParts {
  readonly database: Database
  readonly streams: Streams
  readonly clock: Clock
  readonly background: Background
  readonly events: EventCache
  readonly members: Pick<Members, 'isLocal'>
}

export interface StickyPlace {
  readonly streamId: number
  readonly event: StoredEvent
}

const SWEEP_MS = 60 * 60_000
/** Events that are kept back: rooms, and of each the latest. */
const MAX_ROOMS = 1_000
const MAX_KEPT_BACK = 100

export class StickyEvents implements Companion, Service {
  readonly name = 'sticky events'
  readonly #parts: StickyParts
  readonly #keptBack = new Lru<RoomId, readonly StoredEvent[]>(MAX_ROOMS)
  /** Rooms whose events from before the start were looked for. */
  readonly #looked = new Lru<RoomId, true>(MAX_ROOMS)
  readonly #startedTs: number
  #sweeping: Promise<void> = Promise.resolve()

  constructor(parts: StickyParts) {
    this.#parts = parts
    this.#startedTs = parts.clock.now()
  }

  async write(tx: Tx, events: readonly StoredEvent[]): Promise<void> {
    await this.#add(tx, events)
    const changed = new Set(events.filter(({ row }) => row.state_key !== null).map(({ roomId }) => roomId))
    for (const roomId of changed) {
      if (this.#keptBack.has(roomId) || this.#mayHaveOlder(roomId)) tx.onCommit(() => this.#reconsiderLater(roomId))
    }
  }

  /** What a room does not allow it may allow later, and then the event may still last. */
  keptBack(tx: Tx, events: readonly StoredEvent[]): void {
    const sticky = events.filter(({ stickyMs }) => stickyMs > 0)
    tx.onCommit(() => {
      for (const event of sticky) {
        const others = this.#keptBack.get(event.roomId) ?? []
        this.#keptBack.set(event.roomId, [...others, event].slice(-MAX_KEPT_BACK))
      }
    })
  }

  /** A clock that is ahead makes nothing last longer, and an event that came late has not as long any more. */
  async #add(tx: Tx, events: readonly StoredEvent[]): Promise<void> {
    const { clock, streams, members } = this.#parts
    const now = clock.now()
    const sticky = events.filter((event) => expiryOf(event, now) > now)
    if (sticky.length === 0) return
    const rooms = [...new Set(sticky.map(({ roomId }) => roomId))]
    const first = streams.reserve(tx, 'sticky_events', sticky.length, { rooms })
    await addStickyEvents(
      tx,
      sticky.map((event, index) => ({
        stream_id: first + index,
        event_nid: event.row.nid,
        event_id: event.eventId,
        room_id: event.roomId,
        is_local: Number(members.isLocal(event.row.sender)),
        expires_ts: expiryOf(event, now),
      })),
    )
  }

  #reconsiderLater(roomId: RoomId): void {
    this.#parts.background.run('look again at what was kept back', async () => {
      const { database } = this.#parts
      const events = await this.#allKeptBack(roomId)
      this.#keptBack.delete(roomId)
      const verdicts = await Promise.all(events.map((event) => isAllowedNow(database, event)))
      const [allowed, others] = [true, false].map((wanted) => events.filter((_, index) => verdicts[index] === wanted))
      const since = this.#keptBack.get(roomId) ?? []
      if (others && others.length > 0) this.#keptBack.set(roomId, [...others, ...since].slice(-MAX_KEPT_BACK))
      if (allowed && allowed.length > 0) {
        await database.transaction('tell what was kept back', (tx) => this.#add(tx, allowed))
      }
    })
  }

  /** Whether something may last that another run of the server kept back. */
  #mayHaveOlder(roomId: RoomId): boolean {
    return this.#parts.clock.now() < this.#startedTs + maxStickyMs && !this.#looked.has(roomId)
  }

  async #allKeptBack(roomId: RoomId): Promise<StoredEvent[]> {
    const { database, clock } = this.#parts
    const known = new Map<EventId, StoredEvent>()
    if (this.#mayHaveOlder(roomId)) {
      this.#looked.set(roomId, true)
      for (const event of await listKeptBack(database, roomId, clock.now() - maxStickyMs, MAX_KEPT_BACK)) {
        if (event.stickyMs > 0) known.set(event.eventId, event)
      }
    }
    for (const event of this.#keptBack.get(roomId) ?? []) known.set(event.eventId, event)
    return [...known.values()]
  }

  /** Those of the range that last, the oldest first. What was redacted does not any more. */
  async list(roomIds: readonly RoomId[], range: Omit<StickyRange, 'now'>): Promise<StickyPlace[]> {
    const { database, clock, events } = this.#parts
    if (roomIds.length === 0 || range.after >= range.upto) return []
    const rows = await listStickyEvents(database, roomIds, { ...range, now: clock.now() })
    if (rows.length === 0) return []
    const known = await events.list(rows.map(({ event_id }) => event_id))
    return rows.flatMap(({ stream_id: streamId, event_id: eventId }) => {
      const event = known.get(eventId)
      return event ? [{ streamId, event }] : []
    })
  }

  async start(signal: AbortSignal): Promise<void> {
    this.#sweeping = this.#parts.clock.every(SWEEP_MS, this.name, () => this.#sweep(), signal)
  }

  async stop(): Promise<void> {
    await this.#sweeping
  }

  async #sweep(): Promise<void> {
    const { database, clock, streams } = this.#parts
    await database.transaction('forget sticky events', async (tx) => {
      await streams.remember(tx, 'sticky_events')
      await removeExpiredSticky(tx, clock.now())
    })
  }
}

/** When it is told no more, in milliseconds since the epoch; 0 for an event that is not sticky. */
function expiryOf({ stickyMs, row }: StoredEvent, receivedTs: number): number {
  return stickyMs === 0 ? 0 : Math.min(row.origin_server_ts, receivedTs) + Math.min(stickyMs, maxStickyMs)
}
