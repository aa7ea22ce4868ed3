/** Looks at the ids in a path before they are used as such. */
import { forbidden, invalidParam } from '../../core/errors.ts'
import { type EventId, isEventId, isRoomId, type RoomId, type UserId } from '../../core/ids.ts'
import type { Requester } from '../../domain/accounts/requester.ts'

export function roomIdOf({ roomId }: { readonly roomId: string }): RoomId {
  if (!isRoomId(roomId)) throw invalidParam(`'${roomId}' is not a room id`)
  return roomId
}

export function eventIdOf({ eventId }: { readonly eventId: string }): EventId {
  if (!isEventId(eventId)) throw invalidParam(`'${eventId}' is not an event id`)
  return eventId
}

/** The requester's own id, where a path names a user who can be nobody else. */
export function ownUserId({ userId }: { readonly userId: string }, who: Requester): UserId {
  if (userId !== who.userId) throw forbidden('You can do this only for yourself')
  return who.userId
}
