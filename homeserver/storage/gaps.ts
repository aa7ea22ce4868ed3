/** Gaps in the history of rooms: parents of our events that we do not have. */
import type { EventId, RoomId } from '../core/ids.ts'
import { type Conn, insertMany, rowsIn, type Tx } from './database.ts'

/** A parent that is missing, and the event that names it. */
export interface Gap {
  readonly roomId: RoomId
  readonly missingId: EventId
  readonly childId: EventId
}

export async function addGaps(tx: Tx, gaps: readonly Gap[]): Promise<void> {
  await insertMany(
    tx,
    'backward_extremities',
    ['room_id', 'event_id', 'child_id'],
    gaps.map(({ roomId, missingId, childId }) => [roomId, missingId, childId]),
    'on conflict (room_id, event_id, child_id) do nothing',
  )
}

/** These events are here now. */
export async function closeGaps(tx: Tx, roomId: RoomId, eventIds: readonly EventId[]): Promise<void> {
  if (eventIds.length === 0) return
  const marks = eventIds.map(() => '?').join(',')
  await tx.run(`delete from backward_extremities where room_id = ? and event_id in (${marks})`, [roomId, ...eventIds])
}

/** Those of the events that somebody's event names as a parent, and that are not here. */
export async function listMissingParents(
  conn: Conn,
  roomId: RoomId,
  eventIds: readonly EventId[],
): Promise<ReadonlySet<EventId>> {
  const rows = await rowsIn<{ event_id: EventId }>(
    conn,
    'select distinct event_id from backward_extremities where room_id = ? and event_id in (?)',
    eventIds,
    { before: [roomId] },
  )
  return new Set(rows.map(({ event_id }) => event_id))
}

/** An event after a gap, with how deep and how old it is. */
export interface OpenGap {
  readonly missingId: EventId
  readonly childId: EventId
  readonly childDepth: number
  readonly childTs: number
}

/** The events of a room after its latest gaps. */
export async function listGaps(conn: Conn, roomId: RoomId, limit: number): Promise<OpenGap[]> {
  return await conn.rows(
    `select b.event_id as "missingId", b.child_id as "childId", e.depth as "childDepth", e.origin_server_ts as "childTs"
       from backward_extremities b join events e on e.event_id = b.child_id
      where b.room_id = ? order by e.depth desc limit ${limit}`,
    [roomId],
  )
}
