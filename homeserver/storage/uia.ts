/** Sessions of interactive authentication. https://spec.matrix.org/v1.19/client-server-api/#user-interactive-authentication-api */
import type { Conn, Tx } from './database.ts'

/** What each passed stage gave, such as the registration token. */
export type CompletedStages = Readonly<Record<string, string>>

export interface UiaSession {
  readonly sessionId: string
  /** Who asked, from which device; empty for a request of nobody. */
  readonly userId: string
  readonly deviceId: string
  readonly method: string
  readonly path: string
  /** Undefined while any body will do. */
  readonly bodyHash: string | undefined
  readonly completed: CompletedStages
  readonly expiresTs: number
}

interface Row {
  session_id: string
  user_id: string
  device_id: string
  method: string
  path: string
  body_hash: string | null
  completed: string
  expires_ts: number
}

export async function addUiaSession(tx: Tx, session: UiaSession): Promise<void> {
  await tx.run(
    `insert into uia_sessions (session_id, user_id, device_id, method, path, body_hash, completed, expires_ts)
       values (?, ?, ?, ?, ?, ?, ?, ?)`,
    [
      session.sessionId,
      session.userId,
      session.deviceId,
      session.method,
      session.path,
      session.bodyHash ?? null,
      JSON.stringify(session.completed),
      session.expiresTs,
    ],
  )
}

/** Undefined as well if it has expired. */
export async function findUiaSession(conn: Conn, sessionId: string, now: number): Promise<UiaSession | undefined> {
  const row = await conn.row<Row>('select * from uia_sessions where session_id = ? and expires_ts > ?', [
    sessionId,
    now,
  ])
  return (
    row && {
      sessionId: row.session_id,
      userId: row.user_id,
      deviceId: row.device_id,
      method: row.method,
      path: row.path,
      bodyHash: row.body_hash ?? undefined,
      completed: JSON.parse(row.completed) as CompletedStages, // written by `setUiaCompleted`
      expiresTs: row.expires_ts,
    }
  )
}

export async function setUiaCompleted(tx: Tx, sessionId: string, completed: CompletedStages): Promise<void> {
  await tx.run('update uia_sessions set completed = ? where session_id = ?', [JSON.stringify(completed), sessionId])
}

/** Uses the session up; false if somebody else has. */
export async function removeUiaSession(tx: Tx, sessionId: string): Promise<boolean> {
  return (await tx.run('delete from uia_sessions where session_id = ?', [sessionId])) === 1
}

export async function removeExpiredUiaSessions(tx: Tx, now: number): Promise<void> {
  await tx.run('delete from uia_sessions where expires_ts <= ?', [now])
}
