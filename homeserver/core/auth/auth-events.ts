/**
 * Which events an event cites in `auth_events`.
 * https://spec.matrix.org/v1.19/server-server-api/#auth-events-selection
 */
import { isJsonObject } from '../canonical-json.ts'
import { stateKeyOf, type IdentifiedPdu, type Pdu, type StateKey } from '../event.ts'
import type { EventId } from '../ids.ts'
import type { RoomVersion } from '../room-version.ts'
import { allow, deny, type Verdict } from './verdict.ts'

/** What the selection looks at, so that an event can be selected for before it is built. */
export type EventDraft = Pick<Pdu, 'type' | 'sender' | 'state_key' | 'content'>

const createKey = stateKeyOf('m.room.create', '')
const powerLevelsKey = stateKeyOf('m.room.power_levels', '')
const joinRulesKey = stateKeyOf('m.room.join_rules', '')

/** The state keys an event is authorised by, without repetition, whether or not the room has such state. */
export function authStateKeys(
  { type, sender, state_key: target, content }: EventDraft,
  version: RoomVersion,
): StateKey[] {
  if (type === 'm.room.create') return []
  const senderKey = stateKeyOf('m.room.member', sender)
  const keys = version.roomIdIsCreateHash ? [powerLevelsKey, senderKey] : [createKey, powerLevelsKey, senderKey]
  if (type !== 'm.room.member') return keys

  const { membership, third_party_invite: invite, join_authorised_via_users_server: authoriser } = content
  if (target !== undefined) keys.push(stateKeyOf('m.room.member', target))
  if (membership === 'join' || membership === 'invite' || membership === 'knock') keys.push(joinRulesKey)
  if (membership === 'invite' && isJsonObject(invite) && isJsonObject(invite['signed'])) {
    const { token } = invite['signed']
    if (typeof token === 'string') keys.push(stateKeyOf('m.room.third_party_invite', token))
  }
  if (membership === 'join' && version.restricted && typeof authoriser === 'string')
    keys.push(stateKeyOf('m.room.member', authoriser))
  return [...new Set(keys)]
}

/** The events a new event has to cite, given the state before it. */
export function selectAuthEvents(
  draft: EventDraft,
  state: { get(key: StateKey): EventId | undefined },
  version: RoomVersion,
): EventId[] {
  const selected: EventId[] = []
  for (const key of authStateKeys(draft, version)) {
    const id = state.get(key)
    if (id !== undefined) selected.push(id)
  }
  return selected
}

/**
 * Rule 3 (2 before version 12), on the events an event cites. `cited` are all events of its `auth_events`; whether one
 * of them was rejected is for the caller to know.
 */
export function checkAuthEvents(
  event: IdentifiedPdu,
  cited: readonly IdentifiedPdu[],
  version: RoomVersion,
  isRejected: (id: EventId) => boolean,
): Verdict {
  // Rule 1 alone decides on create events.
  if (event.pdu.type === 'm.room.create') return allow
  const expected = authStateKeys(event.pdu, version)
  const seen = new Set<StateKey>()
  for (const { pdu } of cited) {
    if (pdu.state_key === undefined) return deny('v12/3.2', 'An auth event is not a state event')
    const key = stateKeyOf(pdu.type, pdu.state_key)
    if (seen.has(key)) return deny('v12/3.1', 'Two auth events are for the same state')
    if (!expected.includes(key)) return deny('v12/3.2', 'An auth event does not belong to this event')
    seen.add(key)
  }
  if (cited.some(({ eventId }) => isRejected(eventId))) return deny('v12/3.3', 'An auth event was rejected')
  if (!version.roomIdIsCreateHash && !seen.has(createKey))
    return deny('v11/2.4', 'The create event is not among the auth events')
  if (cited.some(({ roomId }) => roomId !== event.roomId)) return deny('v12/3.5', 'An auth event is of another room')
  return allow
}
