/** What is written with an event that was not built on the head of its room. */
import type { IdentifiedPdu, JsonObject, StateKey } from '../../core/event.ts'
import type { EventId, UserId } from '../../core/ids.ts'
import type { EventStatus } from '../../storage/events.ts'
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

export interface StateEvent {
  readonly nid: number
  readonly event: IdentifiedPdu
}

/** A key of the current state and what became of it. */
export interface HeadChange {
  readonly key: StateKey
  readonly before: StateEvent | undefined
  readonly now: StateEvent | undefined
}

export function stateChangeOf({ key, before, now }: HeadChange, event: IdentifiedPdu, streamId: number): StateChange {
  const [type = '', stateKey = ''] = key.split('\0')
  return { roomId: event.roomId, streamId, type, stateKey, nid: now?.nid, prevNid: before?.nid }
}

/** The membership that a change makes; whose member event is gone from the state is in the room no more. */
export function membershipAfter({ before, now }: HeadChange, streamId: number): MembershipRow | undefined {
  const event = now ?? before
  if (!event) return undefined
  const row = membershipRow(event, streamId)
  return row && !now ? { ...row, membership: 'leave' } : row
}

export function membershipRow({ nid, event }: StateEvent, streamId: number): MembershipRow | undefined {
  const { type, state_key: stateKey, sender, content } = event.pdu
  if (type !== 'm.room.member' || stateKey === undefined) return undefined
  const { membership, displayname, avatar_url: avatar } = content
  return {
    room_id: event.roomId,
    user_id: stateKey as UserId, // the authorisation rules have seen that it is one
    membership: membership as Membership, // and that this is one of those there are
    sender,
    event_nid: nid,
    event_id: event.eventId,
    stream_id: streamId,
    display_name: typeof displayname === 'string' ? displayname.replaceAll('\0', '') : null,
    avatar_url: typeof avatar === 'string' ? avatar.replaceAll('\0', '') : null,
    forgotten: 0,
  }
}
