/**
 * The persistent data unit and its format checks. https://spec.matrix.org/v1.19/rooms/v12/#event-format-1
 */
import type { EventId, RoomId, UserId } from './ids.ts'

/** A JSON value as `parseJson` of canonical-json.ts gives it: integers a number cannot hold are BigInt (room versions 1 to 5). */
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
