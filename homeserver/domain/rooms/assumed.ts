/** What decides about an event in a partial room beside the state that is known: provisionally, until its members are. */
import { authStateOf, type Verdict } from '../../core/auth/verdict.ts'
import { checkAuth } from '../../core/auth/rules.ts'
import { type IdentifiedPdu, type StateKey, stateKeyOf } from '../../core/event.ts'
import type { EventId } from '../../core/ids.ts'
import type { RoomVersion } from '../../core/room-version.ts'
import { eventStatus } from '../../storage/events.ts'
import type { KnownEvent } from './known-events.ts'

type State = ReadonlyMap<StateKey, KnownEvent>

export interface Assumptions {
  /** Members as the event cites them: they decide where the state knows nothing of them. */
  readonly members: State
  /** An event of the state before this one that does not count against it. */
  readonly doubted?: EventId | undefined
}

export const nothingAssumed: Assumptions = { members: new Map() }

export function assumptionsIn(cited: Iterable<KnownEvent>): Assumptions {
  const members = new Map<StateKey, KnownEvent>()
  for (const event of cited) {
    const { type, state_key: stateKey } = event.pdu
    if (type !== 'm.room.member' || stateKey === undefined || event.status === eventStatus.rejected) continue
    members.set(stateKeyOf(type, stateKey), event)
  }
  return { members }
}

/** A state as far as it is known, with what is assumed of the rest. */
export function withAssumed(known: State, { members, doubted }: Assumptions): State {
  if (members.size === 0) return known
  return new Map([...members, ...[...known].filter(([, { eventId }]) => eventId !== doubted)])
}

export function checkAssuming(event: IdentifiedPdu, state: State, assumed: Assumptions, version: RoomVersion): Verdict {
  return checkAuth(event, authStateOf(withAssumed(state, assumed)), version)
}

/**
 * The kick of somebody who leaves by his own word, if nobody knows whether who kicked him was in the room. The leaving
 * gives him nothing that the kick does not leave him. It takes the kick's place, and the current state knows no doubts: so
 * he is seen to leave once.
 */
export async function doubtfulKick(
  { pdu }: IdentifiedPdu,
  before: State,
  isKnown: (key: StateKey) => Promise<boolean>,
): Promise<EventId | undefined> {
  const { type, sender, state_key: stateKey, content } = pdu
  if (type !== 'm.room.member' || stateKey !== sender || content['membership'] !== 'leave') return undefined
  const kick = before.get(stateKeyOf(type, sender))
  if (kick?.pdu.content['membership'] !== 'leave' || kick.pdu.sender === sender) return undefined
  return (await isKnown(stateKeyOf(type, kick.pdu.sender))) ? undefined : kick.eventId
}
