import type { UserId } from '../core/ids.ts'
import type { Conn, Tx } from './database.ts'

export interface OpenIdToken {
  readonly hash: string
  readonly userId: UserId
  readonly expiresTs: number
}

/** Keeps the user's latest `keep` tokens, the new one among them, and drops everybody's that have expired by `now`. */
export async function addOpenIdToken(
  tx: Tx,
  { hash, userId, expiresTs }: OpenIdToken,
  { keep, now }: { keep: number; now: number },
): Promise<void> {
  await tx.run('delete from openid_tokens where expires_ts <= ?', [now])
  await tx.run(
    `delete from openid_tokens where token_hash in
       (select token_hash from openid_tokens where user_id = ? order by expires_ts desc limit ? offset ?)`,
    [userId, 1_000_000, keep - 1],
  )
  await tx.run('insert into openid_tokens (token_hash, user_id, expires_ts) values (?, ?, ?)', [
    hash,
    userId,
    expiresTs,
  ])
}

export async function findOpenIdToken(conn: Conn, hash: string): Promise<OpenIdToken | undefined> {
  const row = await conn.row<{ user_id: UserId; expires_ts: number }>(
    'select user_id, expires_ts from openid_tokens where token_hash = ?',
    [hash],
  )
  return row && { hash, userId: row.user_id, expiresTs: row.expires_ts }
}

export async function removeOpenIdTokens(tx: Tx, userId: UserId): Promise<void> {
  await tx.run('delete from openid_tokens where user_id = ?', [userId])
}
