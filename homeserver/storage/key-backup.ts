/** Server-side backups of room keys: numbered versions, each with its sessions. */
import type { UserId } from '../core/ids.ts'
import type { Conn, Tx, Value } from './database.ts'

export interface BackupVersion {
  readonly version: number
  readonly algorithm: string
  /** As JSON. */
  readonly authData: string
  /** Grows with every change of the sessions. */
  readonly etag: number
  readonly sessionCount: number
}

export interface BackedUpSession {
  readonly roomId: string
  readonly sessionId: string
  readonly firstMessageIndex: number
  readonly forwardedCount: number
  readonly isVerified: boolean
  /** As JSON. */
  readonly sessionData: string
}

/** All sessions of a version, those of a room, or one. */
export interface SessionScope {
  readonly roomId?: string
  readonly sessionId?: string
}

interface VersionRow {
  readonly version: number
  readonly algorithm: string
  readonly auth_data: string
  readonly etag: number
  readonly session_count: number
}

const versionColumns = 'version, algorithm, auth_data, etag, session_count'
/** Eight bound values each. */
const SESSIONS_PER_STATEMENT = 3_000

/** The version of that number, or the latest. */
export async function findBackup(conn: Conn, userId: UserId, version?: number): Promise<BackupVersion | undefined> {
  const which = version === undefined ? '' : 'and version = ?'
  const row = await conn.row<VersionRow>(
    `select ${versionColumns} from key_backups
      where user_id = ? and deleted = 0 ${which} order by version desc limit 1`,
    version === undefined ? [userId] : [userId, version],
  )
  return (
    row && {
      version: row.version,
      algorithm: row.algorithm,
      authData: row.auth_data,
      etag: row.etag,
      sessionCount: row.session_count,
    }
  )
}

/** The greatest number a version ever had, deleted ones included, and how many there are. */
export async function countBackups(conn: Conn, userId: UserId): Promise<{ latest: number; live: number }> {
  const row = await conn.row<{ latest: number | null; live: number | null }>(
    'select max(version) as latest, sum(1 - deleted) as live from key_backups where user_id = ?',
    [userId],
  )
  return { latest: row?.latest ?? 0, live: row?.live ?? 0 }
}

export async function addBackup(
  tx: Tx,
  userId: UserId,
  { version, algorithm, authData }: Pick<BackupVersion, 'version' | 'algorithm' | 'authData'>,
): Promise<void> {
  await tx.run('delete from key_backups where user_id = ? and deleted = 1', [userId])
  await tx.run('insert into key_backups (user_id, version, algorithm, auth_data) values (?, ?, ?, ?)', [
    userId,
    version,
    algorithm,
    authData,
  ])
}

export async function setBackupAuthData(tx: Tx, userId: UserId, version: number, authData: string): Promise<void> {
  await tx.run('update key_backups set auth_data = ? where user_id = ? and version = ?', [authData, userId, version])
}

/** Deletes a version with its sessions. */
export async function removeBackup(tx: Tx, userId: UserId, version: number): Promise<void> {
  await tx.run('delete from key_backup_sessions where user_id = ? and version = ?', [userId, version])
  await tx.run(`update key_backups set deleted = 1, auth_data = '{}' where user_id = ? and version = ?`, [
    userId,
    version,
  ])
}

/** Deletes all versions with their sessions. */
export async function removeBackups(tx: Tx, userId: UserId): Promise<void> {
  for (const table of ['key_backup_sessions', 'key_backups']) {
    await tx.run(`delete from ${table} where user_id = ?`, [userId])
  }
}

/**
 * Puts sessions into a version where they are better than what is there: verified ones first, then those that decrypt
 * from an earlier message on, then those forwarded less often.
 */
