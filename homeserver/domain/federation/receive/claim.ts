/** What another server says is an event: of the right form, and vouched for by nobody yet. */
import { encodeCanonical, isJsonObject } from '../../../core/canonical-json.ts'
import { badJson } from '../../../core/errors.ts'
import { type Pdu, referenceIds } from '../../../core/event.ts'
import { isUserId, type RoomId, serverNameOf, type ServerName } from '../../../core/ids.ts'
import { type ReceivedEvent, receiveEvent } from '../../../core/pdu.ts'
import { redact } from '../../../core/redact.ts'
import type { RoomVersion } from '../../../core/room-version.ts'
import type { RemoteEvent } from '../../rooms/remote-event.ts'

export interface Claim {
  /** The event, should the claim be true; redacted if its content was tampered with (T16). */
  readonly event: RemoteEvent
  /** The text that signatures cover. */
  readonly signed: string
  readonly signatures: Pdu['signatures']
  /** Whose signatures it needs. */
  readonly signers: readonly ServerName[]
  /** When their keys must have been valid; undefined where the room version does not care. */
  readonly at: number | undefined
}

/** Signatures of one server that are tried. */
const MAX_SIGNATURES = 5

/** Throws `M_BAD_JSON` for what cannot be an event of this room. */
export function claimOf(version: RoomVersion, roomId: RoomId, json: unknown): Claim {
  const received = receive(version, roomId, json)
  const { pdu, signed } = received
  const at = version.enforceKeyValidity ? pdu.origin_server_ts : undefined
  const event = asFarAsSigned(received, version)
  return { event, signed, signatures: pdu.signatures, signers: [...signersOf(event.pdu, version)], at }
}

/** Those by this server, as far as anybody will look at them. */
export function signaturesBy({ signatures }: Claim, server: ServerName): [keyId: string, signature: string][] {
  const ofServer = signatures && Object.hasOwn(signatures, server) ? signatures[server] : undefined
  return Object.entries(ofServer ?? {}).slice(0, MAX_SIGNATURES)
}

function receive(version: RoomVersion, roomId: RoomId, json: unknown): ReceivedEvent {
  if (!isJsonObject(json)) throw badJson('An event is a JSON object')
  const { unsigned: _unsigned, ...covered } = json // nobody vouches for what stands there (T15)
  const event = receiveEvent(covered, version)
  if ('reason' in event) throw badJson(event.reason)
  if (event.roomId !== roomId) throw badJson('The event is of another room')
  if (version.roomIdIsCreateHash && referenceIds(event.pdu.auth_events).includes(`$${roomId.slice(1)}`)) {
    throw badJson('The create event is among the auth events') // T14
  }
  return event
}

function asFarAsSigned({ eventId, roomId, pdu, json, hashMatches }: ReceivedEvent, version: RoomVersion): RemoteEvent {
  if (hashMatches) return { eventId, roomId, pdu, json }
  const redacted = redact(pdu, version)
  return { eventId, roomId, pdu: redacted, json: encodeCanonical(redacted, version) }
}

/** Whose signatures an event needs, for what is left of it: content nobody hashed excuses nobody. https://spec.matrix.org/v1.19/server-server-api/#validating-hashes-and-signatures-on-received-events */
function signersOf(pdu: Pdu, version: RoomVersion): ReadonlySet<ServerName> {
  const signers = new Set<ServerName>()
  const { membership, third_party_invite: invite, join_authorised_via_users_server: authoriser } = pdu.content
  const isMember = pdu.type === 'm.room.member'
  // The server of the invited user makes such an invite, and the sender's server may never have seen it.
  if (!(isMember && membership === 'invite' && invite !== undefined)) signers.add(serverNameOf(pdu.sender))
  if (version.eventIds === 'server' && pdu.event_id !== undefined) signers.add(serverNameOf(pdu.event_id) ?? '')
  if (isMember && version.restricted && membership === 'join' && authoriser !== undefined) {
    if (!isUserId(authoriser)) throw badJson('join_authorised_via_users_server is not a user id')
    signers.add(serverNameOf(authoriser))
  }
  return signers
}
