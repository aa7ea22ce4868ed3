/** PDUs that other servers were told we have, and that are not in their rooms yet. */
import type { Json } from '../core/event.ts'
import type { EventId, RoomId, ServerName } from '../core/ids.ts'
import { type Conn, insertMany, type Tx } from './database.ts'

export interface StagedPdu {
  /** In the order of their coming. */
  readonly stagedId: number
  readonly roomId: RoomId
  readonly eventId: EventId
  readonly origin: ServerName
  readonly json: string
}

export async function stagePdus(tx: Tx, pdus: readonly StagedPdu[]): Promise<void> {
  await insertMany(
    tx,
    'staged_pdus',
    ['staged_id', 'room_id', 'event_id', 'origin', 'json'],
    pdus.map(({ stagedId, roomId, eventId, origin, json }) => [stagedId, roomId, eventId, origin, json]),
  )
}

/** The next PDUs of a room. */
export async function listStaged(conn: Conn, roomId: RoomId, limit: number): Promise<StagedPdu[]> {
  return await conn.rows(
    `select staged_id as "stagedId", room_id as "roomId", event_id as "eventId", origin, json
       from staged_pdus where room_id = ? order by staged_id limit ${limit}`,
    [roomId],
  )
}

export async function unstage(tx: Tx, stagedIds: readonly number[]): Promise<void> {
  if (stagedIds.length === 0) return
  await tx.run(`delete from staged_pdus where staged_id in (${stagedIds.map(() => '?').join(',')})`, stagedIds)
}

/** The rooms that have any, and the greatest id. */
export async function findStaged(conn: Conn): Promise<{ readonly rooms: readonly RoomId[]; readonly last: number }> {
  const rows = await conn.rows<{ room_id: RoomId; last: number }>(
    'select room_id, max(staged_id) as last from staged_pdus group by room_id',
  )
  return { rooms: rows.map(({ room_id }) => room_id), last: Math.max(0, ...rows.map(({ last }) => last)) }
}

/** Remembers the answer to a transaction, and forgets those of that server from before `forgetTs`. */
export async function addReceivedTransaction(
  tx: Tx,
  { origin, txnId, answer, ts, forgetTs }: ReceivedTransaction & { readonly ts: number; readonly forgetTs: number },
): Promise<void> {
  await tx.run('delete from received_transactions where origin = ? and received_ts < ?', [origin, forgetTs])
  await tx.run(
    'insert into received_transactions (origin, txn_id, answer, received_ts) values (?, ?, ?, ?) on conflict do nothing',
    [origin, txnId, JSON.stringify(answer), ts],
  )
}

export interface ReceivedTransaction {
  readonly origin: ServerName
  readonly txnId: string
  readonly answer: Json
}

export async function findAnswer(conn: Conn, origin: ServerName, txnId: string): Promise<Json | undefined> {
  const row = await conn.row<{ answer: string }>(
    'select answer from received_transactions where origin = ? and txn_id = ?',
    [origin, txnId],
  )
  return row && (JSON.parse(row.answer) as Json) // written by addReceivedTransaction
}
