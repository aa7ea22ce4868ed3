/**
 * Group commit: while one transaction commits, what arrives from all rooms waits and goes into the next. Each
 * transaction has few statements, whatever the number of its events.
 */
import { stateKeyOf } from '../../core/event.ts'
import type { RoomId } from '../../core/ids.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Conn, Database, Tx } from '../../storage/database.ts'
import { eventStatus, insertEvents, redactEvent, type StoredEvent } from '../../storage/events.ts'
import { insertRelations } from '../../storage/relations.ts'
import { findMembershipBy, type MembershipRow, setMemberships } from '../../storage/memberships.ts'
import { addPartialEvents, beginPartialRoom } from '../../storage/partial-rooms.ts'
import {
  applyStateChanges,
  type RoomRow,
  type RoomStats,
  setRooms,
  setRoomStats,
  type StateChange,
} from '../../storage/rooms.ts'
import { insertStateGroups, type StateGroup } from '../../storage/state-groups.ts'
import type { Streams } from '../../storage/streams.ts'
import { membershipAfter, membershipRow, stateChangeOf, stateEventOf } from './arrival.ts'
import type { BuiltEvent } from './build.ts'
import type { EventCache } from './event-cache.ts'
import { relationRow, storedEvent } from './event-rows.ts'
import type { EventNews } from './news.ts'
import type { PartialEntry } from './remote-event.ts'
import { writeArrivals } from './write-arrivals.ts'

/** Events of one request: they are committed together or not at all. */
export interface Unit {
  readonly roomId: RoomId
  readonly events: readonly BuiltEvent[]
  /** States that were made for them, beside those of the events. */
  readonly groups?: readonly StateGroup[]
  /** The room after them; undefined for one that we are not in. */
  readonly head: { readonly room: RoomRow; readonly stats: RoomStats } | undefined
  /** The events were judged by a part of the state. */
  readonly isPartial?: boolean
  /** The room is entered by the first of them with a part of its state. */
  readonly partial?: PartialEntry | undefined
}

/** What rooms ask push rules: whom each event notifies, in the form stored with it. Declared here, fulfilled by push. */
export interface PushEvaluation {
  evaluate(conn: Conn, events: readonly BuiltEvent[]): Promise<readonly (string | null)[]>
}

/** Rows that others keep in step with events, such as what has to be sent to other servers. */
export interface Companion {
  write(tx: Tx, events: readonly StoredEvent[]): Promise<void>
  /** Hears of events that are kept back, because the room as it is now does not allow them. */
  keptBack?(tx: Tx, events: readonly StoredEvent[]): void
}

export interface CommitParts {
  readonly database: Database
  readonly streams: Streams
  readonly events: EventCache
  readonly push: PushEvaluation
  readonly clock: Clock
  readonly companions?: readonly Companion[]
}

interface Waiting {
  readonly unit: Unit
  readonly resolve: (events: readonly StoredEvent[]) => void
  readonly reject: (error: unknown) => void
}

/** So that one transaction neither grows without bound nor makes others wait for long. */
const MAX_EVENTS = 500

export class Committer {
  readonly #parts: CommitParts
  readonly #failed: (rooms: ReadonlySet<RoomId>) => void
  readonly #pending = new Map<RoomId, number>()
  #queue: Waiting[] = []
  /** So many at the front of the queue failed together, and are tried one by one. */
  #suspects = 0
  #running = false
  #idleWaiters: (() => void)[] = []

  /** `failed` hears of rooms whose heads are ahead of the database for good. */
  constructor(parts: CommitParts, failed: (rooms: ReadonlySet<RoomId>) => void) {
    this.#parts = parts
    this.#failed = failed
  }

  get waiting(): number {
    return this.#queue.length
  }

