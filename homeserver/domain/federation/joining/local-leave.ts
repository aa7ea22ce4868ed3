/** Leaves a room of other servers, none of which answers. */
import { notFound } from '../../../core/errors.ts'
import { depthAfter, type Pdu } from '../../../core/event.ts'
import { type EventId, isHashedRoomId } from '../../../core/ids.ts'
import { finishEvent } from '../../../core/pdu.ts'
import { findRoomVersion, type RoomVersion, roomVersions } from '../../../core/room-version.ts'
import type { Signer } from '../../../core/signing.ts'
import type { Clock } from '../../../platform/clock.ts'
import type { Database } from '../../../storage/database.ts'
import { listEvents, type StoredEvent } from '../../../storage/events.ts'
import { listStrippedStates } from '../../../storage/stripped-states.ts'
import { findMembership } from '../../../storage/memberships.ts'
import type { RemoteChange } from '../../rooms/hooks.ts'
import type { RemoteEventWriter } from '../../rooms/remote-event.ts'

export interface LocalLeaveParts {
  readonly database: Database
  readonly clock: Clock
  readonly signer: Signer
  readonly writer: RemoteEventWriter
}

/** Refuses an invite, or takes a knock back, by an event that only this server ever sees. */
export async function leaveAlone(
  { database, clock, signer, writer }: LocalLeaveParts,
  { roomId, userId, content }: RemoteChange,
): Promise<EventId> {
  const membership = await findMembership(database, roomId, userId)
  const [before] = membership ? await listEvents(database, [membership.event_id]) : []
  if (!before) throw notFound('You are not invited to this room')
  const version = await versionOfUnknownRoom(database, before)
  const reference = version.eventIds === 'server' ? [[before.eventId, {}]] : [before.eventId]
  // Put together here, in the form of the version.
  const draft = {
    type: 'm.room.member',
    room_id: roomId,
    sender: userId,
    state_key: userId,
    content,
    depth: depthAfter(before.row.depth),
    origin_server_ts: clock.now(),
    prev_events: reference,
    auth_events: reference,
    ...(version.eventIds === 'server' ? { event_id: `$${crypto.randomUUID()}:${signer.serverName}` } : {}),
  } as unknown as Pdu
  const event = finishEvent(draft, version, signer)
  await writer.setOutOfBand({ roomId, version, event, strippedState: [] })
  return event.eventId
}

/** The version of a room by an invitation or a knock: as the create event said that came along, else by the form of the event. */
export async function versionOfUnknownRoom(database: Database, event: StoredEvent): Promise<RoomVersion> {
  const told = (await listStrippedStates(database, [event.eventId])).get(event.eventId) ?? []
  const create = told.find(({ type }) => type === 'm.room.create')?.['content'] as
    { room_version?: unknown } | undefined
  const named = typeof create?.room_version === 'string' ? findRoomVersion(create.room_version) : undefined
  if (named) return named
  if (event.pdu.event_id !== undefined) return roomVersions[1]
  return isHashedRoomId(event.roomId) ? roomVersions[12] : roomVersions[11]
}
