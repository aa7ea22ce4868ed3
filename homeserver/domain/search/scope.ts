/** Where a user may search: the rooms that he is or was in, as far as their history is his to read. */
import { isJsonObject } from '../../core/canonical-json.ts'
import type { CompiledEventFilter } from '../../core/filter.ts'
import { type EventId, isRoomId, type RoomId, type UserId } from '../../core/ids.ts'
import type { Conn, Database } from '../../storage/database.ts'
import { type DocumentQuery, findDocuments, type RoomSpan } from '../../storage/search.ts'
import { listJoinEnds, listStateOfTypes } from '../../storage/sync.ts'
import type { EventCache } from '../rooms/event-cache.ts'
import type { Members } from '../rooms/members.ts'
import type { Visibility } from '../rooms/visibility.ts'

/** Rooms that were replaced one after the other. */
const MAX_PREDECESSORS = 100
/** Events looked at one by one in rooms that hide a part of their history, the latest of those that match. */
const MAX_EXAMINED = 1_000

export interface ScopeParts {
  readonly database: Database
  readonly events: EventCache
  readonly members: Members
  readonly visibility: Visibility
}

/** The rooms of the user that the filter wants, and those that they replaced; each up to where he left it. */
export async function roomsToSearch(
  { database, members }: ScopeParts,
  userId: UserId,
  filter: CompiledEventFilter,
): Promise<RoomSpan[]> {
  const memberships = await members.roomsOf(userId)
  const { rooms, not_rooms: notRooms = [] } = filter.source
  const wanted = rooms ? await withPredecessors(database, rooms) : memberships.keys()
  const joined: RoomSpan[] = []
  const left: RoomId[] = []
  for (const roomId of wanted) {
    const row = memberships.get(roomId)
    if (!row || notRooms.includes(roomId)) continue
    if (row.membership === 'join') joined.push({ roomId })
    else if (row.forgotten === 0 && (row.membership === 'leave' || row.membership === 'ban')) left.push(roomId)
  }
  if (left.length === 0) return joined
  const ends = await listJoinEnds(database, left, userId)
  return [...joined, ...[...ends].map(([roomId, upto]) => ({ roomId, upto }))]
}

/**
 * The query, made so that it finds only what the user may see; a count of anything else would tell what is in it. Where
 * the history of a room is not open to its members as a whole, the events that match are looked at one by one.
 */
export async function withinSight(
  { database, events, visibility }: ScopeParts,
  userId: UserId,
  query: DocumentQuery,
): Promise<DocumentQuery> {
  const ids = query.rooms.map(({ roomId }) => roomId)
  await visibility.warm(userId, ids)
  const areOpen = await Promise.all(ids.map((roomId) => visibility.wasAlwaysOpen(roomId)))
  const hiding = query.rooms.filter((_, index) => areOpen[index] !== true)
  if (hiding.length === 0) return query
  const found = await findDocuments(database, { ...query, rooms: hiding }, { order: 'recent', limit: MAX_EXAMINED })
  const concerned = await events.list(new Set(found.flatMap(({ eventId, sourceEventId }) => [eventId, sourceEventId])))
  const visible = new Set<EventId>()
  for (const [roomId, ofRoom] of Map.groupBy(concerned.values(), (event) => event.roomId)) {
    for (const { eventId } of await visibility.visibleTo(userId, roomId, ofRoom)) visible.add(eventId)
  }
  // Who sees a message, but not its edit, must not find it by what the edit says.
  const seen = found.filter(({ eventId, sourceEventId }) => visible.has(eventId) && visible.has(sourceEventId))
  return {
    ...query,
    rooms: query.rooms.filter((_, index) => areOpen[index] === true),
    documents: seen.map(({ streamId }) => streamId),
  }
}

/** https://spec.matrix.org/v1.19/client-server-api/#room-upgrades */
async function withPredecessors(conn: Conn, rooms: readonly RoomId[]): Promise<ReadonlySet<RoomId>> {
  const all = new Set(rooms)
  for (let latest: readonly RoomId[] = rooms, steps = 0; latest.length > 0 && steps < MAX_PREDECESSORS; steps++) {
    const creations = await listStateOfTypes(conn, latest, ['m.room.create'])
    const replaced = creations.flatMap(({ pdu }) => {
      const predecessor = pdu.content['predecessor']
      const id = isJsonObject(predecessor) ? predecessor['room_id'] : undefined
      return isRoomId(id) && !all.has(id) ? id : []
    })
    for (const id of replaced) all.add(id)
    latest = replaced
  }
  return all
}
