/** Which event was there at a time. https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1roomsroomidtimestamp_to_event */
import { notFound } from '../../core/errors.ts'
import type { EventId, RoomId, UserId } from '../../core/ids.ts'
import type { Database } from '../../storage/database.ts'
import { type Direction, listEventsByTime } from '../../storage/history.ts'
import type { Visibility } from './visibility.ts'

export interface EventInTime {
  readonly eventId: EventId
  /** Milliseconds since the epoch. */
  readonly ts: number
}

/** Events looked at for one that the user may see, and those of the first look. */
const MAX_EVENTS = 2_000
const FIRST_LOOK = 10

/**
 * The event of the room that is nearest to a time in milliseconds since the epoch, among those the user may see. Throws
 * `M_FORBIDDEN` for a room that is not his to read, `M_NOT_FOUND` where there is none.
 */
export async function findByTime(
  { database, visibility }: { readonly database: Database; readonly visibility: Visibility },
  userId: UserId,
  roomId: RoomId,
  { ts, dir }: { readonly ts: number; readonly dir: Direction },
): Promise<EventInTime> {
  await visibility.requireReader(userId, roomId)
  let limit = FIRST_LOOK
  for (let skip = 0; skip < MAX_EVENTS; skip += limit, limit *= 2) {
    const events = await listEventsByTime(database, roomId, { ts, dir, limit, skip })
    const [found] = await visibility.visibleTo(userId, roomId, events)
    if (found) return { eventId: found.eventId, ts: found.row.origin_server_ts }
    if (events.length < limit) break
  }
  throw notFound(`There is no event ${dir === 'f' ? 'after' : 'before'} this time`)
}
