/** Which events are told for some time to everybody in their rooms. */
import type { EventId, RoomId } from '../core/ids.ts'
import { type Conn, insertMany, rowsIn, type Tx } from './database.ts'
import { eventColumns, type EventRow, eventStatus, StoredEvent } from './events.ts'

export interface StickyRow {
  readonly stream_id: number
  readonly event_nid: number
  readonly event_id: EventId
  readonly room_id: RoomId
  readonly is_local: number
  readonly expires_ts: number
}

const columns = ['stream_id', 'event_nid', 'event_id', 'room_id', 'is_local', 'expires_ts'] as const

export async function addStickyEvents(tx: Tx, rows: readonly StickyRow[]): Promise<void> {
  await insertMany(
    tx,
    'sticky_events',
    columns,
    rows.map((row) => columns.map((column) => row[column])),
    'on conflict (event_nid) do nothing',
  )
}

export interface StickyRange {
  readonly after: number
  readonly upto: number
  /** Those that have expired by then are left out. */
  readonly now: number
  readonly limit: number
}

/** The oldest of (after, upto] in these rooms. */
export async function listStickyEvents(
  conn: Conn,
  roomIds: readonly RoomId[],
  { after, upto, now, limit }: StickyRange,
): Promise<Pick<StickyRow, 'stream_id' | 'event_id' | 'room_id'>[]> {
  const rows = await rowsIn<Pick<StickyRow, 'stream_id' | 'event_id' | 'room_id'>>(
    conn,
    `select stream_id, event_id, room_id from sticky_events
      where room_id in (?) and stream_id > ? and stream_id <= ? and expires_ts > ? order by stream_id limit ?`,
    roomIds,
    { after: [after, upto, now, limit] },
  )
  // More rooms than fit into one statement come in several lists.
  return rows.sort((a, b) => a.stream_id - b.stream_id).slice(0, limit)
}

/** Ours in a room, the oldest first: what a server that comes in has to hear of. */
export async function listOwnStickyEvents(conn: Conn, roomId: RoomId, now: number, limit: number): Promise<number[]> {
  const rows = await conn.rows<{ event_nid: number }>(
    `select s.event_nid from sticky_events s join events e on e.nid = s.event_nid
      where s.room_id = ? and s.is_local = 1 and s.expires_ts > ? and e.redacted_by is null
      order by s.stream_id desc limit ?`,
    [roomId, now, limit],
  )
  return rows.map(({ event_nid }) => event_nid).reverse()
}

/** The latest of a room that were kept back, sent since some time, and that do not stick yet; the oldest first. */
export async function listKeptBack(conn: Conn, roomId: RoomId, sinceTs: number, limit: number): Promise<StoredEvent[]> {
  const rows = await conn.rows<EventRow>(
    `select ${eventColumns('e')} from events e
      where e.room_id = ? and e.origin_server_ts > ? and e.status = ${eventStatus.softFailed}
        and not exists (select 1 from sticky_events s where s.event_nid = e.nid)
      order by e.origin_server_ts desc limit ?`,
    [roomId, sinceTs, limit],
  )
  return rows.map((row) => new StoredEvent(row)).toReversed()
}

export async function removeExpiredSticky(tx: Tx, now: number): Promise<number> {
  return await tx.run('delete from sticky_events where expires_ts <= ?', [now])
}
