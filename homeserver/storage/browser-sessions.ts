/** People who are logged in on the server's own pages. The cookie is known by its SHA-256 alone. */
import type { UserId } from '../core/ids.ts'
import type { Conn, Tx } from './database.ts'

export interface BrowserSession {
  readonly userId: UserId
  /** Of the password with which the session began. */
  readonly passwordStamp: string
  /** The second factor that is still to be shown. */
  readonly awaitsFactor: string | undefined
  /** When the person last showed who they are. */
  readonly authenticatedTs: number
  readonly expiresTs: number
}

interface Row {
  user_id: UserId
  password_stamp: string
  awaits_factor: string | null
  authenticated_ts: number
  expires_ts: number
}

/** Adds a session; of those of the user the `keep` latest stay. */
export async function addBrowserSession(
  tx: Tx,
  sessionHash: string,
  session: BrowserSession,
  { keep }: { keep: number },
): Promise<void> {
  const { userId, passwordStamp, awaitsFactor, authenticatedTs, expiresTs } = session
  await tx.run(
    `insert into browser_sessions (session_hash, user_id, password_stamp, awaits_factor, authenticated_ts, expires_ts)
       values (?, ?, ?, ?, ?, ?)`,
    [sessionHash, userId, passwordStamp, awaitsFactor ?? null, authenticatedTs, expiresTs],
  )
  await tx.run(
    `delete from browser_sessions where user_id = ? and session_hash not in
       (select session_hash from browser_sessions where user_id = ? order by authenticated_ts desc limit ?)`,
    [userId, userId, keep],
  )
}

export async function findBrowserSession(conn: Conn, sessionHash: string): Promise<BrowserSession | undefined> {
  const row = await conn.row<Row>('select * from browser_sessions where session_hash = ?', [sessionHash])
  return (
    row && {
      userId: row.user_id,
      passwordStamp: row.password_stamp,
      awaitsFactor: row.awaits_factor ?? undefined,
      authenticatedTs: row.authenticated_ts,
      expiresTs: row.expires_ts,
    }
  )
}

export async function removeBrowserSession(tx: Tx, sessionHash: string): Promise<void> {
  await tx.run('delete from browser_sessions where session_hash = ?', [sessionHash])
}

export async function removeBrowserSessionsOf(tx: Tx, userId: UserId): Promise<void> {
  await tx.run('delete from browser_sessions where user_id = ?', [userId])
}

export async function removeExpiredBrowserSessions(tx: Tx, now: number): Promise<void> {
  await tx.run('delete from browser_sessions where expires_ts <= ?', [now])
}
