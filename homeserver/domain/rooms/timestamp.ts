/** Which event was there at a time. https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv1roomsroomidtimestamp_to_event */
import { notFound } from '../../core/errors.ts'
import type { EventId, RoomId, UserId } from '../../core/ids.ts'
import type { Database } from '../../storage/database.ts'
import type { StoredEvent } from '../../storage/events.ts'
import { listGaps } from '../../storage/gaps.ts'
import { type Direction, listEventsByTime } from '../../storage/history.ts'
import type { EventCache } from './event-cache.ts'
import type { RoomHooks } from './hooks.ts'
import type { Visibility } from './visibility.ts'

export interface EventInTime {
  readonly eventId: EventId
  /** Milliseconds since the epoch. */
  readonly ts: number
}

export interface TimeQuestion {
  /** Milliseconds since the epoch. */
  readonly ts: number
  readonly dir: Direction
}

export interface TimeParts {
  readonly database: Database
  readonly events: EventCache
  readonly visibility: Visibility
  readonly roomHooks: Pick<RoomHooks, 'historySources' | 'timeSources'>
}

/** Events looked at for one that the user may see, and those of the first look. */
const MAX_EVENTS = 2_000
const FIRST_LOOK = 10
const MAX_GAPS = 500

/**
 * The event of the room that is nearest to a time, among those the user may see. Other servers are asked where a nearer
 * one may be missing here. Throws `M_FORBIDDEN` for a room that is not his to read, `M_NOT_FOUND` where there is none.
 */
export async function findByTime(
  parts: TimeParts,
  userId: UserId,
  roomId: RoomId,
  time: TimeQuestion,
): Promise<EventInTime> {
  await parts.visibility.requireReader(userId, roomId)
  const own = await findHere(parts, userId, roomId, time)
  const event = (await findElsewhere(parts, userId, roomId, time, own)) ?? own
  if (event) return { eventId: event.eventId, ts: event.row.origin_server_ts }
  throw notFound(`There is no event ${time.dir === 'f' ? 'after' : 'before'} this time`)
}

async function findHere(
  { database, visibility }: TimeParts,
  userId: UserId,
  roomId: RoomId,
  time: TimeQuestion,
): Promise<StoredEvent | undefined> {
  let limit = FIRST_LOOK
  for (let skip = 0; skip < MAX_EVENTS; skip += limit, limit *= 2) {
    const events = await listEventsByTime(database, roomId, { ...time, limit, skip })
    const [found] = await visibility.visibleTo(userId, roomId, events)
    if (found || events.length < limit) return found
  }
  return undefined
}

/** An event of another server that is nearer than ours; it is here then. */
async function findElsewhere(
  { database, events, visibility, roomHooks }: TimeParts,
  userId: UserId,
  roomId: RoomId,
  time: TimeQuestion,
  own: StoredEvent | undefined,
): Promise<StoredEvent | undefined> {
  const [[times], [history]] = [roomHooks.timeSources, roomHooks.historySources]
  if (!times || !history) return undefined
  const gaps = await listGaps(database, roomId, MAX_GAPS)
  if (!gaps.some(({ childDepth }) => mayHide(childDepth, own, time))) return undefined
  const told = await times.nearest(roomId, time)
  if (!told || !isNearer(told.ts, own, time)) return undefined
  if (!(await events.find(told.eventId))?.row.stream_id) await history.fetch(roomId, [told.eventId])
  const event = await events.find(told.eventId)
  if (event?.roomId !== roomId || !isNearer(event.row.origin_server_ts, own, time)) return undefined
  return (await visibility.isVisible(userId, event)) ? event : undefined
}

/** Whether a nearer event may be missing before an event of this depth: times mostly grow with the depth. */
function mayHide(childDepth: number, own: StoredEvent | undefined, { dir }: TimeQuestion): boolean {
  if (!own) return dir === 'b'
  return dir === 'b' ? childDepth > own.row.depth : childDepth === own.row.depth
}

function isNearer(found: number, own: StoredEvent | undefined, { ts, dir }: TimeQuestion): boolean {
  const bound = own?.row.origin_server_ts
  return dir === 'f' ? found >= ts && found < (bound ?? Infinity) : found <= ts && found > (bound ?? -Infinity)
}
