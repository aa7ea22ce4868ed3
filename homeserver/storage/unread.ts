/** What unread counts are counted from. */
import type { EventId, RoomId, UserId } from '../core/ids.ts'
import { type Conn, rowsIn } from './database.ts'

export interface PushRow {
  readonly room_id: RoomId
  readonly stream_id: number
  readonly sender: UserId
  readonly thread_root: EventId | null
  readonly state_key: string | null
  /** In the form of domain/push/push-column.ts. */
  readonly push: string
}

/** A user's membership event in a room. */
export interface MemberChangeRow {
  readonly room_id: RoomId
  readonly stream_id: number
  readonly json: string
}

/**
 * The last events of each room in (since, upto] that matter for counts, oldest first, at most `limit` of each. `since`
 * gives the place of each room.
 */
export async function listPushEvents(
  conn: Conn,
  since: ReadonlyMap<RoomId, number>,
  { upto, limit }: { upto: number; limit: number },
): Promise<PushRow[]> {
  if (since.size === 0) return []
  const wanted = Array.from(since, () => '(?, cast(? as bigint))').join(', ')
  return await conn.rows(
    `with wanted (room_id, since) as (values ${wanted}),
      bounds as materialized (
        select w.room_id, coalesce((select x.stream_id from events x
                                     where x.room_id = w.room_id and x.push is not null
                                       and x.stream_id > w.since and x.stream_id <= ?
                                     order by x.stream_id desc limit 1 offset ?), w.since) as after
          from wanted w)
     select e.room_id, e.stream_id, e.sender, e.thread_root, e.state_key, e.push from bounds b
       join events e on e.room_id = b.room_id and e.push is not null and e.stream_id > b.after and e.stream_id <= ?
      order by e.stream_id`,
    [...[...since].flat(), upto, limit, upto],
  )
}

/** A user's membership events in each of the rooms, the latest first, at most `limit` of each. */
export async function listMemberChanges(
  conn: Conn,
  userId: UserId,
  roomIds: readonly RoomId[],
  limit: number,
): Promise<MemberChangeRow[]> {
  return await rowsIn(
    conn,
    `select c.room_id, c.stream_id, e.json from (
       select room_id, stream_id, event_nid, row_number() over (partition by room_id order by stream_id desc) as place
         from state_changes where type = 'm.room.member' and state_key = ? and room_id in (?)) c
       join events e on e.nid = c.event_nid
      where c.place <= ? order by c.stream_id desc`,
    roomIds,
    { before: [userId], after: [limit] },
  )
}
