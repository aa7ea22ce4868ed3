/** Rooms that were replaced, until the bot is in the new one. */
import type { Conn, Tx } from '../../appservice/database.ts'

export async function awaitUpgrade(tx: Tx, roomId: string, next: string): Promise<void> {
  await tx.run('delete from telegram_upgrades where room_id = ? or next_room = ?', [roomId, next])
  await tx.run('insert into telegram_upgrades (room_id, next_room) values (?, ?)', [roomId, next])
}

/** The room that this one is to replace. */
export async function awaitedFrom(conn: Conn, next: string): Promise<string | undefined> {
  const row = await conn.row<{ room_id: string }>('select room_id from telegram_upgrades where next_room = ?', [next])
  return row?.room_id
}

export async function endUpgrade(tx: Tx, roomId: string): Promise<void> {
  await tx.run('delete from telegram_upgrades where room_id = ?', [roomId])
}
