/** Where the history of a room has forked: its forward extremities, and on what their states do not agree. */
import { notFound } from '../../core/errors.ts'
import type { StateKey } from '../../core/event.ts'
import type { EventId, RoomId } from '../../core/ids.ts'
import type { Database } from '../../storage/database.ts'
import type { StoredEvent } from '../../storage/events.ts'
import { currentState, findRoom } from '../../storage/rooms.ts'
import { StateGroups, type StateMap } from '../../storage/state-groups.ts'
import type { EventCache } from './event-cache.ts'

/** A key of the state about which branches say different things. */
interface StateConflict {
  readonly key: StateKey
  /** What counts now; undefined for nothing. */
  readonly current: StoredEvent | undefined
  /** What is so after each of the tips, in their order. */
  readonly said: readonly (StoredEvent | undefined)[]
}

export interface StateBranches {
  readonly version: string
  /** The events that nothing is built on yet, the deepest first. */
  readonly tips: readonly StoredEvent[]
  readonly conflicts: readonly StateConflict[]
}

export interface StateBranchesParts {
  readonly database: Database
  readonly events: EventCache
}

/** Throws `M_NOT_FOUND` for a room that is not here. */
export async function findBranches({ database, events }: StateBranchesParts, roomId: RoomId): Promise<StateBranches> {
  const room = await findRoom(database, roomId)
  if (!room) throw notFound('There is no such room here')
  const known = await events.list(room.extremities.map(({ eventId }) => eventId))
  const tips = [...known.values()].toSorted((one, other) => other.row.depth - one.row.depth)
  const groups = new StateGroups()
  const [current, ...states] = await Promise.all([
    currentState(database, roomId),
    ...tips.map(({ row }) => (row.state_group === null ? new Map() : groups.load(database, row.state_group))),
  ])
  return {
    version: room.version,
    tips,
    conflicts: await conflictsOf(events, current, states),
  }
}

/** On what the states are at odds with each other or with the current one. */
async function conflictsOf(
  events: EventCache,
  current: StateMap,
  states: readonly StateMap[],
): Promise<StateConflict[]> {
  const all = [current, ...states]
  const keys = new Set(all.flatMap((state) => [...state.keys()]))
  const idsOf = (key: StateKey): (EventId | undefined)[] => all.map((state) => state.get(key)?.eventId)
  const odd = [...keys].filter((key) => new Set(idsOf(key)).size > 1).toSorted()
  const known = await events.list(new Set(odd.flatMap(idsOf).filter((id) => id !== undefined)))
  return odd.map((key) => {
    const [now, ...said] = idsOf(key).map((id) => (id === undefined ? undefined : known.get(id)))
    return { key, current: now, said }
  })
}
