/** What connections of sliding sync have told their clients. */
import type { DeviceId, UserId } from '../core/ids.ts'
import { type Conn, rowsIn, type Tx } from './database.ts'

export interface ConnectionKey {
  readonly userId: UserId
  readonly sessionId: string
  readonly connId: string
}

/** The two places that the client may be at, with what it was told until then as JSON. */
export interface StoredConnection {
  readonly epoch: string
  readonly knownSeq: number
  readonly known: string
  readonly givenSeq: number
  readonly given: string
}

interface Row {
  readonly epoch: string
  readonly known_seq: number
  readonly known: string
  readonly given_seq: number
  readonly given: string
}

export async function findConnection(
  conn: Conn,
  { userId, sessionId, connId }: ConnectionKey,
): Promise<StoredConnection | undefined> {
  const row = await conn.row<Row>(
    `select epoch, known_seq, known, given_seq, given from sliding_connections
      where user_id = ? and session_id = ? and conn_id = ?`,
    [userId, sessionId, connId],
  )
  return (
    row && {
      epoch: row.epoch,
      knownSeq: row.known_seq,
      known: row.known,
      givenSeq: row.given_seq,
      given: row.given,
    }
  )
}

export async function setConnection(
  tx: Tx,
  { userId, sessionId, connId }: ConnectionKey,
  { epoch, knownSeq, known, givenSeq, given }: StoredConnection,
  usedTs: number,
): Promise<void> {
  await tx.run(
    `insert into sliding_connections
       (user_id, session_id, conn_id, epoch, known_seq, known, given_seq, given, used_ts)
       values (?, ?, ?, ?, ?, ?, ?, ?, ?)
     on conflict (user_id, session_id, conn_id) do update set epoch = excluded.epoch,
       known_seq = excluded.known_seq, known = excluded.known,
       given_seq = excluded.given_seq, given = excluded.given, used_ts = excluded.used_ts`,
    [userId, sessionId, connId, epoch, knownSeq, known, givenSeq, given, usedTs],
  )
}

/** Keeps the connections of a session that were used last. */
export async function removeOldConnections(
  tx: Tx,
  { userId, sessionId }: Omit<ConnectionKey, 'connId'>,
  keep: number,
): Promise<void> {
  await tx.run(
    `delete from sliding_connections where user_id = ? and session_id = ? and conn_id not in (
       select conn_id from sliding_connections where user_id = ? and session_id = ?
        order by used_ts desc, conn_id limit ?)`,
    [userId, sessionId, userId, sessionId, keep],
  )
}

export async function removeConnectionsOf(tx: Tx, userId: UserId, deviceIds: readonly DeviceId[]): Promise<void> {
  const sql = 'delete from sliding_connections where user_id = ? and session_id in (?) returning session_id'
  await rowsIn(tx, sql, deviceIds, { before: [userId] })
}
