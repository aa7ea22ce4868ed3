/** What unread counts are counted from. */
import type { EventId, RoomId, UserId } from '../core/ids.ts'
import type { Conn } from './database.ts'

export interface PushRow {
  readonly stream_id: number
  readonly sender: UserId
  readonly thread_root: EventId | null
  readonly state_key: string | null
  /** In the form of domain/push/push-column.ts. */
  readonly push: string
}

/** The last events in (since, upto] that matter for counts, oldest first, at most `limit`. */
export async function listPushEvents(
  conn: Conn,
  roomId: RoomId,
  { since, upto, limit }: { since: number; upto: number; limit: number },
): Promise<PushRow[]> {
  const rows = await conn.rows<PushRow>(
    `select stream_id, sender, thread_root, state_key, push from events
      where room_id = ? and stream_id > ? and stream_id <= ? and push is not null
      order by stream_id desc limit ?`,
    [roomId, since, upto, limit],
  )
  return rows.toReversed()
}

/** The contents of a user's membership events in a room, the latest first. */
export async function listMemberChanges(
  conn: Conn,
  roomId: RoomId,
  userId: UserId,
  limit: number,
): Promise<{ stream_id: number; json: string }[]> {
  return await conn.rows(
    `select c.stream_id, e.json from state_changes c join events e on e.nid = c.event_nid
      where c.state_key = ? and c.type = 'm.room.member' and c.room_id = ?
      order by c.stream_id desc limit ?`,
    [userId, roomId, limit],
  )
}
