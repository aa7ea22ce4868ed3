import { MatrixError, notFound } from '../../core/errors.ts'
import { isEventId, type RoomId, type UserId } from '../../core/ids.ts'
import type { StoredEvent } from '../../storage/events.ts'
import type { EventCache } from './event-cache.ts'
import type { Reader, Visibility } from './visibility.ts'

/** An event of this room that the user may see. Throws one `M_NOT_FOUND` for whatever may be the reason why not (T75). */
export async function findVisible(
  { events, visibility }: { readonly events: EventCache; readonly visibility: Visibility },
  userId: UserId,
  roomId: RoomId,
  eventId: string,
): Promise<{ readonly event: StoredEvent; readonly reader: Reader }> {
  const reader = await visibility.requireReader(userId, roomId).catch((error: unknown) => {
    if (error instanceof MatrixError) return undefined
    throw error
  })
  const event = reader && isEventId(eventId) ? await events.find(eventId) : undefined
  if (reader && event?.roomId === roomId && (await visibility.isVisible(userId, event))) return { event, reader }
  throw notFound('There is no such event, or you may not see it')
}
