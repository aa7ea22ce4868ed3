/**
 * Rule 5, on `m.room.member`. https://spec.matrix.org/v1.19/rooms/v12/#authorisation-rules
 *
 * Rule 5.2, the signature of the server of `join_authorised_via_users_server`, is checked with the other signatures
 * before an event comes here.
 */
import { isJsonObject } from '../canonical-json.ts'
import { referenceIds, type IdentifiedPdu, type Pdu } from '../event.ts'
import { creatorOf, namedLevel, userLevel, type PowerLevels } from './power-levels.ts'
import { isSignedBy } from './third-party-invite.ts'
import { allow, deny, membershipOf, type AuthState, type Verdict } from './verdict.ts'

/** `create` is the create event of the room, `levels` its power levels. */
export function checkMember(
  event: IdentifiedPdu,
  create: IdentifiedPdu,
  state: AuthState,
  levels: PowerLevels,
): Verdict {
  const { content, state_key: target } = event.pdu
  if (target === undefined || content['membership'] === undefined)
    return deny('v12/5.1', 'A membership event needs a state key and a membership')
  const change = { event, create, state, levels, target }
  switch (content['membership']) {
    case 'join':
      return checkJoin(change)
    case 'invite':
      return content['third_party_invite'] === undefined ? checkInvite(change) : checkThirdPartyInvite(change)
    case 'leave':
      return checkLeave(change)
    case 'ban':
      return checkBan(change)
    case 'knock':
      return levels.version.knock ? checkKnock(change) : unknownMembership
    default:
      return unknownMembership
  }
}

const unknownMembership = deny('v12/5.8', 'The membership is unknown')

interface MembershipChange {
  readonly event: IdentifiedPdu
  readonly create: IdentifiedPdu
  readonly state: AuthState
  readonly levels: PowerLevels
  /** The user whose membership changes. */
  readonly target: string
}

function checkJoin({ event: { pdu }, create, state, levels, target }: MembershipChange): Verdict {
  const { version } = levels
  if (isFirstJoin(pdu, create) && target === creatorOf(create.pdu, version)) return allow
  if (pdu.sender !== target) return deny('v12/5.3.2', 'Nobody can join for another user')
  const membership = membershipOf(state, target)
  if (membership === 'ban') return deny('v12/5.3.3', 'The user is banned from the room')

  const rule = joinRule(state)
  if (rule === 'public') return allow
  const restricted =
    (version.restricted && rule === 'restricted') || (version.knockRestricted && rule === 'knock_restricted')
  if (!restricted && rule !== 'invite' && !(version.knock && rule === 'knock'))
    return deny('v12/5.3.7', 'The join rule lets nobody in')
  if (membership === 'invite' || membership === 'join') return allow
  if (!restricted) return deny('v12/5.3.4', 'The user is not invited')

  const authoriser = pdu.content['join_authorised_via_users_server']
  if (typeof authoriser !== 'string' || membershipOf(state, authoriser) !== 'join')
    return deny('v12/5.3.5.2', 'No member of the room authorised the join')
  if (userLevel(levels, authoriser) < namedLevel(levels, 'invite'))
    return deny('v12/5.3.5.2', 'The user who authorised the join may not invite')
  return allow
}

function checkThirdPartyInvite({ event: { pdu }, state, target }: MembershipChange): Verdict {
  if (membershipOf(state, target) === 'ban') return deny('v12/5.4.1.1', 'The user is banned from the room')
  const invite = pdu.content['third_party_invite']
  const signed = isJsonObject(invite) ? invite['signed'] : undefined
  if (!isJsonObject(signed)) return deny('v12/5.4.1.2', 'The third-party invite is not signed')
  const { mxid, token } = signed
  if (mxid === undefined || typeof token !== 'string')
    return deny('v12/5.4.1.3', 'The third-party invite names no user or no token')
  if (mxid !== target) return deny('v12/5.4.1.4', 'The third-party invite is for another user')
  const issued = state.get('m.room.third_party_invite', token)?.pdu
  if (!issued) return deny('v12/5.4.1.5', 'There is no such third-party invite in the room')
  if (issued.sender !== pdu.sender) return deny('v12/5.4.1.6', 'The third-party invite was sent by somebody else')
  return isSignedBy(signed, issued.content)
    ? allow
    : deny('v12/5.4.1.8', 'No key of the third-party invite signed this')
}

function checkInvite({ event: { pdu }, state, levels, target }: MembershipChange): Verdict {
  if (membershipOf(state, pdu.sender) !== 'join') return deny('v12/5.4.2', 'Only members of the room can invite')
  const membership = membershipOf(state, target)
  if (membership === 'join') return deny('v12/5.4.3', 'The user is in the room already')
  if (membership === 'ban') return deny('v12/5.4.3', 'The user is banned from the room')
  return userLevel(levels, pdu.sender) >= namedLevel(levels, 'invite')
    ? allow
    : deny('v12/5.4.5', 'The power level is too low to invite')
}

function checkLeave({ event: { pdu }, state, levels, target }: MembershipChange): Verdict {
  const membership = membershipOf(state, target)
  if (pdu.sender === target) {
    const mayLeave =
      membership === 'join' || membership === 'invite' || (levels.version.knock && membership === 'knock')
    return mayLeave ? allow : deny('v12/5.5.1', 'The user is not in the room')
  }
  if (membershipOf(state, pdu.sender) !== 'join') return deny('v12/5.5.2', 'Only members of the room can remove others')
  const level = userLevel(levels, pdu.sender)
  if (membership === 'ban' && level < namedLevel(levels, 'ban'))
    return deny('v12/5.5.3', 'The power level is too low to lift a ban')
  return level >= namedLevel(levels, 'kick') && userLevel(levels, target) < level
    ? allow
    : deny('v12/5.5.5', 'The power level is too low to remove this user')
}

function checkBan({ event: { pdu }, state, levels, target }: MembershipChange): Verdict {
  if (membershipOf(state, pdu.sender) !== 'join') return deny('v12/5.6.1', 'Only members of the room can ban')
  const level = userLevel(levels, pdu.sender)
  return level >= namedLevel(levels, 'ban') && userLevel(levels, target) < level
    ? allow
    : deny('v12/5.6.3', 'The power level is too low to ban this user')
}

function checkKnock({ event: { pdu }, state, levels, target }: MembershipChange): Verdict {
  const rule = joinRule(state)
  if (rule !== 'knock' && !(levels.version.knockRestricted && rule === 'knock_restricted'))
    return deny('v12/5.7.1', 'The room does not take knocks')
  if (pdu.sender !== target) return deny('v12/5.7.2', 'Nobody can knock for another user')
  const membership = membershipOf(state, target)
  return membership === 'ban' || membership === 'invite' || membership === 'join'
    ? deny('v12/5.7.4', 'The user is banned, invited or in the room already')
    : allow
}

function isFirstJoin(pdu: Pdu, create: IdentifiedPdu): boolean {
  return pdu.prev_events.length === 1 && referenceIds(pdu.prev_events)[0] === create.eventId
}

/** A room without `m.room.join_rules` is for the invited. */
function joinRule(state: AuthState): unknown {
  const joinRules = state.get('m.room.join_rules', '')
  return joinRules ? joinRules.pdu.content['join_rule'] : 'invite'
}
