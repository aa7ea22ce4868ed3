/**
 * Gets the rest of the state of rooms that were joined with a part of it, from one server after the other, until one has
 * told it: also after a restart. https://spec.matrix.org/v1.19/server-server-api/#resyncing-the-room-state-after-a-partial-state-join
 */
import { MatrixError } from '../../../core/errors.ts'
import { referenceIds } from '../../../core/event.ts'
import { type EventId, type RoomId, type ServerName, serverNameOf } from '../../../core/ids.ts'
import type { Clock } from '../../../platform/clock.ts'
import type { Service } from '../../../platform/lifecycle.ts'
import { logger } from '../../../platform/log.ts'
import type { Metrics } from '../../../platform/metrics.ts'
import { Slots } from '../../../platform/slots.ts'
import type { Database } from '../../../storage/database.ts'
import type { StoredEvent } from '../../../storage/events.ts'
import { listPartialJoins } from '../../../storage/partial-rooms.ts'
import { findStateEvent } from '../../../storage/rooms.ts'
import type { EventCache } from '../../rooms/event-cache.ts'
import type { Members } from '../../rooms/members.ts'
import type { PartialRooms } from '../../rooms/partial-rooms.ts'
import type { ToldState } from '../../rooms/remote-event.ts'
import { isOpenHistory, visibilityOf } from '../../rooms/visibility.ts'
import type { RoomWriter } from '../../rooms/writer.ts'
import type { MissingParts, Place } from '../receive/missing-parts.ts'
import type { RoomsHere } from '../receive/rooms-here.ts'
import type { ToldChanges } from '../device-lists/told-changes.ts'
import type { RoomServers } from '../room-servers.ts'

export interface ResyncParts {
  readonly database: Database
  readonly clock: Clock
  readonly metrics: Metrics
  readonly events: EventCache
  readonly members: Members
  readonly writer: RoomWriter
  readonly partialRooms: PartialRooms
  readonly roomServers: RoomServers
  readonly rooms: RoomsHere
  readonly missing: MissingParts
  readonly toldChanges: Pick<ToldChanges, 'makeUpFor'>
}

const log = logger('federation')

/** Rooms at once: each may have the state of a large room in memory. */
const ROOMS_AT_ONCE = 8
const MAX_WAITING = 100_000
/** Servers asked in one round. */
const MAX_SERVERS = 20
/** For one server's answer. */
const TIMEOUT_MS = 5 * 60_000
/** Between rounds, twice as long after each. */
const FIRST_WAIT_MS = 5_000
const LAST_WAIT_MS = 30 * 60_000

interface Task {
  /** The room was joined again meanwhile. */
  isHurried: boolean
  /** Ends the wait before the next round. */
  hurry: () => void
  done: Promise<void>
}

export class Resync implements Service {
  readonly name = 'resync of partial rooms'
  readonly #parts: ResyncParts
  readonly #slots = new Slots({ perKey: ROOMS_AT_ONCE, maxWaiting: MAX_WAITING })
  readonly #tasks = new Map<RoomId, Task>()
  #signal: AbortSignal | undefined

  constructor(parts: ResyncParts) {
    this.#parts = parts
    const count = (): number => parts.partialRooms.list().length
    parts.metrics.observed('fed_partial_rooms', 'Rooms that wait for the rest of their state', 'gauge', count)
  }

  start(signal: AbortSignal): Promise<void> {
    this.#signal = signal
    this.#parts.partialRooms.onBegin((roomId) => this.#wake(roomId))
    for (const { roomId } of this.#parts.partialRooms.list()) this.#wake(roomId)
    return Promise.resolve()
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#tasks.values()].map(({ done }) => done))
  }

  #wake(roomId: RoomId): void {
    const signal = this.#signal
    if (!signal || signal.aborted) return
    const running = this.#tasks.get(roomId)
    if (running) {
      running.isHurried = true
      return running.hurry()
    }
    const task: Task = { isHurried: false, hurry: () => undefined, done: Promise.resolve() }
    this.#tasks.set(roomId, task)
    task.done = this.#work(roomId, task, signal).finally(() => this.#tasks.delete(roomId))
  }

