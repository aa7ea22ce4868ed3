/** Delayed events by which somebody leaves a call, kept back by the server: rows of `call_leaves`. */
import type { Conn, Tx } from './database.ts'

export interface CallLeaveRow {
  readonly sfu_room: string
  readonly identity: string
  readonly delay_id: string
  readonly delay_ms: number
  readonly connected: 0 | 1
}

/** In place of what there was for the same participant, or with the same event. */
export async function setCallLeave(tx: Tx, row: CallLeaveRow): Promise<void> {
  await tx.run('delete from call_leaves where delay_id = ? or (sfu_room = ? and identity = ?)', [
    row.delay_id,
    row.sfu_room,
    row.identity,
  ])
  await tx.run('insert into call_leaves (sfu_room, identity, delay_id, delay_ms, connected) values (?, ?, ?, ?, ?)', [
    row.sfu_room,
    row.identity,
    row.delay_id,
    row.delay_ms,
    row.connected,
  ])
}

export async function setCallLeaveConnected(tx: Tx, delayId: string): Promise<void> {
  await tx.run('update call_leaves set connected = 1 where delay_id = ?', [delayId])
}

export async function removeCallLeave(tx: Tx, delayId: string): Promise<void> {
  await tx.run('delete from call_leaves where delay_id = ?', [delayId])
}

export async function listCallLeaves(conn: Conn): Promise<CallLeaveRow[]> {
  return await conn.rows('select sfu_room, identity, delay_id, delay_ms, connected from call_leaves')
}
