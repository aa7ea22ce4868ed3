/**
 * The two orders of state resolution 2. https://spec.matrix.org/v1.19/rooms/v12/#definitions
 */
import type { Level } from '../auth/power-levels.ts'
import type { IdentifiedPdu } from '../event.ts'
import type { EventId } from '../ids.ts'
import type { AuthLinks } from './auth-chain.ts'
import { Heap } from './heap.ts'

/**
 * The reverse topological power ordering: no event before those it cites, else by falling power of the sender,
 * then by time and id. Links to events outside the list do not count.
 */
export function byPowerTopologically(
  events: readonly IdentifiedPdu[],
  links: AuthLinks,
  powerOfSender: (event: IdentifiedPdu) => Level,
): IdentifiedPdu[] {
  const nodes = new Map<EventId, Node>()
  for (const event of events) nodes.set(event.eventId, { event, level: powerOfSender(event), waitsFor: 0, citedBy: [] })
  const ready = new Heap<Node>((a, b) => (a.level === b.level ? comesFirst(a.event, b.event) : a.level > b.level))
  for (const node of nodes.values()) {
    for (const id of new Set(links(node.event.eventId))) {
      const cited = nodes.get(id)
      if (!cited) continue
      cited.citedBy.push(node)
      node.waitsFor++
    }
    if (node.waitsFor === 0) ready.push(node)
  }
  const ordered: IdentifiedPdu[] = []
  for (let node = ready.pop(); node; node = ready.pop()) {
    ordered.push(node.event)
    for (const citing of node.citedBy) if (--citing.waitsFor === 0) ready.push(citing)
  }
  return ordered
}

interface Node {
  readonly event: IdentifiedPdu
  readonly level: Level
  waitsFor: number
  readonly citedBy: Node[]
}

/**
 * The mainline ordering based on a power levels event, or on none. `powerLevelsCitedBy` gives the power levels event
 * among the auth events of an event.
 */
export function byMainline(
  events: readonly IdentifiedPdu[],
  powerLevels: EventId | undefined,
  powerLevelsCitedBy: (id: EventId) => EventId | undefined,
): IdentifiedPdu[] {
  const positions = new Map<EventId, number>()
  for (let id = powerLevels; id !== undefined && !positions.has(id); id = powerLevelsCitedBy(id))
    positions.set(id, positions.size)

  /** Remembers the position for all power levels on the way, so that all walks together are linear. */
  const positionOf = (event: EventId): number => {
    const way: EventId[] = []
    let id = powerLevelsCitedBy(event)
    // Events of version 2 choose their ids and could cite each other in a circle: whoever is met again is off the mainline.
    for (; id !== undefined && !positions.has(id); id = powerLevelsCitedBy(id)) {
      way.push(id)
      positions.set(id, Infinity)
    }
    const position = id === undefined ? Infinity : (positions.get(id) ?? Infinity)
    for (const passed of way) positions.set(passed, position)
    return position
  }

  return events
    .map((event) => ({ event, position: positionOf(event.eventId) }))
    .toSorted((a, b) => {
      if (a.position !== b.position) return a.position > b.position ? -1 : 1
      return comesFirst(a.event, b.event) ? -1 : 1
    })
    .map(({ event }) => event)
}

/** By time, then by id: in code points, not UTF-16, since ids of version 2 may be any text. */
function comesFirst(a: IdentifiedPdu, b: IdentifiedPdu): boolean {
  if (a.pdu.origin_server_ts !== b.pdu.origin_server_ts) return a.pdu.origin_server_ts < b.pdu.origin_server_ts
  return Buffer.compare(Buffer.from(a.eventId), Buffer.from(b.eventId)) < 0
}