  /** Resolves when the events are on disk. Units are committed in the order of the calls. */
  commit(unit: Unit): Promise<readonly StoredEvent[]> {
    return new Promise((resolve, reject) => {
      this.#pending.set(unit.roomId, (this.#pending.get(unit.roomId) ?? 0) + 1)
      this.#queue.push({ unit, resolve, reject })
      if (!this.#running) void this.#run()
    })
  }

  /** Resolves when nothing of the room waits to be committed. */
  async settled(roomId: RoomId): Promise<void> {
    while (this.#pending.has(roomId)) await new Promise<void>((resolve) => this.#idleWaiters.push(resolve))
  }

  async #run(): Promise<void> {
    this.#running = true
    while (this.#queue.length > 0) {
      let batch: Waiting[] = []
      try {
        const stored = await this.#parts.database.transaction('persist events', async (tx) => {
          if (batch.length === 0) batch = this.#take() // a second try takes the same
          return await this.#write(
            tx,
            batch.map(({ unit }) => unit),
          )
        })
        let at = 0
        for (const { unit, resolve } of batch) resolve(stored.slice(at, (at += unit.events.length)))
      } catch (error) {
        if (batch.length === 0) batch = this.#take()
        if (batch.length > 1) {
          this.#suspects = batch.length
          this.#queue.unshift(...batch.splice(0))
        } else this.#fail(batch, error)
      }
      for (const { unit } of batch) this.#done(unit.roomId)
      for (const resolve of this.#idleWaiters.splice(0)) resolve()
    }
    this.#running = false
  }

  #take(): Waiting[] {
    if (this.#suspects > 0) {
      this.#suspects--
      return this.#queue.splice(0, 1)
    }
    let events = 0
    const end = this.#queue.findIndex(({ unit }) => (events += unit.events.length) > MAX_EVENTS)
    return this.#queue.splice(0, end < 0 ? this.#queue.length : Math.max(1, end))
  }

  /** What waits was built on what failed, so it fails as well. */
  #fail(batch: Waiting[], error: unknown): void {
    const rooms = new Set(batch.map(({ unit }) => unit.roomId))
    batch.push(...this.#queue.filter(({ unit }) => rooms.has(unit.roomId)))
    this.#queue = this.#queue.filter(({ unit }) => !rooms.has(unit.roomId))
    this.#failed(rooms)
    for (const { reject } of batch) reject(error)
  }

  #done(roomId: RoomId): void {
    const left = (this.#pending.get(roomId) ?? 1) - 1
    if (left > 0) this.#pending.set(roomId, left)
    else this.#pending.delete(roomId)
  }

  async #write(tx: Tx, units: readonly Unit[]): Promise<StoredEvent[]> {
    const { streams, push, events: cache, companions = [] } = this.#parts
    const built = units.flatMap((unit) => unit.events)
    const shown = built.filter(isShown)
    const columns = await push.evaluate(tx, shown)
    const notified = new Map(shown.map((event, index) => [event, columns[index] ?? null]))
    const heads = new Map(units.flatMap(({ roomId, head }) => (head ? [[roomId, head] as const] : []))) // the last of each
    let stored: StoredEvent[] = []
    tx.onCommit(() => {
      for (const event of stored) cache.put(event)
    })
    const news: { [Part in keyof EventNews]: EventNews[Part][number][] } = {
      events: [],
      changes: [],
      memberships: [],
      redacted: [],
    }
    const keys = { rooms: [...new Set(shown.map(({ roomId }) => roomId))], users: shown.flatMap(usersOf) }
    let next = shown.length > 0 ? streams.reserve(tx, 'events', shown.length, keys, news satisfies EventNews) : 0
    const memberships = new Map<string, MembershipRow>()
    stored = built.map((event) => {
      if (!notified.has(event)) return storedEvent(event, null, null)
      const streamId = next++
      news.changes.push(...changesOf(event, streamId))
      for (const row of membershipsOf(event, streamId)) memberships.set(`${row.room_id} ${row.user_id}`, row)
      return storedEvent(event, streamId, notified.get(event) ?? null)
    })
    const visible = stored.filter(({ row }) => row.stream_id !== null)
    news.events.push(...visible)
    news.memberships.push(...memberships.values())

    await insertStateGroups(
      tx,
      units.flatMap(({ groups = [], events }) => [...groups, ...events.flatMap(({ newGroup }) => newGroup ?? [])]),
    )
    await insertEvents(
      tx,
      stored.filter((_, index) => built[index]?.arrival?.isStored !== true).map(({ row }) => row),
    )
    await insertRelations(
      tx,
      visible.flatMap((event) => relationRow(event) ?? []),
    )
    await applyStateChanges(tx, news.changes)
    await setMemberships(tx, news.memberships)
    if (heads.size > 0) {
      await setRooms(
        tx,
        [...heads.values()].map(({ room }) => room),
      )
    }
    const moved = new Set(
      built.filter(({ newGroup, redaction, arrival }) => newGroup ?? redaction ?? arrival).map(({ roomId }) => roomId),
    )
    await setRoomStats(
      tx,
      [...heads].filter(([roomId]) => moved.has(roomId)).map(([, { stats }]) => stats),
    )
    for (const { roomId, redaction } of built) {
      if (!redaction) continue
      await redactEvent(tx, redaction)
      news.redacted.push(redaction.eventId)
      const membership = await findMembershipBy(tx, roomId, redaction.eventId)
      if (membership) news.memberships.push(membership) // without the name that it showed
    }
    if (built.some(({ arrival }) => arrival)) await writeArrivals(tx, built, stored)
    for (const unit of units) if (unit.isPartial) await writePartial(tx, unit, this.#parts.clock.now())
    const keptBack = stored.filter(({ row }) => row.status === eventStatus.softFailed)
    for (const companion of companions) {
      await companion.write(tx, visible)
      if (keptBack.length > 0) companion.keptBack?.(tx, keptBack)
    }
    return stored
  }
}

/** Whether clients get to see the event: only these have a place in the stream. */
function isShown({ arrival }: BuiltEvent): boolean {
  return !arrival || arrival.status === eventStatus.accepted
}

/** What has to be judged again when the rest of the state is there. */
async function writePartial(tx: Tx, { roomId, events, partial }: Unit, now: number): Promise<void> {
  const [first] = events
  if (first && partial) await beginPartialRoom(tx, { ...partial, roomId, eventId: first.eventId }, now)
  await addPartialEvents(
    tx,
    events.map(({ nid, arrival }) => ({ roomId, nid, toldGroup: arrival?.toldGroup })),
  )
}

function changesOf(event: BuiltEvent, streamId: number): StateChange[] {
  const { arrival, pdu, roomId, nid, replacesNid } = event
  if (arrival) return arrival.changes.map((change) => stateChangeOf(change, event, streamId))
  if (pdu.state_key === undefined) return []
  return [{ roomId, streamId, type: pdu.type, stateKey: pdu.state_key, nid, prevNid: replacesNid }]
}

function membershipsOf(event: BuiltEvent, streamId: number): MembershipRow[] {
  const { arrival, nid } = event
  if (arrival && !arrival.strippedState) {
    return arrival.changes.flatMap((change) => membershipAfter(change, streamId) ?? [])
  }
  const made = stateEventOf(nid, event)
  const row = made && membershipRow(made, streamId)
  return row ? [row] : []
}

/** Whose membership an event changes. */
function usersOf({ arrival, pdu }: BuiltEvent): string[] {
  if (!arrival || arrival.strippedState) return pdu.type === 'm.room.member' ? [pdu.state_key ?? ''] : []
  return arrival.changes.flatMap(({ key }) => (key.startsWith(memberPrefix) ? [key.slice(memberPrefix.length)] : []))
}

const memberPrefix = stateKeyOf('m.room.member', '')
