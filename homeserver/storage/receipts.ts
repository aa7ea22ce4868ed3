/** How far users have read: for each room, user, kind of receipt and thread the latest event. */
import type { EventId, RoomId, UserId } from '../core/ids.ts'
import { type Conn, insertMany, rowsIn, type Tx } from './database.ts'

export type ReceiptType = 'm.read' | 'm.read.private'

export interface ReceiptRow {
  readonly room_id: RoomId
  readonly user_id: UserId
  readonly receipt_type: ReceiptType
  /** The root of a thread, `main`, or empty for an unthreaded receipt. */
  readonly thread_id: string
  readonly event_id: EventId
  /** The place of the event in the events stream; of one that is not here, that of the receipt before it. */
  readonly event_stream: number
  readonly ts: number
  readonly stream_id: number
}

const columns = [
  'room_id',
  'user_id',
  'receipt_type',
  'thread_id',
  'event_id',
  'event_stream',
  'ts',
  'stream_id',
] as const satisfies readonly (keyof ReceiptRow)[]

const selected = columns.join(', ')

/** What a receipt is for; a new one for the same replaces it. */
export type ReceiptKey = Pick<ReceiptRow, 'room_id' | 'user_id' | 'receipt_type' | 'thread_id'>

/** At most one row for each key. */
export async function setReceipts(tx: Tx, rows: readonly ReceiptRow[]): Promise<void> {
  const updates = columns.slice(4).map((column) => `${column} = excluded.${column}`)
  await insertMany(
    tx,
    'receipts',
    columns,
    rows.map((row) => columns.map((column) => row[column])),
    `on conflict (room_id, user_id, receipt_type, thread_id) do update set ${updates.join(', ')}`,
  )
}

/** The receipts there are for the keys, in no order. At most a few thousand keys. */
export async function listReceipts(conn: Conn, keys: readonly ReceiptKey[]): Promise<ReceiptRow[]> {
  if (keys.length === 0) return []
  const tuples = keys.map(() => '(?, ?, ?, ?)').join(', ')
  return await conn.rows(
    `select ${selected} from receipts where (room_id, user_id, receipt_type, thread_id) in (values ${tuples})`,
    keys.flatMap(({ room_id, user_id, receipt_type, thread_id }) => [room_id, user_id, receipt_type, thread_id]),
  )
}

/** The receipts in these rooms that came in (since, upto] and that `reader` may see, in their order: private ones are for their own user. */
export async function listRoomReceipts(
  conn: Conn,
  roomIds: readonly RoomId[],
  since: number,
  upto: number,
  reader: UserId,
): Promise<ReceiptRow[]> {
  const rows = await rowsIn<ReceiptRow>(
    conn,
    `select ${selected} from receipts where room_id in (?) and stream_id > ? and stream_id <= ?
        and (receipt_type = 'm.read' or user_id = ?)`,
    roomIds,
    { after: [since, upto, reader] },
  )
  return rows.sort((a, b) => a.stream_id - b.stream_id)
}

/** All receipts of a user in these rooms, private and threaded ones too: what unread counts are counted from. */
export async function listOwnReceipts(conn: Conn, userId: UserId, roomIds: readonly RoomId[]): Promise<ReceiptRow[]> {
  return await rowsIn(conn, `select ${selected} from receipts where user_id = ? and room_id in (?)`, roomIds, {
    before: [userId],
  })
}

/** As `listOwnReceipts`, of some users in one room. */
export async function listReceiptsOf(conn: Conn, roomId: RoomId, userIds: readonly UserId[]): Promise<ReceiptRow[]> {
  return await rowsIn(conn, `select ${selected} from receipts where room_id = ? and user_id in (?)`, userIds, {
    before: [roomId],
  })
}

/** Removes those of people who never were in the room. Deletes rows of the stream `receipts`. */
export async function removeReceiptsOfStrangers(tx: Tx, roomId: RoomId): Promise<void> {
  await tx.run(
    'delete from receipts where room_id = ? and user_id not in (select user_id from memberships where room_id = ?)',
    [roomId, roomId],
  )
}

/** Whether a thread begins with this event. */
export async function hasThread(conn: Conn, root: EventId): Promise<boolean> {
  const row = await conn.row(`select 1 from relations where target_id = ? and rel_type = 'm.thread' limit 1`, [root])
  return row !== undefined
}
