/**
 * Events as they leave this server and as they arrive: ids, hashes, signatures and size in one pass, each value
 * encoded once.
 */
import { encodeCanonical } from './canonical-json.ts'
import { badJson, MatrixError, tooLarge } from './errors.ts'
import { checkPduFormat, maxEventBytes } from './event.ts'
import type { IdentifiedPdu, JsonObject, Pdu } from './event.ts'
import { encodeMembers, eventIdOf, hashedText, joinMembers, roomIdOf, sha256, signedText, withMember } from './hash.ts'
import { fitsId } from './ids.ts'
import type { RoomVersion } from './room-version.ts'
import { addSignature, signText } from './signing.ts'
import type { Signer } from './signing.ts'

/** An event ready to be stored and sent. */
export interface FinishedEvent extends IdentifiedPdu {
  /** Its canonical JSON, with hashes and signatures. */
  readonly json: string
}

/**
 * Hashes and signs a new event. The draft has everything but `hashes` and the signature; in room versions 1 and 2 it
 * has its `event_id`. Throws M_BAD_JSON for what has no canonical form, M_TOO_LARGE beyond the size limits.
 */
export function finishEvent(draft: Pdu, version: RoomVersion, signer: Signer): FinishedEvent {
  for (const key of ['type', 'state_key', 'sender', 'room_id', 'event_id'] as const) {
    if (!fitsId(draft[key] ?? '')) throw tooLarge(`${key} has more than 255 bytes`)
    if (draft[key]?.includes('\0')) throw badJson(`${key} holds U+0000`)
  }
  const members = encodeMembers(draft, version)
  const hashes = { sha256: sha256(hashedText(members)) }
  const hashed = withMember(members, { key: 'hashes', text: encodeCanonical(hashes) })
  const signed = signedText(hashed, draft, version)
  const signatures = addSignature(draft.signatures, signer, signText(signed, signer.key))
  const json = joinMembers(withMember(hashed, { key: 'signatures', text: encodeCanonical(signatures) }))
  if (Buffer.byteLength(json) > maxEventBytes) throw tooLarge('The event has more than 65,536 bytes')
  const eventId = eventIdOf(draft, signed, version)
  return { eventId, roomId: roomIdOf(draft, eventId), pdu: { ...draft, hashes, signatures }, json }
}

/** An event from elsewhere whose form is right. Signatures are still to be checked, against `signed`. */
export interface ReceivedEvent extends FinishedEvent {
  /** The text that signatures cover. */
  readonly signed: string
  /** Whether the content hash matches; if not, only `redact(pdu)` may be used. */
  readonly hashMatches: boolean
}

/** The event in a JSON object from another server, or the reason why it is none. */
export function receiveEvent(value: JsonObject, version: RoomVersion): ReceivedEvent | { readonly reason: string } {
  const reason = checkPduFormat(value, version)
  if (reason !== undefined) return { reason }
  // checkPduFormat has just seen that it is one.
  const pdu = value as Pdu
  try {
    const members = encodeMembers(pdu, version)
    const json = joinMembers(members)
    if (Buffer.byteLength(json) > maxEventBytes) return { reason: 'the event has more than 65,536 bytes' }
    const signed = signedText(members, pdu, version)
    const eventId = eventIdOf(pdu, signed, version)
    const hashMatches = pdu.hashes?.['sha256'] === sha256(hashedText(members))
    return { eventId, roomId: roomIdOf(pdu, eventId), pdu, json, signed, hashMatches }
  } catch (error) {
    if (error instanceof MatrixError) return { reason: error.message }
    throw error
  }
}
