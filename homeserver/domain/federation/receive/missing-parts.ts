/**
 * Gets what an event needs before it can be placed: the events it cites, its parents, or at a gap the state before it.
 * Bounded in time and number, whatever other servers say (T50).
 */
import { MatrixError } from '../../../core/errors.ts'
import { referenceIds } from '../../../core/event.ts'
import { unusable } from '../federation-error.ts'
import type { EventId, RoomId, ServerName } from '../../../core/ids.ts'
import type { RoomVersion } from '../../../core/room-version.ts'
import type { Database } from '../../../storage/database.ts'
import { findRoom } from '../../../storage/rooms.ts'
import { type EventOutline, eventStatus, listOutlines, listStatuses } from '../../../storage/events.ts'
import type { EventCache } from '../../rooms/event-cache.ts'
import type { Receipt, RemoteEvent, ToldState } from '../../rooms/remote-event.ts'
import type { RoomWriter } from '../../rooms/writer.ts'
import type { RemoteHistory } from './remote-history.ts'
import type { RoomsHere } from './rooms-here.ts'

export interface MissingPartsParts {
  readonly database: Database
  readonly events: EventCache
  readonly writer: RoomWriter
  readonly rooms: RoomsHere
  readonly remote: RemoteHistory
}

/** For everything that one event needs. */
const TIMEOUT_MS = 30_000
/** Events asked for between what we have and what has come. */
const MAX_MISSING = 20
/** Events that are fetched one by one; of more the whole state is asked for. */
const MAX_SINGLE = 60
const AT_ONCE = 8

/** Which server is asked about which room. */
export interface Place {
  readonly origin: ServerName
  readonly roomId: RoomId
  readonly version: RoomVersion
  readonly signal: AbortSignal
}

export class MissingParts {
  readonly #parts: MissingPartsParts

  constructor(parts: MissingPartsParts) {
    this.#parts = parts
  }

  /** Brings an event in that did not come with all it needs. Throws `MatrixError` where that cannot be had. */
  async complete(origin: ServerName, event: RemoteEvent, signal: AbortSignal): Promise<Receipt> {
    const { roomId } = event
    const version = await this.#parts.rooms.versionOf(roomId)
    if (!version) throw unusable(origin, 'sent an event of a room that is not here')
    const limited = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)])
    const place = { origin, roomId, version, signal: limited }
    let receipt = await this.#withAuth(place, event)
    if (receipt.status !== 'missing') return receipt
    await this.#fillGap(place, event)
    receipt = await this.#withAuth(place, event)
    // It would be all we know of the room's present, on the word of one server (T33); and whoever sends an event has its parents.
    return receipt.status === 'missing' ? { status: 'rejected', reason: 'Its parents are withheld' } : receipt
  }

  /** Fetches the events that this one cites, if they are what it lacks. */
  async #withAuth(place: Place, event: RemoteEvent, told?: ToldState): Promise<Receipt> {
    const { writer, remote } = this.#parts
    const { roomId, version } = place
    const receipt = await writer.receive(roomId, event, told)
    if (receipt.status !== 'missing-auth') return receipt
    const chain = await remote.authChain(place, event.eventId).catch(() => [])
    const given = new Set(chain.map(({ eventId }) => eventId))
    const others = await this.fetch(
      place,
      receipt.authEvents.filter((id) => !given.has(id)),
    )
    await writer.storeOutliers(roomId, version, [...chain, ...others])
    return await writer.receive(roomId, event, told)
  }

  /** Asks for the events between those we have and this one. What comes is received as if it had been sent. */
  async #fillGap(place: Place, event: RemoteEvent): Promise<void> {
    const { database, remote } = this.#parts
    const room = await findRoom(database, place.roomId)
    const earliest = room?.extremities.map(({ eventId }) => eventId) ?? []
    const limits = { latest: [event.eventId], earliest, limit: MAX_MISSING }
    const between = await remote.missingEvents(place, limits).catch(() => [])
    for (const each of between.toSorted((a, b) => a.pdu.depth - b.pdu.depth)) {
      if (each.eventId === event.eventId) continue
      const receipt = await this.#withAuth(place, each)
      if (receipt.status !== 'missing') continue
      const told = await this.#stateBefore(place, each, receipt.prevEvents)
      await this.#withAuth(place, each, told)
    }
  }

  /**
   * The state before an event some of whose parents nobody has sent, or after the one that is missing: it is resolved
   * here with what is after the others. A server may know only the one or the other.
   */
  async #stateBefore(place: Place, event: RemoteEvent, missing: readonly EventId[]): Promise<ToldState> {
    const [parentId, ...more] = missing
    if (parentId === undefined || more.length > 0) return await this.stateAt(place, event.eventId)
    try {
      return await this.stateAt(place, parentId, { after: true })
    } catch (error) {
      if (!(error instanceof MatrixError) || referenceIds(event.pdu.prev_events).length === 1) throw error
      return await this.stateAt(place, event.eventId)
    }
  }

  /**
   * The state before an event, or after it, as the server has it. Its events are stored as outliers. What cannot be had
   * is left out; where that would be all that is known of a room, `thorough` asks for the whole if one event is missing,
   * and sooner than for single events.
   */
  async stateAt(
    place: Place,
    at: EventId,
    { after = false, thorough = false }: { readonly after?: boolean; readonly thorough?: boolean } = {},
  ): Promise<ToldState> {
    const { database, remote, writer } = this.#parts
    const { stateIds, authIds } = await remote.stateIds(place, at)
    const wanted = new Set([...authIds, ...stateIds, ...(after ? [at] : [])])
    const known = await listStatuses(database, [...wanted])
    const absent = [...wanted].filter((id) => !known.has(id))
    const areFew = absent.length <= (thorough ? AT_ONCE : MAX_SINGLE)
    const single = areFew ? await this.fetch(place, absent) : []
    const isEnough = areFew && (!thorough || single.length === absent.length)
    const [rest] = await Promise.all([
      isEnough ? single : after ? this.fetch(place, [at]) : [],
      isEnough ? undefined : this.#storeState(place, at),
    ])
    await writer.storeOutliers(place.roomId, place.version, rest)
    const stored = await listOutlines(database, [...stateIds, at])
    const state = stateIds.flatMap((id) => stored.get(id) ?? [])
    return { stateBefore: stateAfter(state, after ? stored.get(at) : undefined) }
  }

  /** Stores what is told of a state while the rest of it is verified. */
  async #storeState(place: Place, at: EventId): Promise<void> {
    const { remote, writer } = this.#parts
    using told = await remote.state(place, at)
    for await (const events of told.verified()) {
      await writer.storeOutliers(place.roomId, place.version, events)
    }
  }

  /** Those of the events that the server gives. */
  async fetch(place: Place, ids: readonly EventId[]): Promise<RemoteEvent[]> {
    const left = ids.slice(0, MAX_SINGLE * 2).values()
    const found: RemoteEvent[] = []
    const work = async (): Promise<void> => {
      for (const id of left) {
        const event = await this.#parts.remote.event(place, id).catch(() => undefined)
        if (event) found.push(event)
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, work))
    return found
  }
}

/** A state with the event it is the state before, unless that was rejected. */
function stateAfter(state: readonly EventOutline[], last: EventOutline | undefined): EventId[] {
  const event = last?.status === eventStatus.rejected ? undefined : last
  const { type, state_key: stateKey = null } = event ?? {}
  const kept = state.filter((row) => stateKey === null || row.type !== type || row.state_key !== stateKey)
  return [...kept, ...(event ? [event] : [])].map(({ event_id: id }) => id)
}
