/**
 * The authorisation rules of all room versions. https://spec.matrix.org/v1.19/rooms/v12/#authorisation-rules
 *
 * Rules are numbered as in version 12, or as in the last version that has them. Rule 3, on the cited `auth_events`, is
 * `checkAuthEvents` in auth-events.ts: it looks at the citations, everything here at the state of the room.
 */
import type { IdentifiedPdu, Pdu } from '../event.ts'
import type { RoomVersion } from '../room-version.ts'
import { checkCreate } from './create.ts'
import { checkMember } from './member.ts'
import { ownerOf } from './owned-state.ts'
import { checkPowerLevels } from './power-level-changes.ts'
import { namedLevel, requiredLevel, userLevel, type Level, type PowerLevels } from './power-levels.ts'
import { serverNameOf } from '../ids.ts'
import { allow, deny, membershipOf, type AuthState, type Verdict } from './verdict.ts'

/**
 * Whether the room in this state lets the event happen. `state` needs to know the create event, in version 12 too,
 * and whatever `selectAuthEvents` names for the event. Format and signatures have been checked before.
 */
export function checkAuth(event: IdentifiedPdu, state: AuthState, version: RoomVersion): Verdict {
  const { pdu } = event
  if (pdu.type === 'm.room.create') return checkCreate(pdu, version)
  const create = state.get('m.room.create', '')
  if (!create) return deny('v11/2.4', 'The room has no create event')
  if (version.roomIdIsCreateHash && event.roomId.slice(1) !== create.eventId.slice(1))
    return deny('v12/2', 'The room id is not that of the create event')
  if (create.pdu.content['m.federate'] === false && serverNameOf(pdu.sender) !== serverNameOf(create.pdu.sender))
    return deny('v12/4', 'The room is closed to other servers')
  if (version.aliasesRule && pdu.type === 'm.room.aliases') return checkAliases(pdu)

  const levels = { version, create: create.pdu, content: state.get('m.room.power_levels', '')?.pdu.content }
  if (pdu.type === 'm.room.member') return checkMember(event, create, state, levels)
  if (membershipOf(state, pdu.sender) !== 'join') return deny('v12/6', 'The sender is not in the room')
  return checkByLevel(pdu, levels)
}

/** Rules 7 to 11, for members of the room. */
function checkByLevel(pdu: Pdu, levels: PowerLevels): Verdict {
  const level = userLevel(levels, pdu.sender)
  if (pdu.type === 'm.room.third_party_invite')
    return level >= namedLevel(levels, 'invite') ? allow : deny('v12/7.1', 'The power level is too low to invite')
  if (level < requiredLevel(levels, pdu.type, pdu.state_key === undefined ? 'message' : 'state'))
    return deny('v12/8', `The power level is too low to send ${pdu.type}`)
  if (pdu.state_key?.startsWith('@') && pdu.state_key !== pdu.sender && !owns(pdu, pdu.state_key, levels))
    return deny('v12/9', 'The state key is the name of another user')
  if (pdu.type === 'm.room.power_levels') return checkPowerLevels(pdu, levels, level)
  // Where servers choose event ids, the id tells whose event is redacted. Elsewhere it is for those who apply redactions.
  if (pdu.type === 'm.room.redaction' && levels.version.eventIds === 'server') return checkRedaction(pdu, levels, level)
  return allow
}

/** Where state can be owned: what is one's own, and what belongs to users of lower power. */
function owns({ sender }: Pdu, stateKey: string, levels: PowerLevels): boolean {
  const owner = levels.version.ownedState ? ownerOf(stateKey) : undefined
  if (owner === undefined) return false
  return owner === sender || userLevel(levels, sender) > userLevel(levels, owner)
}

/** Rule 4 of room versions 1 to 5. */
function checkAliases(pdu: Pdu): Verdict {
  if (pdu.state_key === undefined) return deny('v5/4.1', 'Aliases need a state key')
  return pdu.state_key === serverNameOf(pdu.sender) ? allow : deny('v5/4.2', 'The aliases belong to another server')
}

/** Rule 11 of room versions 1 and 2. */
function checkRedaction(pdu: Pdu, levels: PowerLevels, level: Level): Verdict {
  if (level >= namedLevel(levels, 'redact')) return allow
  const sameServer =
    typeof pdu.redacts === 'string' &&
    pdu.event_id !== undefined &&
    serverNameOf(pdu.redacts) === serverNameOf(pdu.event_id)
  return sameServer ? allow : deny('v2/11.3', 'The power level is too low to redact events of other servers')
}
