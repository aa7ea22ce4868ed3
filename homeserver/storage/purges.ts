/** Deletes what was said in rooms: events that are no state, with everything that was derived from them. */
import type { EventId, RoomId, ServerName } from '../core/ids.ts'
import { type Conn, escapeLike, type Tx, type Value } from './database.ts'
import { eventColumns, type EventRow, StoredEvent } from './events.ts'

/** Before a time, or before a place in the room. */
export type PurgeEnd = { readonly ts: number } | { readonly depth: number; readonly stream: number }

export interface PurgeRange {
  readonly roomId: RoomId
  readonly end: PurgeEnd
  /** What users of this server said stays. */
  readonly sparing?: ServerName | undefined
}

/** The oldest events that a purge may delete, `limit` at most, but for these. */
export async function listPurgeable(
  conn: Conn,
  { roomId, end, sparing }: PurgeRange,
  { except, limit }: { readonly except: readonly EventId[]; readonly limit: number },
): Promise<StoredEvent[]> {
  const [before, place, order] =
    'ts' in end
      ? ['e.origin_server_ts < ?', [end.ts], 'e.origin_server_ts']
      : ['(e.depth, e.stream_id) < (?, ?)', [end.depth, end.stream], 'e.depth, e.stream_id']
  const bindings: Value[] = [roomId, ...place]
  if (sparing !== undefined) bindings.push(`%:${escapeLike(sparing)}`)
  const rows = await conn.rows<EventRow>(
    `select ${eventColumns('e')} from events e where e.room_id = ? and ${before} and e.state_key is null
        ${sparing === undefined ? '' : `and e.sender not like ? escape '\\'`}
        ${except.length === 0 ? '' : `and e.event_id not in (${except.map(() => '?').join(',')})`}
      order by ${order} limit ?`,
    [...bindings, ...except, limit],
  )
  return rows.map((row) => new StoredEvent(row))
}

/** Deletes events of one room that are neither state nor its last. Reports and receipts keep the ids they name. */
export async function deleteEvents(tx: Tx, roomId: RoomId, events: readonly StoredEvent[]): Promise<void> {
  const nids = events.map(({ row }) => row.nid)
  const ids = events.map(({ eventId }) => eventId)
  const streamIds = events.flatMap(({ row }) => row.stream_id ?? [])
  const remove = async (where: string, values: readonly Value[], before: readonly Value[] = []): Promise<void> => {
    if (values.length === 0) return
    await tx.run(`delete from ${where} in (${values.map(() => '?').join(',')})`, [...before, ...values])
  }
  await remove('relations where event_nid', nids)
  await remove('search_documents where stream_id', streamIds)
  await remove('search_documents where source_id', streamIds)
  await remove('sticky_events where event_nid', nids)
  await remove('federation_outbox where kind = 0 and event_nid', nids)
  await remove('early_redactions where redaction_id', ids)
  // Where history was missing before one of them, nothing is missed any more.
  await remove('backward_extremities where room_id = ? and child_id', ids, [roomId])
  await remove('events where nid', nids)
}

/** The rooms whose state says for how long they keep what is said, or all rooms; in their order, those after one. */
export async function listRoomsToPurge(
  conn: Conn,
  { all, after, limit }: { readonly all: boolean; readonly after: string; readonly limit: number },
): Promise<RoomId[]> {
  const rows = await conn.rows<{ room_id: RoomId }>(
    all
      ? 'select room_id from rooms where room_id > ? order by room_id limit ?'
      : `select distinct room_id from room_state
          where (type = 'm.room.retention' or type = 'org.matrix.msc1763.retention') and room_id > ? order by room_id limit ?`,
    [after, limit],
  )
  return rows.map(({ room_id }) => room_id)
}

/** Whether any message but these, by their places in the stream, shows the file. What is encrypted tells nothing. */
export async function isShownElsewhere(conn: Conn, uri: string, except: readonly number[]): Promise<boolean> {
  const others = except.length === 0 ? '' : `and d.stream_id not in (${except.map(() => '?').join(',')})`
  const row = await conn.row(
    `select 1 from search_documents d join events e on e.stream_id = d.source_id
      where d.has_url = 1 ${others} and e.json like ? escape '\\' limit 1`,
    [...except, `%"${escapeLike(uri)}"%`],
  )
  return row !== undefined
}

export type PurgeStatus = 'active' | 'complete' | 'failed'

export interface Purge extends PurgeRange {
  readonly id: string
  readonly withLocal: boolean
  readonly status: PurgeStatus
  readonly error: string | undefined
}

interface PurgeRow {
  readonly purge_id: string
  readonly room_id: RoomId
  readonly before_ts: number | null
  readonly before_depth: number | null
  readonly before_stream: number | null
  readonly with_local: 0 | 1
  readonly status: PurgeStatus
  readonly error: string | null
}

const purgeColumns = 'purge_id, room_id, before_ts, before_depth, before_stream, with_local, status, error'

export async function addPurge(
  tx: Tx,
  { id, roomId, end, withLocal }: Pick<Purge, 'id' | 'roomId' | 'end' | 'withLocal'>,
  now: number,
): Promise<void> {
  const [ts, depth, stream] = 'ts' in end ? [end.ts, null, null] : [null, end.depth, end.stream]
  await tx.run(
    `insert into history_purges
       (purge_id, room_id, before_ts, before_depth, before_stream, with_local, status, created_ts)
       values (?, ?, ?, ?, ?, ?, 'active', ?)`,
    [id, roomId, ts, depth, stream, withLocal ? 1 : 0, now],
  )
}

export async function endPurge(tx: Tx, id: string, status: PurgeStatus, error?: string): Promise<void> {
  await tx.run('update history_purges set status = ?, error = ? where purge_id = ?', [status, error ?? null, id])
}

/** Forgets those that ended, and were asked for before this time. */
export async function forgetPurges(tx: Tx, before: number): Promise<void> {
  await tx.run(`delete from history_purges where created_ts < ? and status <> 'active'`, [before])
}

export async function findPurge(conn: Conn, id: string): Promise<Purge | undefined> {
  const row = await conn.row<PurgeRow>(`select ${purgeColumns} from history_purges where purge_id = ?`, [id])
  return row && purgeOf(row)
}

/** Those that have not ended, the first first. */
export async function listActivePurges(conn: Conn, limit: number): Promise<Purge[]> {
  const rows = await conn.rows<PurgeRow>(
    `select ${purgeColumns} from history_purges where status = 'active' order by created_ts, purge_id limit ?`,
    [limit],
  )
  return rows.map(purgeOf)
}

function purgeOf(row: PurgeRow): Purge {
  return {
    id: row.purge_id,
    roomId: row.room_id,
    end:
      row.before_ts === null ? { depth: row.before_depth ?? 0, stream: row.before_stream ?? 0 } : { ts: row.before_ts },
    withLocal: row.with_local === 1,
    status: row.status,
    error: row.error ?? undefined,
  }
}
