/**
 * The texts of an event that hashes and signatures cover, and the hashes.
 * https://spec.matrix.org/v1.19/server-server-api/#adding-hashes-and-signatures-to-outgoing-events
 */
import { hash } from 'node:crypto'
import { canonicalKeys, encodeCanonical } from './canonical-json.ts'
import type { EventId, RoomId } from './ids.ts'
import type { IdentifiedPdu, Pdu } from './event.ts'
import { redactContent } from './redact.ts'
import type { RoomVersion } from './room-version.ts'

/** A top-level key of an event with the canonical text of its value. */
export interface Member {
  readonly key: string
  readonly text: string
}

/** The members of an event in canonical order, each encoded once. Throws M_BAD_JSON as `encodeCanonical` does. */
export function encodeMembers(pdu: Pdu, version: RoomVersion): Member[] {
  return canonicalKeys(pdu).map((key) => {
    const value = pdu[key]
    if (value === undefined) throw new TypeError(`${key} of an event is undefined`)
    return { key, text: encodeCanonical(value, version) }
  })
}

/** The canonical JSON of an object with these members. */
export function joinMembers(members: readonly Member[]): string {
  let text = ''
  for (const { key, text: value } of members)
    text += `,${plainKey.test(key) ? `"${key}"` : encodeCanonical(key)}:${value}`
  return `{${text.slice(1)}}`
}

/** Nothing in it is escaped. */
const plainKey = /^[\w.]*$/

/** Adds or replaces a member, keeping the order. Keys must be ASCII. */
export function withMember(members: readonly Member[], member: Member): Member[] {
  const others = members.filter(({ key }) => key !== member.key)
  const at = others.findIndex(({ key }) => key > member.key)
  return others.toSpliced(at === -1 ? others.length : at, 0, member)
}

/** What the content hash covers. */
export function hashedText(members: readonly Member[]): string {
  return joinMembers(members.filter(({ key }) => key !== 'hashes' && key !== 'signatures' && key !== 'unsigned'))
}

/** What signatures and the reference hash cover: the redacted event without its signatures. */
export function signedText(members: readonly Member[], pdu: Pdu, version: RoomVersion): string {
  const { topLevel } = version.redaction
  const kept = members.filter(({ key }) => key !== 'signatures' && topLevel.includes(key))
  return joinMembers(kept.map((member) => (member.key === 'content' ? redactedContent(member, pdu, version) : member)))
}

function redactedContent(member: Member, { type, content }: Pdu, version: RoomVersion): Member {
  const kept = redactContent(type, content, version.redaction)
  return kept === content ? member : { key: 'content', text: encodeCanonical(kept, version) }
}

export function sha256(text: string, alphabet: 'base64' | 'base64url' = 'base64'): string {
  const digest = hash('sha256', text, alphabet)
  return digest.endsWith('=') ? digest.slice(0, -1) : digest
}

/** The hash that `hashes.sha256` must equal. https://spec.matrix.org/v1.19/server-server-api/#calculating-the-content-hash-for-an-event */
export function contentHash(pdu: Pdu, version: RoomVersion): string {
  return sha256(hashedText(encodeMembers(pdu, version)))
}

/** https://spec.matrix.org/v1.19/server-server-api/#calculating-the-reference-hash-for-an-event */
export function referenceHash(pdu: Pdu, version: RoomVersion): string {
  return sha256(signedText(encodeMembers(pdu, version), pdu, version))
}

/** The id of an event, given the text its reference hash covers. */
export function eventIdOf(pdu: Pdu, signed: string, { eventIds }: RoomVersion): EventId {
  if (eventIds !== 'server') return `$${sha256(signed, eventIds)}`
  if (pdu.event_id === undefined) throw new TypeError('An event of this room version brings its id')
  return pdu.event_id
}

/** The room an event belongs to: from room version 12 on, a create event names it by its own id. */
export function roomIdOf(pdu: Pdu, eventId: EventId): RoomId {
  return pdu.room_id ?? `!${eventId.slice(1)}`
}

/** A PDU with its ids, hashed from what it is. */
export function identify(pdu: Pdu, version: RoomVersion): IdentifiedPdu {
  const eventId = eventIdOf(pdu, signedText(encodeMembers(pdu, version), pdu, version), version)
  return { eventId, roomId: roomIdOf(pdu, eventId), pdu }
}
