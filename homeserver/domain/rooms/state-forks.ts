/** One state out of several, where the history of a room has forked; and states that other servers tell. */
import type { StateKey } from '../../core/event.ts'
import type { EventId, RoomId } from '../../core/ids.ts'
import type { RoomVersion } from '../../core/room-version.ts'
import { Lru } from '../../platform/lru.ts'
import type { Database } from '../../storage/database.ts'
import { eventStatus } from '../../storage/events.ts'
import type { StateEntry, StateGroup, StateGroups, StateMap } from '../../storage/state-groups.ts'
import type { RoomHead } from './head.ts'
import { authIds, type KnownEvent } from './known-events.ts'
import { MissingEventsError, type ResolvableEvent, type StateResolver } from './resolve-state.ts'
import type { StateReader } from './state-reader.ts'

export interface StateForkParts {
  readonly database: Database
  readonly reader: StateReader
  readonly groups: StateGroups
  readonly resolver: StateResolver
  readonly nextNid: () => number
}

/** The room a state is of; `head` knows the events that are not on disk yet. */
export interface ForkedRoom {
  readonly roomId: RoomId
  readonly version: RoomVersion
  readonly head: RoomHead | undefined
}

type Loaded = Map<EventId, ResolvableEvent | undefined>

const MAX_RESOLVED = 5_000
const MAX_ROUNDS = 4

export class StateForks {
  readonly #parts: StateForkParts
  /** What groups were resolved to. Groups never change. */
  readonly #resolved = new Lru<string, number>(MAX_RESOLVED)
  /** Groups that are to be stored with the next event of their room. */
  readonly #made = new Map<RoomId, StateGroup[]>()

  constructor(parts: StateForkParts) {
    this.#parts = parts
  }

  /** The groups made for a room since: whoever commits its next event stores them. */
  take(roomId: RoomId): readonly StateGroup[] {
    const made = this.#made.get(roomId) ?? []
    this.#made.delete(roomId)
    return made
  }

  /** What was made for rooms may never get to the disk. */
  forget(rooms: Iterable<RoomId>): void {
    for (const roomId of rooms) this.#made.delete(roomId)
    this.#resolved.clear()
  }

  /** The group of the state that these groups resolve to. `extra` is an event that is on its way into the room. */
  async merge(room: ForkedRoom, groupIds: readonly number[], extra?: ResolvableEvent): Promise<number> {
    const distinct = [...new Set(groupIds)].toSorted((a, b) => a - b)
    const [first] = distinct
    if (first === undefined) throw new TypeError('No states are no state')
    if (distinct.length === 1) return first
    const key = distinct.join(' ')
    const known = this.#resolved.get(key)
    if (known !== undefined) return known
    const states = await Promise.all(distinct.map((id) => this.#parts.reader.whole(id)))
    const loaded: Loaded = new Map(extra ? [[extra.eventId, extra]] : [])
    const merged = await this.#resolve(room, states, loaded)
    const same = states.findIndex((state) => changesBetween(state, merged).size === 0)
    const group = distinct[same] ?? (await this.groupOf(room.roomId, merged, distinct.at(-1)))
    this.#resolved.set(key, group)
    return group
  }

  /** A group with this state, stored as what sets it apart from `near` if that is less. */
  async groupOf(roomId: RoomId, state: StateMap, near: number | undefined): Promise<number> {
    const { database, reader, groups, nextNid } = this.#parts
    const before: StateMap = near === undefined ? new Map() : await reader.whole(near)
    const changes = changesBetween(before, state)
    if (near !== undefined && changes.size === 0) return near
    const isNear = near !== undefined && changes.size * 2 < state.size
    const removed = new Map<StateKey, number>()
    for (const [key, entry] of changes) if (!entry) removed.set(key, before.get(key)?.nid ?? 0)
    const id = nextNid()
    const group = isNear
      ? await groups.derive(database, { id, roomId, prevId: near, changes, removed })
      : await groups.derive(database, { id, roomId, prevId: undefined, changes: state })
    this.#made.set(roomId, [...(this.#made.get(roomId) ?? []), group])
    return id
  }

  /** Loads what the resolution asks for, which is seldom all there is. */
  async #resolve(room: ForkedRoom, states: readonly StateMap[], loaded: Loaded): Promise<StateMap> {
    const sets = states.map((state) => new Map([...state].map(([key, { eventId }]) => [key, eventId])))
    await this.#loadChains(room, loaded, conflictedIn(sets))
    for (let round = 0; ; round++) {
      try {
        const isStrict = round < MAX_ROUNDS
        const resolved = await this.#parts.resolver.resolve({ version: room.version, sets, events: loaded, isStrict })
        return entriesOf(resolved, states, loaded)
      } catch (error) {
        if (!(error instanceof MissingEventsError)) throw error
        const all = sets.flatMap((set) => [...set])
        const some = round === 0 ? all.filter(([key]) => !key.startsWith('m.room.member\0')) : all
        await this.#loadChains(room, loaded, [...error.eventIds, ...some.map(([, id]) => id)])
      }
    }
  }

  /** Brings the events and all they rest on into `loaded`; what is not here as undefined. */
  async #loadChains({ head, version }: ForkedRoom, loaded: Loaded, roots: Iterable<EventId>): Promise<void> {
    let open = new Set(roots)
    while (open.size > 0) {
      const wanted = [...open].filter((id) => !loaded.has(id))
      const found = await this.#parts.reader.list(head, wanted)
      for (const id of wanted) loaded.set(id, asResolvable(found.get(id)))
      const next = new Set<EventId>()
      for (const id of open) {
        const event = loaded.get(id)
        for (const cited of event ? authIds(event, version) : []) if (!loaded.has(cited)) next.add(cited)
      }
      open = next
    }
  }
}

function asResolvable(event: KnownEvent | undefined): ResolvableEvent | undefined {
  if (!event) return undefined
  const { eventId, roomId, nid, json, status } = event
  return {
    eventId,
    roomId,
    nid,
    json,
    isRejected: status === eventStatus.rejected,
    get pdu() {
      return event.pdu
    },
  }
}

/** What was chosen, with the interned ids. */
function entriesOf(
  resolved: ReadonlyMap<StateKey, EventId>,
  states: readonly StateMap[],
  loaded: Loaded,
): Map<StateKey, StateEntry> {
  const entries = new Map<StateKey, StateEntry>()
  for (const [key, eventId] of resolved) {
    const listed = states.map((state) => state.get(key)).find((entry) => entry?.eventId === eventId)
    const nid = listed?.nid ?? loaded.get(eventId)?.nid
    if (nid !== undefined) entries.set(key, { nid, eventId })
  }
  return entries
}

function conflictedIn(sets: readonly ReadonlyMap<StateKey, EventId>[]): Set<EventId> {
  const conflicted = new Set<EventId>()
  const keys = new Set(sets.flatMap((set) => [...set.keys()]))
  for (const key of keys) {
    const ids = new Set(sets.map((set) => set.get(key)))
    if (ids.size > 1) for (const id of ids) if (id !== undefined) conflicted.add(id)
  }
  return conflicted
}

/** What makes the second state of the first; undefined takes a key away. */
export function changesBetween(before: StateMap, after: StateMap): Map<StateKey, StateEntry | undefined> {
  const changes = new Map<StateKey, StateEntry | undefined>()
  for (const [key, entry] of after) if (before.get(key)?.eventId !== entry.eventId) changes.set(key, entry)
  for (const key of before.keys()) if (!after.has(key)) changes.set(key, undefined)
  return changes
}
