/**
 * Redactions by users of other servers, which may come before what they redact.
 * https://spec.matrix.org/v1.19/rooms/v11/#handling-redactions
 */
import { namedLevel, powerLevelsOf, userLevel } from '../../core/auth/power-levels.ts'
import { type AuthState, authStateOf } from '../../core/auth/verdict.ts'
import { encodeCanonical } from '../../core/canonical-json.ts'
import { type IdentifiedPdu, type Pdu, type StateKey, stateKeyOf } from '../../core/event.ts'
import { type EventId, isEventId, serverNameOf } from '../../core/ids.ts'
import { redact } from '../../core/redact.ts'
import type { RoomVersion } from '../../core/room-version.ts'
import { eventStatus, listEarlyRedactions } from '../../storage/events.ts'
import { type BuiltEvent, redactionOf } from './build.ts'
import type { Committer } from './commit.ts'
import type { RoomHead } from './head.ts'
import { withAssumed } from './assumed.ts'
import type { Judgement } from './judge.ts'
import type { RemoteEvent } from './remote-event.ts'
import type { StateReader } from './state-reader.ts'

export function redactedIdOf(pdu: Pdu, version: RoomVersion): EventId | undefined {
  if (pdu.type !== 'm.room.redaction') return undefined
  const target = version.redaction.redactsInContent ? pdu.content['redacts'] : pdu.redacts
  return isEventId(target) ? target : undefined
}

/** Whether a redaction may be applied, in the state before it. In versions 1 and 2 the authorisation rules have told. */
export function mayRedact(
  redaction: IdentifiedPdu,
  target: IdentifiedPdu,
  state: AuthState,
  version: RoomVersion,
): boolean {
  if (target.roomId !== redaction.roomId || target.pdu.type === 'm.room.create') return false
  if (version.eventIds === 'server') return true
  const { sender } = redaction.pdu
  if (serverNameOf(sender) === serverNameOf(target.pdu.sender)) return true
  const levels = powerLevelsOf(state, version)
  return userLevel(levels, sender) >= namedLevel(levels, 'redact')
}

/** An event with what a redaction that came before it leaves, if there is one that may. */
export async function redactedBefore(
  reader: StateReader,
  event: RemoteEvent,
  version: RoomVersion,
): Promise<{ readonly event: RemoteEvent; readonly redactedBy: EventId | undefined }> {
  const ids = await listEarlyRedactions(reader.database, event.eventId)
  const redactions = ids.length === 0 ? [] : (await reader.list(undefined, ids)).values()
  for (const redaction of redactions) {
    if (redaction.status !== eventStatus.accepted || redaction.stateGroup === undefined) continue
    const state = await reader.at(undefined, redaction.stateGroup, levelKeys(redaction))
    if (!mayRedact(redaction, event, authStateOf(state), version)) continue
    const pdu = redact(event.pdu, version)
    return { event: { ...event, pdu, json: encodeCanonical(pdu, version) }, redactedBy: redaction.eventId }
  }
  return { event, redactedBy: undefined }
}

/** What becomes of the event that this one redacts: `now`, or `later` where it has not come yet. */
export async function redactionBy(
  { reader, committer }: { readonly reader: StateReader; readonly committer: Committer },
  head: RoomHead,
  event: RemoteEvent,
  { before, assumed }: Judgement,
): Promise<{ readonly now?: BuiltEvent['redaction']; readonly later?: EventId } | undefined> {
  const targetId = redactedIdOf(event.pdu, head.version)
  if (targetId === undefined) return undefined
  let target = (await reader.list(head, [targetId])).get(targetId)
  if (!target) return { later: targetId }
  if (!target.stored) {
    await committer.settled(head.roomId)
    target = (await reader.list(head, [targetId])).get(targetId)
  }
  if (!target?.stored || !mayRedact(event, target, authStateOf(withAssumed(before, assumed)), head.version))
    return undefined
  return { now: redactionOf(target.stored, event.eventId, head.version) }
}

/** The keys of the state that tell the power of a sender. */
export function levelKeys({ pdu }: IdentifiedPdu): StateKey[] {
  return [
    stateKeyOf('m.room.create', ''),
    stateKeyOf('m.room.power_levels', ''),
    stateKeyOf('m.room.member', pdu.sender),
  ]
}
