/**
 * State resolution of room versions 2 and later. https://spec.matrix.org/v1.19/rooms/v12/#state-resolution
 */
import { powerLevelsOf, userLevel } from '../auth/power-levels.ts'
import { checkAuth } from '../auth/rules.ts'
import type { AuthState } from '../auth/verdict.ts'
import { stateKeyOf, type IdentifiedPdu, type StateKey } from '../event.ts'
import type { EventId } from '../ids.ts'
import {
  findConflict,
  fullConflictedSet,
  linksOf,
  reachable,
  type AuthLinks,
  type EventSource,
  type StateMap,
} from './auth-chain.ts'
import { byMainline, byPowerTopologically } from './sort.ts'

export function resolveV2(stateSets: readonly StateMap[], source: EventSource): Map<StateKey, EventId> {
  const { version, fetch } = source
  const startsEmpty = version.stateResolution === 'v2.1'
  const conflict = findConflict(stateSets)
  if (conflict.conflicted.size === 0) return conflict.unconflicted
  const links = linksOf(source)
  const full = fullConflictedSet(stateSets, conflict, links, { subgraph: startsEmpty })
  const events = [...full].map((id) => fetch(id)).filter((event) => event !== undefined)

  // Other servers go no further than direct links within the full conflicted set, and neither may we.
  const linksWithin: AuthLinks = (id) => links(id).filter((cited) => full.has(cited))
  const powerIds = new Set(
    reachable(
      events.filter(isPowerEvent).map(({ eventId }) => eventId),
      linksWithin,
    ),
  )
  const isPower = ({ eventId }: IdentifiedPdu): boolean => powerIds.has(eventId)
  const powerEvents = byPowerTopologically(events.filter(isPower), linksWithin, (event) =>
    userLevel(powerLevelsOf(citedState(event, links, source), version), event.pdu.sender),
  )
  const state = new Map(startsEmpty ? [] : conflict.unconflicted)
  applyAllowed(state, powerEvents, links, source)

  const others = byMainline(
    events.filter((event) => !isPower(event)),
    state.get(powerLevelsKey),
    (id) => links(id).find((cited) => isPowerLevels(fetch(cited))),
  )
  applyAllowed(state, others, links, source)
  for (const [key, id] of conflict.unconflicted) state.set(key, id)
  return state
}

const powerLevelsKey = stateKeyOf('m.room.power_levels', '')

/** Events that might take something away from somebody. */
function isPowerEvent({ pdu }: IdentifiedPdu): boolean {
  if (pdu.type === 'm.room.power_levels' || pdu.type === 'm.room.join_rules') return pdu.state_key === ''
  if (pdu.type !== 'm.room.member' || pdu.sender === pdu.state_key) return false
  return pdu.content['membership'] === 'leave' || pdu.content['membership'] === 'ban'
}

function isPowerLevels(event: IdentifiedPdu | undefined): boolean {
  return event?.pdu.type === 'm.room.power_levels' && event.pdu.state_key === ''
}

/** The iterative auth checks: adds each event to the state that is allowed by what the state has become. */
function applyAllowed(
  state: Map<StateKey, EventId>,
  events: readonly IdentifiedPdu[],
  links: AuthLinks,
  source: EventSource,
): void {
  for (const event of events) {
    const { type, state_key: stateKey } = event.pdu
    // The text lets events in that were rejected by the state they met. Here rejected events stay out of every state,
    // as on most servers.
    if (stateKey === undefined || source.isRejected(event.eventId)) continue
    const cited = citedState(event, (id) => links(id).filter((each) => !source.isRejected(each)), source)
    const current: AuthState = {
      get(askedType, askedKey) {
        const id = state.get(stateKeyOf(askedType, askedKey))
        return (id === undefined ? undefined : source.fetch(id)) ?? cited.get(askedType, askedKey)
      },
    }
    if (checkAuth(event, current, source.version).allowed) state.set(stateKeyOf(type, stateKey), event.eventId)
  }
}

/** The state as far as an event cites it. From version 12 on the room id stands for the create event. */
function citedState(event: IdentifiedPdu, links: AuthLinks, { version, fetch }: EventSource): AuthState {
  return {
    get(type, stateKey) {
      if (version.roomIdIsCreateHash && type === 'm.room.create') return fetch(`$${event.roomId.slice(1)}`)
      for (const id of links(event.eventId)) {
        const cited = fetch(id)
        if (cited?.pdu.type === type && cited.pdu.state_key === stateKey) return cited
      }
      return undefined
    },
  }
}
