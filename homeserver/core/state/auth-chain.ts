/**
 * Walks along `auth_events`, and the sets of events state resolution takes from them.
 * https://spec.matrix.org/v1.19/rooms/v12/#definitions
 */
import { referenceIds, type IdentifiedPdu, type StateKey } from '../event.ts'
import type { EventId } from '../ids.ts'
import type { RoomVersion } from '../room-version.ts'

export type StateMap = ReadonlyMap<StateKey, EventId>

/** Where resolution finds the events it works on. */
export interface EventSource {
  readonly version: RoomVersion
  readonly fetch: (id: EventId) => IdentifiedPdu | undefined
  /** Whether an event was rejected: such events authorise nothing and do not get into the state. */
  readonly isRejected: (id: EventId) => boolean
}

/** The ids an event cites in `auth_events`; none for an event nobody knows. */
export type AuthLinks = (id: EventId) => readonly EventId[]

export interface Conflict {
  /** What all states agree on. */
  readonly unconflicted: Map<StateKey, EventId>
  /** The events of the conflicted state set. */
  readonly conflicted: Set<EventId>
}

/** Reads the links from the events, each event once. */
export function linksOf({ fetch }: EventSource): AuthLinks {
  const known = new Map<EventId, readonly EventId[]>()
  return (id) => {
    let links = known.get(id)
    if (!links) known.set(id, (links = referenceIds(fetch(id)?.pdu.auth_events ?? [])))
    return links
  }
}

/** Divides states into the unconflicted state map and the conflicted state set. */
export function findConflict(stateSets: readonly StateMap[]): Conflict {
  const [first = new Map<StateKey, EventId>(), ...others] = stateSets
  const unconflicted = new Map<StateKey, EventId>()
  for (const [key, id] of first) if (others.every((other) => other.get(key) === id)) unconflicted.set(key, id)
  const conflicted = new Set<EventId>()
  for (const stateSet of stateSets) for (const [key, id] of stateSet) if (!unconflicted.has(key)) conflicted.add(id)
  return { unconflicted, conflicted }
}

/** Everything reachable along the links, the roots included, each once; one root's chain after the other's. */
export function* reachable(roots: Iterable<EventId>, links: AuthLinks): Generator<EventId> {
  const seen = new Set<EventId>()
  const stack: EventId[] = []
  for (const root of roots) {
    for (let id: EventId | undefined = root; id !== undefined; id = stack.pop()) {
      if (seen.has(id)) continue
      seen.add(id)
      yield id
      for (const cited of links(id)) if (!seen.has(cited)) stack.push(cited)
    }
  }
}

/**
 * The full conflicted set: the conflicted state set, the auth difference and, in state resolution 2.1, the conflicted
 * state subgraph. The events of a state count as part of its auth chain.
 */
export function fullConflictedSet(
  stateSets: readonly StateMap[],
  conflict: Conflict,
  links: AuthLinks,
  { subgraph }: { subgraph: boolean },
): Set<EventId> {
  const full = authDifference(stateSets, conflict, links).union(conflict.conflicted)
  return subgraph ? full.union(conflictedSubgraph(conflict.conflicted, links)) : full
}

/** May lack events of the conflicted state set, which the full conflicted set has anyway. */
function authDifference(
  stateSets: readonly StateMap[],
  { unconflicted, conflicted }: Conflict,
  links: AuthLinks,
): Set<EventId> {
  const agreed = new Set(unconflicted.values())
  const linksOfConflict: AuthLinks = (id) => (agreed.has(id) ? [] : links(id))
  const chains = new Map<EventId, number>()
  for (const stateSet of stateSets) {
    const roots = stateSet.values().filter((id) => conflicted.has(id))
    for (const id of reachable(roots, linksOfConflict)) chains.set(id, (chains.get(id) ?? 0) + 1)
  }
  const difference = new Set<EventId>()
  for (const [id, count] of chains)
    if (count < stateSets.length && !agreed.has(id) && !conflicted.has(id)) difference.add(id)

  // The chain of what all agree on is in all chains. It can be the longest walk of all, and often nothing asks for it.
  if (difference.size === 0) return difference
  for (const id of reachable(membersLast(unconflicted), links))
    if (difference.delete(id) && difference.size === 0) break
  return difference
}

/** Memberships are many and lead to little that power levels do not lead to. */
function membersLast(state: StateMap): EventId[] {
  const { members = [], others = [] } = Object.groupBy(state, ([key]) =>
    key.startsWith('m.room.member\0') ? 'members' : 'others',
  )
  return [...others, ...members].map(([, id]) => id)
}

/** All that lies on a way from one conflicted event to another, both ends included. */
function conflictedSubgraph(conflicted: ReadonlySet<EventId>, links: AuthLinks): Set<EventId> {
  const citedBy = new Map<EventId, EventId[]>()
  for (const id of reachable(conflicted, links)) {
    for (const cited of links(id)) {
      const citing = citedBy.get(cited)
      if (citing) citing.push(id)
      else citedBy.set(cited, [id])
    }
  }
  return new Set(reachable(conflicted, (id) => citedBy.get(id) ?? []))
}
