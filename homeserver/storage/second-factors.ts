/** Authenticator apps of users, and the codes for those who have lost theirs. */
import type { UserId } from '../core/ids.ts'
import { type Conn, insertMany, type Tx } from './database.ts'

export interface TotpSecret {
  /** Encrypted. */
  readonly secret: string
  readonly isConfirmed: boolean
  /** Of the last code. */
  readonly lastStep: number
}

export async function findTotp(conn: Conn, userId: string): Promise<TotpSecret | undefined> {
  const row = await conn.row<{ secret: string; confirmed_ts: number | null; last_step: number }>(
    'select secret, confirmed_ts, last_step from totp_secrets where user_id = ?',
    [userId],
  )
  return row && { secret: row.secret, isConfirmed: row.confirmed_ts !== null, lastStep: row.last_step }
}

/** False if there is one that is confirmed. */
export async function setTotp(tx: Tx, userId: UserId, secret: string): Promise<boolean> {
  const set = await tx.run(
    `insert into totp_secrets (user_id, secret) values (?, ?)
       on conflict (user_id) do update set secret = excluded.secret where totp_secrets.confirmed_ts is null`,
    [userId, secret],
  )
  return set === 1
}

export async function confirmTotp(tx: Tx, userId: UserId, ts: number): Promise<void> {
  await tx.run('update totp_secrets set confirmed_ts = ? where user_id = ?', [ts, userId])
}

/** False if a code of this step or a later one was used: of two who come at once one gets in. */
export async function useStep(tx: Tx, userId: UserId, step: number): Promise<boolean> {
  const used = await tx.run('update totp_secrets set last_step = ? where user_id = ? and last_step < ?', [
    step,
    userId,
    step,
  ])
  return used === 1
}

export async function removeTotp(tx: Tx, userId: string): Promise<boolean> {
  await tx.run('delete from recovery_codes where user_id = ?', [userId])
  return (await tx.run('delete from totp_secrets where user_id = ?', [userId])) === 1
}

export async function setRecoveryCodes(tx: Tx, userId: UserId, hashes: readonly string[]): Promise<void> {
  await tx.run('delete from recovery_codes where user_id = ?', [userId])
  await insertMany(
    tx,
    'recovery_codes',
    ['user_id', 'code_hash'],
    hashes.map((hash) => [userId, hash]),
  )
}

/** Uses the code up; false if it is none. */
export async function takeRecoveryCode(tx: Tx, userId: UserId, hash: string): Promise<boolean> {
  const taken = await tx.run('delete from recovery_codes where user_id = ? and code_hash = ?', [userId, hash])
  return taken === 1
}
