/** Rooms that nobody of this server may come into. */
import type { RoomId, UserId } from '../core/ids.ts'
import type { Conn, Tx } from './database.ts'

/** The administrator who blocked it; undefined if nobody has. */
export async function findRoomBlocker(conn: Conn, roomId: RoomId): Promise<UserId | undefined> {
  const row = await conn.row<{ user_id: UserId }>('select user_id from blocked_rooms where room_id = ?', [roomId])
  return row?.user_id
}

/** Blocks a room by this administrator; undefined opens it again. */
export async function setRoomBlocker(tx: Tx, roomId: RoomId, blocker: UserId | undefined): Promise<void> {
  if (blocker === undefined) await tx.run('delete from blocked_rooms where room_id = ?', [roomId])
  else {
    await tx.run('insert into blocked_rooms (room_id, user_id) values (?, ?) on conflict (room_id) do nothing', [
      roomId,
      blocker,
    ])
  }
}
