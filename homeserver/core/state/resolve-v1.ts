/**
 * State resolution of room version 1. https://spec.matrix.org/v1.19/rooms/v1/#state-resolution
 *
 * Where the text leaves a choice, this does what other servers do: memberships do not see each other's outcome, and
 * where no event of another type passes, the one of the least depth stands.
 */
import { createHash } from 'node:crypto'
import { checkAuth } from '../auth/rules.ts'
import type { AuthState } from '../auth/verdict.ts'
import { stateKeyOf, type IdentifiedPdu, type StateKey } from '../event.ts'
import type { EventId } from '../ids.ts'
import type { EventSource, StateMap } from './auth-chain.ts'

export function resolveV1(stateSets: readonly StateMap[], source: EventSource): Map<StateKey, EventId> {
  const { state, conflicts } = divide(stateSets, source)
  for (const pass of passes) {
    const before: AuthState = {
      get(type, stateKey) {
        const id = state.get(stateKeyOf(type, stateKey))
        return id === undefined ? undefined : source.fetch(id)
      },
    }
    const winners = conflicts
      .filter(([first]) => passOf(first) === pass)
      .map((candidates) => (pass === 'others' ? deepestAllowed : lastInLine)(candidates, before, source))
    // Only now, so that events of the same pass do not see each other.
    for (const { eventId, pdu } of winners) state.set(stateKeyOf(pdu.type, pdu.state_key ?? ''), eventId)
  }
  return state
}

const passes = ['power levels', 'join rules', 'members', 'others'] as const

function passOf({ pdu: { type, state_key: stateKey } }: IdentifiedPdu): (typeof passes)[number] {
  if (type === 'm.room.power_levels' && stateKey === '') return 'power levels'
  if (type === 'm.room.join_rules') return 'join rules'
  return type === 'm.room.member' ? 'members' : 'others'
}

/** The events that contend for one state key, by ascending depth and descending hash of the id. */
type Candidates = readonly [IdentifiedPdu, ...IdentifiedPdu[]]

/** Splits off the conflicts. Unlike in later versions, a key that only some of the states have is none. */
function divide(
  stateSets: readonly StateMap[],
  { fetch }: EventSource,
): { state: Map<StateKey, EventId>; conflicts: Candidates[] } {
  const state = new Map<StateKey, EventId>()
  const contenders = new Map<StateKey, Set<EventId>>()
  for (const stateSet of stateSets) {
    for (const [key, id] of stateSet) {
      const known = state.get(key)
      if (known === undefined) state.set(key, id)
      else if (known !== id) contenders.set(key, (contenders.get(key) ?? new Set([known])).add(id))
    }
  }
  const conflicts: Candidates[] = []
  for (const [key, ids] of contenders) {
    state.delete(key)
    const [first, ...others] = inOrder([...ids].map((id) => fetch(id)).filter((event) => event !== undefined))
    if (first) conflicts.push([first, ...others])
  }
  return { state, conflicts }
}

function inOrder(events: readonly IdentifiedPdu[]): IdentifiedPdu[] {
  return events
    .map((event) => ({ event, hash: createHash('sha1').update(event.eventId).digest('hex') }))
    .toSorted((a, b) => {
      if (a.event.pdu.depth !== b.event.pdu.depth) return a.event.pdu.depth < b.event.pdu.depth ? -1 : 1
      return a.hash > b.hash ? -1 : 1
    })
    .map(({ event }) => event)
}

/** Each candidate has to be allowed by the one before it; the first that is not ends the line. */
function lastInLine([first, ...others]: Candidates, before: AuthState, { version }: EventSource): IdentifiedPdu {
  let winner = first
  for (const event of others) {
    const { type, state_key: stateKey } = winner.pdu
    const predecessor = winner
    const state: AuthState = {
      get: (askedType, askedKey) =>
        askedType === type && askedKey === stateKey ? predecessor : before.get(askedType, askedKey),
    }
    if (!checkAuth(event, state, version).allowed) break
    winner = event
  }
  return winner
}

function deepestAllowed(candidates: Candidates, before: AuthState, { version }: EventSource): IdentifiedPdu {
  return candidates.findLast((event) => checkAuth(event, before, version).allowed) ?? candidates[0]
}