  async #work(roomId: RoomId, task: Task, signal: AbortSignal): Promise<void> {
    const { clock, members, partialRooms } = this.#parts
    for (let round = 0; !signal.aborted; round++) {
      task.isHurried = false
      try {
        await this.#slots.run('', () => this.#round(roomId, round, signal), signal)
      } catch (error) {
        if (signal.aborted) return
        log.error({ roomId, error }, 'a room stays without a part of its state')
      }
      // Servers tell nothing to those who have left; whoever joins again begins again.
      if (!partialRooms.has(roomId) || (!(await members.hasLocal(roomId)) && !task.isHurried)) return
      const wait = Math.min(FIRST_WAIT_MS * 2 ** Math.min(round, 20), LAST_WAIT_MS)
      const hurry = new AbortController()
      task.hurry = () => hurry.abort()
      await clock.sleep(wait, AbortSignal.any([signal, hurry.signal])).catch(() => undefined) // a stop ends the loop
    }
  }

  /** Asks servers one after the other: those that let us in, and each time some of the others. */
  async #round(roomId: RoomId, round: number, signal: AbortSignal): Promise<void> {
    const { database, members, roomServers, partialRooms, rooms } = this.#parts
    const version = await rooms.versionOf(roomId)
    if (!version) return
    const joins = await listPartialJoins(database, roomId)
    const present = [...(await roomServers.serversIn(roomId))]
    const turned = present.splice((round * MAX_SERVERS) % Math.max(present.length, 1)).concat(present)
    const servers = new Set([...joins.map(({ toldBy }) => toldBy).toReversed(), ...turned])
    const others = [...servers].filter((server) => !members.isLocal(`@:${server}`)).slice(0, MAX_SERVERS)
    for (const origin of others) {
      if (signal.aborted || !partialRooms.has(roomId)) return
      const limited = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)])
      if (await this.#completeFrom({ origin, roomId, version, signal: limited }, joins)) return
    }
  }

  /** Another server than the one that let us in is not believed where it says something else. */
  async #completeFrom(
    place: Place,
    joins: readonly { readonly event: StoredEvent; readonly toldBy: ServerName }[],
  ): Promise<boolean> {
    const { origin, roomId, signal } = place
    try {
      const told = new Map<EventId, ToldState>()
      for (const { event, toldBy } of joins) {
        if (await this.#isConnected(event)) continue
        const mustAgree = toldBy !== origin
        told.set(event.eventId, { ...(await this.#stateBefore(place, event)), mustAgree })
      }
      await this.#complete(roomId, told)
      log.info({ origin, roomId }, 'a room has its whole state')
      return true
    } catch (error) {
      if (!(error instanceof MatrixError) && signal?.aborted !== true) throw error
      log.info({ origin, roomId, reason: String(error) }, 'no whole state of a room from a server')
      return false
    }
  }

  /** Servers that were there for a while without our knowing may have missed something, also if they have left since. */
  async #complete(roomId: RoomId, told: ReadonlyMap<EventId, ToldState>): Promise<void> {
    const { roomServers, writer, toldChanges } = this.#parts
    const before = await roomServers.serversIn(roomId)
    const moved = await writer.complete(roomId, told)
    const found = (await roomServers.serversIn(roomId)).union(new Set([...moved].map((userId) => serverNameOf(userId))))
    const missed = found.difference(before)
    if (missed.size > 0) await toldChanges.makeUpFor(missed, roomId)
  }

  /**
   * As the state after the event before the join where that is one event, which others may have asked for already. But a
   * room that hides its history would not show it whole.
   */
  async #stateBefore(place: Place, { eventId, roomId, pdu }: StoredEvent): Promise<ToldState> {
    const { database, missing } = this.#parts
    const [parentId, ...others] = referenceIds(pdu.prev_events)
    const rule = visibilityOf(await findStateEvent(database, roomId, 'm.room.history_visibility', ''))
    return parentId !== undefined && others.length === 0 && isOpenHistory(rule)
      ? await missing.stateAt(place, parentId, { after: true, thorough: true })
      : await missing.stateAt(place, eventId, { thorough: true })
  }

  /** Whether what came before the event is in the room here, as after having left for a while. */
  async #isConnected({ pdu }: StoredEvent): Promise<boolean> {
    const parents = referenceIds(pdu.prev_events)
    const known = await this.#parts.events.list(parents)
    return parents.every((id) => typeof known.get(id)?.row.state_group === 'number')
  }
}
