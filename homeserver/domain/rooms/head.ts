/**
 * The head of a room: what its next event is built on. Heads of active rooms are in memory, so that a send reads nothing.
 */
import type { StateKey } from '../../core/event.ts'
import type { EventId, RoomId, UserId } from '../../core/ids.ts'
import type { RoomVersion } from '../../core/room-version.ts'
import type { Extremity, RoomRow, RoomStats } from '../../storage/rooms.ts'
import type { StateEntry } from '../../storage/state-groups.ts'
import type { BuiltEvent } from './build.ts'

export class RoomHead {
  readonly roomId: RoomId
  readonly version: RoomVersion
  readonly creator: UserId
  readonly createdTs: number
  extremities: readonly Extremity[]
  /** The group of the current state; undefined in a room without any event. */
  stateGroup: number | undefined
  readonly state: Map<StateKey, StateEntry>
  stats: RoomStats
  /** Events built and not yet committed, by id. */
  readonly uncommitted = new Map<EventId, BuiltEvent>()
  #paused: Promise<void> | undefined

  constructor(row: Omit<RoomRow, 'version'>, version: RoomVersion, state: Map<StateKey, StateEntry>, stats: RoomStats) {
    this.roomId = row.roomId
    this.version = version
    this.creator = row.creator
    this.createdTs = row.createdTs
    this.extremities = row.extremities
    this.stateGroup = row.stateGroup
    this.state = state
    this.stats = stats
  }

  /** While this is there our own users' events wait for it. */
  get paused(): Promise<void> | undefined {
    return this.#paused
  }

  /** Lets nobody send until the result is disposed of. */
  pause(): Disposable {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#paused = promise
    return {
      [Symbol.dispose]: () => {
        this.#paused = undefined
        resolve()
      },
    }
  }

  toRow(): RoomRow {
    const { roomId, creator, createdTs, extremities, stateGroup } = this
    return { roomId, version: this.version.id, creator, createdTs, extremities, stateGroup }
  }

  /** Roughly what it takes in memory, in bytes. */
  get weight(): number {
    return 2_000 + this.state.size * 300
  }
}

/** A head with events on top that may yet be given up: all of a request's events are built before any is kept. */
export class HeadView {
  readonly head: RoomHead
  extremities: readonly Extremity[]
  stateGroup: number | undefined
  stats: RoomStats
  readonly #changes = new Map<StateKey, StateEntry>()
  readonly #events = new Map<EventId, BuiltEvent>()

  constructor(head: RoomHead) {
    this.head = head
    this.extremities = head.extremities
    this.stateGroup = head.stateGroup
    this.stats = head.stats
  }

  entry(key: StateKey): StateEntry | undefined {
    return this.#changes.get(key) ?? this.head.state.get(key)
  }

  setEntry(key: StateKey, entry: StateEntry): void {
    this.#changes.set(key, entry)
  }

  addEvent(event: BuiltEvent): void {
    this.#events.set(event.eventId, event)
  }

  /** An event that is not committed yet. */
  uncommitted(eventId: EventId): BuiltEvent | undefined {
    return this.#events.get(eventId) ?? this.head.uncommitted.get(eventId)
  }

  /** Makes the events on top part of the head. */
  keep(): void {
    const { head } = this
    head.extremities = this.extremities
    head.stateGroup = this.stateGroup
    head.stats = this.stats
    for (const [key, entry] of this.#changes) head.state.set(key, entry)
    for (const [id, event] of this.#events) head.uncommitted.set(id, event)
  }
}

/** What is known of a room before its first event. */
export function emptyStats(roomId: RoomId): RoomStats {
  return {
    room_id: roomId,
    name: null,
    topic: null,
    canonical_alias: null,
    avatar_url: null,
    room_type: null,
    join_rule: null,
    history_visibility: null,
    guest_access: null,
    encryption: null,
    joined_members: 0,
    invited_members: 0,
    federate: 1,
  }
}
