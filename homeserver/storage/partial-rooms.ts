/** Rooms of which only a part of the state is here, and what has to be looked at again when the rest is. */
import type { EventId, RoomId, ServerName } from '../core/ids.ts'
import { type Conn, insertMany, type Tx } from './database.ts'
import { eventColumns, type EventRow, StoredEvent } from './events.ts'

export interface PartialRoomRow {
  readonly roomId: RoomId
  /** Those that were in the room when it was joined. */
  readonly servers: readonly ServerName[]
  readonly beganTs: number
  /** The place in the events stream at which the rest was there. */
  readonly completedAt: number | undefined
}

/** A join whose server told a part of the state before it. */
export interface PartialJoin {
  readonly roomId: RoomId
  readonly eventId: EventId
  readonly toldBy: ServerName
  /** Those in the room before the join, by the same server's word. */
  readonly servers: readonly ServerName[]
}

/** Rooms that are whole again are among them. */
export async function listPartialRooms(conn: Conn): Promise<PartialRoomRow[]> {
  const rows = await conn.rows<{ room_id: RoomId; servers: string; began_ts: number; completed_at: number | null }>(
    'select room_id, servers, began_ts, completed_at from partial_rooms',
  )
  return rows.map((row) => ({
    roomId: row.room_id,
    servers: JSON.parse(row.servers) as ServerName[], // written by beginPartialRoom
    beganTs: row.began_ts,
    completedAt: row.completed_at ?? undefined,
  }))
}

/** The first join says since when; later ones may know other servers. */
export async function beginPartialRoom(
  tx: Tx,
  { roomId, eventId, toldBy, servers }: PartialJoin,
  now: number,
): Promise<void> {
  await tx.run(
    `insert into partial_rooms (room_id, servers, began_ts, completed_at) values (?, ?, ?, null)
       on conflict (room_id) do update set servers = excluded.servers, completed_at = null,
         began_ts = case when partial_rooms.completed_at is null then partial_rooms.began_ts else excluded.began_ts end`,
    [roomId, JSON.stringify(servers), now],
  )
  await tx.run('insert into partial_joins (event_id, room_id, told_by) values (?, ?, ?)', [eventId, roomId, toldBy])
}

export async function listPartialJoins(
  conn: Conn,
  roomId: RoomId,
): Promise<{ readonly event: StoredEvent; readonly toldBy: ServerName }[]> {
  const rows = await conn.rows<EventRow & { told_by: ServerName }>(
    `select ${eventColumns('e')}, j.told_by from partial_joins j join events e on e.event_id = j.event_id
      where j.room_id = ? order by e.nid`,
    [roomId],
  )
  return rows.map(({ told_by: toldBy, ...row }) => ({ event: new StoredEvent(row), toldBy }))
}

export async function addPartialEvents(
  tx: Tx,
  events: readonly { readonly roomId: RoomId; readonly nid: number; readonly toldGroup?: number | undefined }[],
): Promise<void> {
  if (events.length === 0) return
  await insertMany(
    tx,
    'partial_events',
    ['room_id', 'event_nid', 'told_group'],
    events.map(({ roomId, nid, toldGroup }) => [roomId, nid, toldGroup ?? null]),
  )
}

/** An event that was judged by a part of the state. */
export interface PartialEvent {
  readonly event: StoredEvent
  /** The group of the state that was told of it, as parents of it were missing. */
  readonly toldGroup: number | undefined
}

/** In the order of their coming. */
export async function listPartialEvents(conn: Conn, roomId: RoomId): Promise<PartialEvent[]> {
  const rows = await conn.rows<EventRow & { told_group: number | null }>(
    `select ${eventColumns('e')}, p.told_group from partial_events p join events e on e.nid = p.event_nid
      where p.room_id = ? order by p.event_nid`,
    [roomId],
  )
  return rows.map(({ told_group, ...row }) => ({ event: new StoredEvent(row), toldGroup: told_group ?? undefined }))
}

/** The room has its whole state since this place in the events stream. */
export async function completePartialRoom(tx: Tx, roomId: RoomId, completedAt: number): Promise<void> {
  await tx.run('update partial_rooms set completed_at = ? where room_id = ?', [completedAt, roomId])
  await tx.run('delete from partial_joins where room_id = ?', [roomId])
  await tx.run('delete from partial_events where room_id = ?', [roomId])
}

/** Takes events out of sight that turn out not to be allowed: out of what was derived from them. */
export async function withdrawEvents(tx: Tx, events: readonly StoredEvent[]): Promise<void> {
  for (const { row } of events) {
    await tx.run('delete from relations where event_nid = ?', [row.nid])
    await tx.run(`update search_documents set words = '' where stream_id = ? or source_id = ?`, [
      row.stream_id,
      row.stream_id,
    ])
  }
}
