/**
 * Rule 1, on `m.room.create`. https://spec.matrix.org/v1.19/rooms/v12/#authorisation-rules
 */
import type { Json, Pdu } from '../event.ts'
import { findRoomVersion, type RoomVersion } from '../room-version.ts'
import { isUserId, serverNameOf } from '../ids.ts'
import { allow, deny, type Verdict } from './verdict.ts'

export function checkCreate(pdu: Pdu, version: RoomVersion): Verdict {
  if (pdu.prev_events.length > 0) return deny('v12/1.1', 'A create event has no previous events')
  // Not among the numbered rules, but no other state key is that of the room's create event.
  if (pdu.state_key !== '') return deny('v12/1', 'The state key of a create event is empty')
  if (version.roomIdIsCreateHash) {
    if (pdu.room_id !== undefined) return deny('v12/1.2', 'A create event has no room id of its own')
  } else if (pdu.room_id === undefined || serverNameOf(pdu.room_id) !== serverNameOf(pdu.sender))
    return deny('v1/1.2', 'The room id does not belong to the server of its creator')

  const roomVersion = pdu.content['room_version']
  if (roomVersion !== undefined && (typeof roomVersion !== 'string' || !findRoomVersion(roomVersion)))
    return deny('v12/1.3', 'The room version is not known')
  if (!version.creatorFromSender && pdu.content['creator'] === undefined)
    return deny('v1/1.4', 'The create event does not name the creator')
  if (version.privilegedCreators && !areUserIds(pdu.content['additional_creators']))
    return deny('v12/1.4', 'The additional creators are not a list of user ids')
  return allow
}

function areUserIds(value: Json | undefined): boolean {
  return value === undefined || (Array.isArray(value) && value.every(isUserId))
}