export async function putSessions(
  tx: Tx,
  userId: UserId,
  version: number,
  sessions: readonly BackedUpSession[],
): Promise<{ added: number; changed: number }> {
  let [added, changed] = [0, 0]
  for (let from = 0; from < sessions.length; from += SESSIONS_PER_STATEMENT) {
    const chunk = sessions.slice(from, from + SESSIONS_PER_STATEMENT)
    added += chunk.length - (await countPresent(tx, userId, version, chunk))
    changed += await tx.run(
      `insert into key_backup_sessions as old (user_id, version, room_id, session_id,
              first_message_index, forwarded_count, is_verified, session_data)
       values ${chunk.map(() => '(?, ?, ?, ?, ?, ?, ?, ?)').join(', ')}
       on conflict (user_id, version, room_id, session_id) do update set
         first_message_index = excluded.first_message_index, forwarded_count = excluded.forwarded_count,
         is_verified = excluded.is_verified, session_data = excluded.session_data
       where (1 - excluded.is_verified, excluded.first_message_index, excluded.forwarded_count)
           < (1 - old.is_verified, old.first_message_index, old.forwarded_count)`,
      chunk.flatMap((session): Value[] => [
        userId,
        version,
        session.roomId,
        session.sessionId,
        session.firstMessageIndex,
        session.forwardedCount,
        Number(session.isVerified),
        session.sessionData,
      ]),
    )
  }
  return { added, changed }
}

async function countPresent(
  conn: Conn,
  userId: UserId,
  version: number,
  sessions: readonly BackedUpSession[],
): Promise<number> {
  const row = await conn.row<{ present: number }>(
    `select count(*) as present from key_backup_sessions where user_id = ? and version = ?
        and (room_id, session_id) in (values ${sessions.map(() => '(?, ?)').join(', ')})`,
    [userId, version, ...sessions.flatMap(({ roomId, sessionId }) => [roomId, sessionId])],
  )
  return row?.present ?? 0
}

/** Gives the number of sessions deleted. */
export async function removeSessions(tx: Tx, userId: UserId, version: number, scope: SessionScope): Promise<number> {
  const { sql, bindings } = conditionOf(scope)
  return await tx.run(`delete from key_backup_sessions where user_id = ? and version = ?${sql}`, [
    userId,
    version,
    ...bindings,
  ])
}

/** To be called after a change of the sessions. */
export async function touchBackup(tx: Tx, userId: UserId, version: number, countDelta: number): Promise<void> {
  await tx.run(
    `update key_backups set etag = etag + 1, session_count = session_count + ? where user_id = ? and version = ?`,
    [countDelta, userId, version],
  )
}

/** The next `limit` sessions after one, in the order of rooms and sessions. */
export async function listSessions(
  conn: Conn,
  userId: UserId,
  version: number,
  scope: SessionScope,
  { after, limit }: { after?: BackedUpSession | undefined; limit: number },
): Promise<BackedUpSession[]> {
  const { sql, bindings } = conditionOf(scope)
  const further = after ? ' and (room_id, session_id) > (?, ?)' : ''
  const rows = await conn.rows<{
    room_id: string
    session_id: string
    first_message_index: number
    forwarded_count: number
    is_verified: number
    session_data: string
  }>(
    `select room_id, session_id, first_message_index, forwarded_count, is_verified, session_data
       from key_backup_sessions where user_id = ? and version = ?${sql}${further}
      order by room_id, session_id limit ?`,
    [userId, version, ...bindings, ...(after ? [after.roomId, after.sessionId] : []), limit],
  )
  return rows.map((row) => ({
    roomId: row.room_id,
    sessionId: row.session_id,
    firstMessageIndex: row.first_message_index,
    forwardedCount: row.forwarded_count,
    isVerified: row.is_verified === 1,
    sessionData: row.session_data,
  }))
}

function conditionOf({ roomId, sessionId }: SessionScope): { sql: string; bindings: string[] } {
  return {
    sql: `${roomId === undefined ? '' : ' and room_id = ?'}${sessionId === undefined ? '' : ' and session_id = ?'}`,
    bindings: [roomId, sessionId].filter((part) => part !== undefined),
  }
}
