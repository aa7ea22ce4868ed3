/** What push rules ask about the room of an event. */
import { powerLevelsOf, userLevel } from '../../core/auth/power-levels.ts'
import { isCallRoom } from '../../core/call-rooms.ts'
import { isJsonObject } from '../../core/canonical-json.ts'
import { type IdentifiedPdu, type JsonObject, referenceIds } from '../../core/event.ts'
import type { EventId, RoomId } from '../../core/ids.ts'
import type { RoomFacts } from '../../core/push-rules/event.ts'
import type { RoomVersion } from '../../core/room-version.ts'

/** The events that `roomFacts` looks for. */
export function citedIds({ pdu, roomId }: Omit<IdentifiedPdu, 'eventId'>, version: RoomVersion): EventId[] {
  return [...referenceIds(pdu.auth_events), createIdOf(roomId, version)]
}

/** Every event cites the power levels that were in force, so nothing has to be looked up in the state. */
export function roomFacts(
  event: Omit<IdentifiedPdu, 'eventId'>,
  { version, memberCount }: { version: RoomVersion; memberCount: number },
  find: (eventId: EventId) => IdentifiedPdu | undefined,
): RoomFacts {
  const cited = new Map<string, IdentifiedPdu>()
  for (const id of citedIds(event, version)) {
    const found = find(id)
    if (found?.pdu.state_key === '') cited.set(found.pdu.type, found)
  }
  const levels = powerLevelsOf({ get: (type) => cited.get(type) }, version)
  const notifications = levels.content?.['notifications']
  const notificationLevels: JsonObject = isJsonObject(notifications) ? notifications : {}
  return { memberCount, senderPowerLevel: Number(userLevel(levels, event.pdu.sender)), notificationLevels }
}

/** Whether the room is a call, as far as its create event is at hand. */
export function isInCallRoom(
  event: Omit<IdentifiedPdu, 'eventId'>,
  version: RoomVersion,
  find: (eventId: EventId) => IdentifiedPdu | undefined,
): boolean {
  const creation = citedIds(event, version)
    .map(find)
    .find((cited) => cited?.pdu.type === 'm.room.create')
  return isCallRoom(creation?.pdu.content['type'])
}

/** In version 12 the room id names the create event, which nothing cites. */
function createIdOf(roomId: RoomId, version: RoomVersion): EventId {
  return version.roomIdIsCreateHash ? `$${roomId.slice(1)}` : '$'
}
