/** Events that notify somebody. */
import type { RoomId } from '../core/ids.ts'
import { type Conn, rowsIn } from './database.ts'
import type { EventRow } from './events.ts'

export type PushedEvent = Pick<
  EventRow,
  'event_id' | 'room_id' | 'stream_id' | 'type' | 'state_key' | 'sender' | 'origin_server_ts' | 'thread_root' | 'push'
>

const columns = 'event_id, room_id, stream_id, type, state_key, sender, origin_server_ts, thread_root, push'
const notifies = `push is not null and push <> '{}'`

export interface PushedRange {
  readonly after: number
  readonly upto: number
  readonly limit: number
}

/** The first `limit` in (after, upto], in their order. */
export async function listPushedEvents(conn: Conn, { after, upto, limit }: PushedRange): Promise<PushedEvent[]> {
  return await conn.rows(
    `select ${columns} from events where stream_id > ? and stream_id <= ? and ${notifies} order by stream_id limit ?`,
    [after, upto, limit],
  )
}

/** The first `limit` in (after, upto] of some rooms, in their order. */
export async function listPushedEventsIn(
  conn: Conn,
  roomIds: readonly RoomId[],
  { after, upto, limit }: PushedRange,
): Promise<PushedEvent[]> {
  const rows = await rowsIn<PushedEvent>(
    conn,
    `select ${columns} from events
      where room_id in (?) and stream_id > ? and stream_id <= ? and ${notifies} order by stream_id limit ?`,
    roomIds,
    { after: [after, upto, limit] },
  )
  return rows.slice(0, limit)
}

/**
 * The last `limit` below `before` of each of some rooms, the latest first. What an answer lacks is before the earliest
 * event of any room with `limit` of them.
 */
export async function listLastPushedEventsIn(
  conn: Conn,
  roomIds: readonly RoomId[],
  { before, limit }: { before: number; limit: number },
): Promise<PushedEvent[]> {
  const rows = await rowsIn<PushedEvent>(
    conn,
    `with wanted as materialized (
       select r.room_id, coalesce((select x.stream_id from events x
                                    where x.room_id = r.room_id and x.push is not null and x.push <> '{}' and x.stream_id < ?
                                    order by x.stream_id desc limit 1 offset ?), 0) as first
         from rooms r where r.room_id in (?))
     select ${columns.replaceAll(/\w+/g, 'e.$&')} from wanted w
       join events e on e.room_id = w.room_id and e.stream_id >= w.first and e.stream_id < ?
                    and e.push is not null and e.push <> '{}'`,
    roomIds,
    { before: [before, limit - 1], after: [before] },
  )
  return rows.sort((a, b) => (b.stream_id ?? 0) - (a.stream_id ?? 0))
}
