/** Gets the history of rooms from the servers that are in them. https://spec.matrix.org/v1.19/server-server-api/#backfilling-and-retrieving-missing-events */
import { MatrixError } from '../../core/errors.ts'
import { referenceIds } from '../../core/event.ts'
import type { EventId, RoomId } from '../../core/ids.ts'
import { logger } from '../../platform/log.ts'
import { listKnown } from '../rooms/known-events.ts'
import type { EventCache } from '../rooms/event-cache.ts'
import type { HistorySource } from '../rooms/hooks.ts'
import type { Members } from '../rooms/members.ts'
import type { PartialRooms } from '../rooms/partial-rooms.ts'
import type { RemoteEvent, ToldState } from '../rooms/remote-event.ts'
import type { RoomWriter } from '../rooms/writer.ts'
import type { MissingParts, Place } from './receive/missing-parts.ts'
import type { RemoteHistory } from './receive/remote-history.ts'
import type { RoomsHere } from './receive/rooms-here.ts'
import type { RoomServers } from './room-servers.ts'

const log = logger('federation')

export interface BackfillParts {
  readonly events: EventCache
  readonly members: Members
  readonly partialRooms: PartialRooms
  readonly writer: RoomWriter
  readonly roomServers: RoomServers
  readonly rooms: RoomsHere
  readonly remote: RemoteHistory
  readonly missing: MissingParts
}

/** A client waits for it. */
const TIMEOUT_MS = 15_000
const MAX_EVENTS = 100
const MAX_SERVERS = 5
/** Events of one answer whose state has to be asked for: history forks, and not all of it is in the answer. */
const MAX_ROOTS = 5

export class Backfill implements HistorySource {
  readonly #parts: BackfillParts
  /** Whoever asks for the history of a room at the same time gets the same. */
  readonly #running = new Map<RoomId, Promise<boolean>>()

  constructor(parts: BackfillParts) {
    this.#parts = parts
  }

  async fetch(roomId: RoomId, missing: readonly EventId[]): Promise<boolean> {
    const running = this.#running.get(roomId)
    if (running) return await running
    const work = this.#fetch(roomId, missing).finally(() => this.#running.delete(roomId))
    this.#running.set(roomId, work)
    return await work
  }

  async #fetch(roomId: RoomId, missing: readonly EventId[]): Promise<boolean> {
    const { rooms, members, roomServers, partialRooms } = this.#parts
    // What comes before the join may lead to what came after it, and would be judged by a part of the state.
    if (!(await partialRooms.isWhole(roomId, TIMEOUT_MS))) return false
    const version = await rooms.versionOf(roomId)
    // Whoever has left is told nothing any more.
    if (!version || !(await members.hasLocal(roomId))) return false
    const signal = AbortSignal.timeout(TIMEOUT_MS)
    const servers = [...(await roomServers.serversIn(roomId))].filter((server) => !members.isLocal(`@:${server}`))
    for (const origin of servers.slice(0, MAX_SERVERS)) {
      if (signal.aborted) return false
      try {
        if (await this.#fetchFrom({ origin, roomId, version, signal }, missing)) return true
      } catch (error) {
        if (!(error instanceof MatrixError) && !signal.aborted) throw error
        log.info({ origin, roomId, error: String(error) }, 'no history from a server')
      }
    }
    return false
  }

  /** Whether any of it could be placed. */
  async #fetchFrom(place: Place, missing: readonly EventId[]): Promise<boolean> {
    const { remote, writer, events } = this.#parts
    const found = await remote.backfill(place, missing, MAX_EVENTS)
    const placed = await this.#placed(found.flatMap(({ pdu, eventId }) => [eventId, ...referenceIds(pdu.prev_events)]))
    const fresh = found.filter(({ eventId }) => !placed.has(eventId))
    if (fresh.length === 0) return false
    const told = await this.#tellRoots(place, fresh, placed)
    await this.#fetchCited(place, fresh)
    await writer.backfill(place.roomId, fresh, told)
    const after = await listKnown(events, undefined, missing)
    return missing.some((id) => after.get(id)?.stateGroup !== undefined)
  }

  async #placed(ids: readonly EventId[]): Promise<ReadonlySet<EventId>> {
    const known = await listKnown(this.#parts.events, undefined, ids)
    return new Set(
      [...known.values()].filter(({ stateGroup }) => stateGroup !== undefined).map(({ eventId }) => eventId),
    )
  }

  /** The state before those events whose parents are not all there. */
  async #tellRoots(
    place: Place,
    fresh: readonly RemoteEvent[],
    placed: ReadonlySet<EventId>,
  ): Promise<ReadonlyMap<EventId, ToldState>> {
    const here = new Set([...placed, ...fresh.map(({ eventId }) => eventId)])
    const roots = fresh.filter(({ pdu }) => !referenceIds(pdu.prev_events).every((id) => here.has(id)))
    const told = new Map<EventId, ToldState>()
    for (const { eventId } of roots.slice(0, MAX_ROOTS)) {
      told.set(eventId, await this.#parts.missing.stateAt(place, eventId))
    }
    return told
  }

  /** What they cite and nobody has told of. */
  async #fetchCited(place: Place, fresh: readonly RemoteEvent[]): Promise<void> {
    const { events, missing, writer } = this.#parts
    const cited = new Set(fresh.flatMap(({ pdu }) => referenceIds(pdu.auth_events)))
    for (const { eventId } of fresh) cited.delete(eventId)
    const known = await events.list(cited)
    const absent = [...cited].filter((id) => !known.has(id))
    if (absent.length === 0) return
    await writer.storeOutliers(place.roomId, place.version, await missing.fetch(place, absent))
  }
}
