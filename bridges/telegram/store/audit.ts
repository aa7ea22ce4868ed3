/** Who bridged what, and ended it. */
import type { Conn, Tx } from '../../appservice/database.ts'

/** More than these are not kept. */
const MAX_ACTS = 10_000

export interface Act {
  readonly at: number
  /** A Matrix user, or `telegram:` and an id. */
  readonly actor: string
  readonly act: 'bridge' | 'unbridge' | 'pause' | 'resume'
  readonly chat_id: string
  readonly room_id: string
}

export async function addAct(tx: Tx, { at, actor, act, chat_id: chatId, room_id: roomId }: Act): Promise<void> {
  const last = await tx.row<{ seq: number | null }>('select max(seq) as seq from telegram_audit')
  const seq = Number(last?.seq ?? 0) + 1
  await tx.run('insert into telegram_audit (seq, at, actor, act, chat_id, room_id) values (?, ?, ?, ?, ?, ?)', [
    seq,
    at,
    actor,
    act,
    chatId,
    roomId,
  ])
  await tx.run('delete from telegram_audit where seq <= ?', [seq - MAX_ACTS])
}

/** The latest first. */
export async function latestActs(conn: Conn, limit: number): Promise<Act[]> {
  return await conn.rows<Act>('select at, actor, act, chat_id, room_id from telegram_audit order by seq desc limit ?', [
    limit,
  ])
}
