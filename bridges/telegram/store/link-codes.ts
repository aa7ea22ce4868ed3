/** Codes that somebody got in Telegram, to be said in Matrix: of each only its hash. */
import type { Conn, Tx } from '../../appservice/database.ts'

/** The latest code of somebody is the only one. */
export async function addLinkCode(
  tx: Tx,
  { hash, person, now, until }: { hash: string; person: string; now: number; until: number },
): Promise<void> {
  await tx.run('delete from telegram_link_codes where person = ? or expires_at <= ?', [person, now])
  await tx.run('insert into telegram_link_codes (code_hash, person, expires_at) values (?, ?, ?)', [
    hash,
    person,
    until,
  ])
}

export async function findLinkCode(conn: Conn, hash: string, now: number): Promise<string | undefined> {
  const row = await conn.row<{ person: string }>(
    'select person from telegram_link_codes where code_hash = ? and expires_at > ?',
    [hash, now],
  )
  return row?.person
}

/** False where it was used in the meantime. */
export async function removeLinkCode(tx: Tx, hash: string): Promise<boolean> {
  return (await tx.run('delete from telegram_link_codes where code_hash = ?', [hash])) > 0
}
