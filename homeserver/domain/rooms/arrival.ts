/** What is written with an event that was not built on the head of its room. */
import { parseJson } from '../../core/canonical-json.ts'
import type { IdentifiedPdu, JsonObject, StateKey } from '../../core/event.ts'
import type { EventId, UserId } from '../../core/ids.ts'
import type { EventStatus, StateRow } from '../../storage/events.ts'
import type { Membership, MembershipRow } from '../../storage/memberships.ts'
import type { StateChange } from '../../storage/rooms.ts'

export interface Arrival {
  readonly status: EventStatus
  /** The event is stored as an outlier. */
  readonly isStored: boolean
  /** What it makes of the current state of its room. */
  readonly changes: readonly HeadChange[]
  /** The redaction that came before it. */
  readonly redactedBy?: EventId | undefined
  /** What it redacts is not here yet. */
  readonly redactsLater?: EventId | undefined
  /** Its parents that are not here. */
  readonly missingParents: readonly EventId[]
  /** In a partial room: the group of the state that was told of their place. */
  readonly toldGroup?: number | undefined
  /** Of a room that we are not in: what clients show of it. */
  readonly strippedState?: readonly JsonObject[] | undefined
}

/** What the current state takes of an event: for a large room, events are not held as they were parsed. */
export interface StateEvent extends Pick<IdentifiedPdu, 'eventId' | 'roomId'> {
  readonly nid: number
  readonly sender: UserId
  readonly type: string
  readonly stateKey: string
  readonly content: JsonObject
}

/** A key of the current state and what became of it. */
export interface HeadChange {
  readonly key: StateKey
  readonly before: StateEvent | undefined
  readonly now: StateEvent | undefined
}

/** Undefined for what is no state. */
export function stateEventOf(nid: number, { eventId, roomId, pdu }: IdentifiedPdu): StateEvent | undefined {
  const { type, sender, state_key: stateKey, content } = pdu
  return stateKey === undefined ? undefined : { nid, eventId, roomId, type, sender, stateKey, content }
}

/** Of a stored event no more is parsed than its content. */
export function stateEventOfRow(row: StateRow): StateEvent | undefined {
  const { nid, event_id: eventId, room_id: roomId, type, sender, state_key: stateKey } = row
  if (stateKey === null) return undefined
  const text = row.json.substr(row.content_at, row.content_length)
  return { nid, eventId, roomId, type, sender, stateKey, content: parseJson(text) as JsonObject } // of a PDU
}

export function stateChangeOf(
  { key, before, now }: HeadChange,
  { roomId }: Pick<IdentifiedPdu, 'roomId'>,
  streamId: number,
): StateChange {
  const [type = '', stateKey = ''] = key.split('\0')
  return { roomId, streamId, type, stateKey, nid: now?.nid, prevNid: before?.nid }
}

/** The membership that a change makes; whose member event is gone from the state is in the room no more. */
export function membershipAfter({ before, now }: HeadChange, streamId: number): MembershipRow | undefined {
  const event = now ?? before
  const row = event && membershipRow(event, streamId)
  return row && !now ? { ...row, membership: 'leave' } : row
}

export function membershipRow(event: StateEvent, streamId: number): MembershipRow | undefined {
  if (event.type !== 'm.room.member') return undefined
  const { membership, displayname, avatar_url: avatar } = event.content
  return {
    room_id: event.roomId,
    user_id: event.stateKey as UserId, // the authorisation rules have seen that it is one
    membership: membership as Membership, // and that this is one of those there are
    sender: event.sender,
    event_nid: event.nid,
    event_id: event.eventId,
    stream_id: streamId,
    display_name: typeof displayname === 'string' ? displayname.replaceAll('\0', '') : null,
    avatar_url: typeof avatar === 'string' ? avatar.replaceAll('\0', '') : null,
    forgotten: 0,
  }
}
