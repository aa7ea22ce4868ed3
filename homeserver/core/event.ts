/**
 * The persistent data unit and its format checks. https://spec.matrix.org/v1.19/rooms/v12/#event-format-1
 */
import { isJsonObject } from './canonical-json.ts'
import { fitsId, isEventId, isHashedRoomId, isServerRoomId, parseUserId } from './ids.ts'
import type { EventId, RoomId, UserId } from './ids.ts'
import type { RoomVersion } from './room-version.ts'

/**
 * A JSON value as `parseJson` of canonical-json.ts gives it: integers a number cannot hold are BigInt, and numbers like
 * `1.0` are objects of class NumberLiteral (both only in room versions 1 to 5).
 */
export type Json = null | boolean | number | bigint | string | readonly Json[] | JsonObject
export interface JsonObject {
  readonly [key: string]: Json | undefined
}

/** References of room versions 1 and 2 carry the reference hash beside the id. */
export type EventReference = EventId | readonly [EventId, JsonObject]

/** An event in the federation format of its room version: with `event_id` only in versions 1 and 2, without `room_id` in a create event of version 12. */
export interface Pdu extends JsonObject {
  readonly type: string
  readonly sender: UserId
  readonly room_id?: RoomId
  readonly event_id?: EventId
  readonly state_key?: string
  readonly content: JsonObject
  readonly depth: number
  readonly origin_server_ts: number
  readonly prev_events: readonly EventReference[] & readonly Json[]
  readonly auth_events: readonly EventReference[] & readonly Json[]
  readonly hashes?: JsonObject
  readonly signatures?: { readonly [server: string]: { readonly [keyId: string]: string } }
  readonly redacts?: EventId
  readonly unsigned?: JsonObject
}

/** A PDU with the names it goes by. `roomId` is derived for a version 12 create event. */
export interface IdentifiedPdu {
  readonly eventId: EventId
  readonly roomId: RoomId
  readonly pdu: Pdu
}

/** The key of a state map: type, U+0000, state key. Neither part may hold U+0000 (T08). */
export type StateKey = `${string}\u0000${string}`

export function stateKeyOf(type: string, stateKey: string): StateKey {
  return `${type}\u0000${stateKey}`
}

/** The greatest size of an event: bytes of its canonical JSON with signatures. */
export const maxEventBytes = 65_536
/** The greatest depth; later events of a room that got there stay there. */
export const maxDepth = Number.MAX_SAFE_INTEGER
export const depthAfter = (depth: number): number => Math.min(depth + 1, maxDepth)
const maxPrevEvents = 20
const maxAuthEvents = 10

/** The id in an entry of `prev_events` or `auth_events`, in either form. */
function referencedId(reference: EventReference): EventId {
  return typeof reference === 'string' ? reference : reference[0]
}

/** The ids of `prev_events` or `auth_events`. */
export function referenceIds(references: readonly EventReference[]): EventId[] {
  return references.map(referencedId)
}

/**
 * Why a value is no event of this room version, or undefined if it has the form of a Pdu: keys, types, grammar and
 * lengths of what everybody relies on, limits of references. Size and numbers are seen when it is encoded.
 */
export function checkPduFormat(value: JsonObject, version: RoomVersion): string | undefined {
  const { type, state_key: stateKey, sender, depth } = value
  if (!isName(type, version)) return 'type is not a text of at most 255 bytes'
  if (stateKey !== undefined && !isName(stateKey, version)) return 'state_key is not a text of at most 255 bytes'
  if (!isName(sender, version) || !parseUserId(sender)) return 'sender is not a user id'
  if (!Number.isSafeInteger(depth) || Number(depth) < 0) return 'depth is not an integer from 0 to 2^53-1'
  if (!Number.isSafeInteger(value['origin_server_ts'])) return 'origin_server_ts is not an integer'
  if (!isJsonObject(value['content'])) return 'content is not an object'
  return checkIds(value, version) ?? checkReferences(value, version) ?? checkEnvelope(value)
}

/** A text short enough to be a name and without NUL. Before version 11 its length is in code points, not in bytes. */
function isName(text: unknown, { strictByteLimits }: RoomVersion): text is string {
  if (typeof text !== 'string' || text.includes('\0')) return false
  if (fitsId(text)) return true
  return !strictByteLimits && /^.{0,255}$/su.test(text)
}

function checkIds(value: JsonObject, version: RoomVersion): string | undefined {
  const { room_id: roomId, redacts } = value
  if (version.eventIds === 'server' && !isEventId(value['event_id'])) return 'event_id is not an event id'
  if (!version.redaction.redactsInContent && value['type'] === 'm.room.redaction') {
    if (redacts !== undefined && !isEventId(redacts)) return 'redacts is not an event id'
  }
  if (!version.roomIdIsCreateHash) return isServerRoomId(roomId) ? undefined : 'room_id is not a room id'
  if (value['type'] === 'm.room.create') return roomId === undefined ? undefined : 'a create event has no room_id'
  return isHashedRoomId(roomId) ? undefined : 'room_id is not the hash of a create event'
}

function checkReferences(value: JsonObject, version: RoomVersion): string | undefined {
  const isReference = version.eventIds === 'server' ? isHashedReference : isEventId
  for (const [key, limit] of referenceLimits) {
    const references = value[key]
    if (!Array.isArray(references)) return `${key} is not a list`
    if (references.length > limit) return `${key} has more than ${limit} entries`
    if (!references.every(isReference)) return `${key} does not refer to events`
  }
  return undefined
}

const referenceLimits = [
  ['prev_events', maxPrevEvents],
  ['auth_events', maxAuthEvents],
] as const

function isHashedReference(reference: unknown): boolean {
  return Array.isArray(reference) && reference.length === 2 && isEventId(reference[0]) && isJsonObject(reference[1])
}

/** What stands around an event: hashes, signatures and `unsigned`. */
function checkEnvelope({ hashes, signatures, unsigned }: JsonObject): string | undefined {
  if (!isJsonObject(hashes) || typeof hashes['sha256'] !== 'string') return 'hashes has no sha256'
  if (!isJsonObject(signatures)) return 'signatures is not an object'
  for (const ofServer of Object.values(signatures)) {
    if (!isJsonObject(ofServer) || !Object.values(ofServer).every((text) => typeof text === 'string')) {
      return 'signatures holds something else than signatures'
    }
  }
  return unsigned === undefined || isJsonObject(unsigned) ? undefined : 'unsigned is not an object'
}
