/** Signatures of Telegram's login widget that were taken. */
import type { Tx } from './database.ts'

/** Gives whether it is the first time. */
export async function useProof(tx: Tx, hash: string, expiresTs: number): Promise<boolean> {
  const sql = 'insert into telegram_used_proofs (hash, expires_ts) values (?, ?) on conflict do nothing returning hash'
  return (await tx.row(sql, [hash, expiresTs])) !== undefined
}

export async function forgetProofs(tx: Tx, now: number): Promise<void> {
  await tx.run('delete from telegram_used_proofs where expires_ts <= ?', [now])
}
