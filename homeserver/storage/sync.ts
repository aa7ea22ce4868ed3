/** What /sync and the visibility of history ask of the log of events and state changes. */
import type { RoomId, UserId } from '../core/ids.ts'
import { type Conn, rowsIn } from './database.ts'
import { eventColumns, type EventRow, StoredEvent } from './events.ts'
import type { StateChange } from './rooms.ts'

/** Every event of this type, with an empty state key, that was ever part of the room's current state. */
export async function listStateOfType(conn: Conn, roomId: RoomId, type: string): Promise<StoredEvent[]> {
  const rows = await conn.rows<EventRow>(
    `select ${eventColumns('e')} from state_changes c join events e on e.nid = c.event_nid
      where c.room_id = ? and c.type = ? and c.state_key = ''`,
    [roomId, type],
  )
  return rows.map((row) => new StoredEvent(row))
}

/** The place in the events stream at which the user was last joined no more; undefined if he never was joined. */
export async function lastJoinEnd(conn: Conn, roomId: RoomId, userId: UserId): Promise<number | undefined> {
  const rows = await conn.rows<EventRow & { readonly ended: number }>(
    `select c.stream_id as ended, ${eventColumns('e')} from state_changes c join events e on e.nid = c.prev_nid
      where c.room_id = ? and c.type = 'm.room.member' and c.state_key = ?
      order by c.stream_id desc`,
    [roomId, userId],
  )
  return rows.find((row) => new StoredEvent(row).pdu.content['membership'] === 'join')?.ended
}

/** The newest `limit` accepted events of a room in (after, upto], the oldest of them first. */
export async function listRoomEvents(
  conn: Conn,
  roomId: RoomId,
  { after, upto, limit }: { after: number; upto: number; limit: number },
): Promise<StoredEvent[]> {
  const rows = await conn.rows<EventRow>(
    `select ${eventColumns('e')} from events e
      where e.room_id = ? and e.stream_id > ? and e.stream_id <= ? and e.status = 0
      order by e.stream_id desc limit ?`,
    [roomId, after, upto, limit],
  )
  return rows.map((row) => new StoredEvent(row)).toReversed()
}

interface ChangeRow {
  readonly room_id: RoomId
  readonly stream_id: number
  readonly type: string
  readonly state_key: string
  readonly event_nid: number | null
  readonly prev_nid: number | null
}

/** What became of a room's current state in (after, upto], in order. */
export async function listStateChanges(
  conn: Conn,
  roomId: RoomId,
  after: number,
  upto: number,
): Promise<StateChange[]> {
  const rows = await conn.rows<ChangeRow>(
    `select room_id, stream_id, type, state_key, event_nid, prev_nid from state_changes
      where room_id = ? and stream_id > ? and stream_id <= ? order by stream_id`,
    [roomId, after, upto],
  )
  return rows.map(({ room_id, stream_id, type, state_key, event_nid, prev_nid }) => ({
    roomId: room_id,
    streamId: stream_id,
    type,
    stateKey: state_key,
    nid: event_nid ?? undefined,
    prevNid: prev_nid ?? undefined,
  }))
}

/** Those of the rooms that have events in (after, upto]. */
export async function listRoomsWithEvents(
  conn: Conn,
  roomIds: readonly RoomId[],
  after: number,
  upto: number,
): Promise<RoomId[]> {
  const rows = await rowsIn<{ room_id: RoomId }>(
    conn,
    `select r.room_id from rooms r where r.room_id in (?)
        and exists (select 1 from events e where e.room_id = r.room_id and e.stream_id > ? and e.stream_id <= ?)`,
    roomIds,
    { after: [after, upto] },
  )
  return rows.map(({ room_id }) => room_id)
}
