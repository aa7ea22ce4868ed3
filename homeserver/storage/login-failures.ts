/** Wrong passwords, by the account they were tried on and the network they came from. */
import type { Conn, Tx } from './database.ts'

export interface LoginFailures {
  readonly network: string
  readonly failures: number
  readonly lastTs: number
}

/** Those with a failure after `since`. */
export async function listLoginFailures(conn: Conn, userId: string, since: number): Promise<LoginFailures[]> {
  const rows = await conn.rows<{ network: string; failures: number; last_ts: number }>(
    'select network, failures, last_ts from login_failures where user_id = ? and last_ts > ?',
    [userId, since],
  )
  return rows.map(({ network, failures, last_ts: lastTs }) => ({ network, failures, lastTs }))
}

/** Counts one more; what failed before `since` is forgotten. */
export async function addLoginFailure(
  tx: Tx,
  { userId, network, now, since }: { userId: string; network: string; now: number; since: number },
): Promise<void> {
  await tx.run(
    `insert into login_failures (user_id, network, failures, last_ts) values (?, ?, 1, ?)
       on conflict (user_id, network) do update set last_ts = excluded.last_ts,
         failures = case when login_failures.last_ts > ? then login_failures.failures + 1 else 1 end`,
    [userId, network, now, since],
  )
}

export async function clearLoginFailures(tx: Tx, userId: string, network: string): Promise<void> {
  await tx.run('delete from login_failures where user_id = ? and network = ?', [userId, network])
}

export async function removeLoginFailures(tx: Tx, before: number): Promise<void> {
  await tx.run('delete from login_failures where last_ts < ?', [before])
}
