/** In which room the server speaks to whom: rows of `server_notice_rooms`. */
import type { RoomId, UserId } from '../core/ids.ts'
import type { Conn, Tx } from './database.ts'

export async function findNoticeRoom(conn: Conn, userId: UserId): Promise<RoomId | undefined> {
  const row = await conn.row<{ room_id: RoomId }>('select room_id from server_notice_rooms where user_id = ?', [userId])
  return row?.room_id
}

export async function setNoticeRoom(tx: Tx, userId: UserId, roomId: RoomId): Promise<void> {
  await tx.run(
    `insert into server_notice_rooms (user_id, room_id) values (?, ?)
       on conflict (user_id) do update set room_id = excluded.room_id`,
    [userId, roomId],
  )
}
