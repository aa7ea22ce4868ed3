/** Calls that were and are, and the stays of people in them: rows of `call_history` and `call_stays`. */
import type { RoomId, UserId } from '../core/ids.ts'
import { type Conn, rowsIn, type Tx } from './database.ts'

export interface CallRow {
  readonly call_id: string
  readonly room_id: RoomId
  readonly slot_id: string
  readonly started_ts: number
  /** Null while somebody is in it. */
  readonly ended_ts: number | null
}

export interface StayRow {
  readonly call_id: string
  readonly user_id: UserId
  readonly joined_ts: number
  readonly left_ts: number | null
  /** 1 while our SFU has them. */
  readonly at_sfu: number
  /** When our SFU was seen to have them last. */
  readonly seen_ts: number | null
  /** How often they were gone for a moment and came back. */
  readonly returns: number
  /** How the last connection ended, in the words of the SFU. */
  readonly end_reason: string | null
}

const callColumns = 'c.call_id, c.room_id, c.slot_id, c.started_ts, c.ended_ts'
const stayColumns = [
  'call_id',
  'user_id',
  'joined_ts',
  'left_ts',
  'at_sfu',
  'seen_ts',
  'returns',
  'end_reason',
] as const

export async function addCall(tx: Tx, { call_id, room_id, slot_id, started_ts }: CallRow): Promise<void> {
  await tx.run('insert into call_history (call_id, room_id, slot_id, started_ts) values (?, ?, ?, ?)', [
    call_id,
    room_id,
    slot_id,
    started_ts,
  ])
}

export async function endCall(tx: Tx, callId: string, endedTs: number): Promise<void> {
  await tx.run('update call_history set ended_ts = ? where call_id = ?', [endedTs, callId])
}

/** Adds a stay, or changes it. */
export async function setStay(tx: Tx, stay: StayRow): Promise<void> {
  await tx.run(
    `insert into call_stays (${stayColumns.join(', ')}) values (${stayColumns.map(() => '?').join(', ')})
       on conflict (call_id, user_id, joined_ts) do update set left_ts = excluded.left_ts, at_sfu = excluded.at_sfu,
         seen_ts = excluded.seen_ts, returns = excluded.returns, end_reason = excluded.end_reason`,
    stayColumns.map((column) => stay[column]),
  )
}

/** The calls of a room that go on. */
export async function listOpenCalls(conn: Conn, roomId: RoomId): Promise<CallRow[]> {
  return await conn.rows(`select ${callColumns} from call_history c where c.room_id = ? and c.ended_ts is null`, [
    roomId,
  ])
}

export async function listRoomsWithCalls(conn: Conn): Promise<RoomId[]> {
  const rows = await conn.rows<{ room_id: RoomId }>('select distinct room_id from call_history where ended_ts is null')
  return rows.map(({ room_id: roomId }) => roomId)
}

/** In the order in which people came. */
export async function listStays(conn: Conn, callIds: readonly string[]): Promise<StayRow[]> {
  return await rowsIn(
    conn,
    `select ${stayColumns.join(', ')} from call_stays where call_id in (?) order by joined_ts, user_id`,
    callIds,
  )
}

/** When the user was last in any call of this slot, as far as it has ended. */
export async function findLastStay(
  conn: Conn,
  { roomId, slotId, userId }: { readonly roomId: RoomId; readonly slotId: string; readonly userId: UserId },
): Promise<StayRow | undefined> {
  return await conn.row(
    `select ${stayColumns.map((column) => `s.${column}`).join(', ')} from call_stays s
       join call_history c on c.call_id = s.call_id
      where s.user_id = ? and c.room_id = ? and c.slot_id = ? order by s.joined_ts desc limit 1`,
    [userId, roomId, slotId],
  )
}

export interface OwnStay extends Pick<StayRow, 'joined_ts' | 'left_ts'> {
  readonly room_id: RoomId
}

/** Everything of one user, the oldest first. */
export async function listStaysOf(conn: Conn, userId: UserId): Promise<OwnStay[]> {
  return await conn.rows(
    `select c.room_id, s.joined_ts, s.left_ts from call_stays s join call_history c on c.call_id = s.call_id
      where s.user_id = ? order by s.joined_ts`,
    [userId],
  )
}

/** Our SFU is no more: nobody is there. */
export async function forgetSfu(tx: Tx): Promise<void> {
  await tx.run('update call_stays set at_sfu = 0 where at_sfu = 1 and left_ts is null')
}

/** A place in a list of calls: the one after which to go on. */
export interface CallPlace {
  readonly startedTs: number
  readonly callId: string
}

export interface CallQuery {
  /** Those of one room. */
  readonly roomId?: RoomId | undefined
  /** Those that this user took part in. */
  readonly userId?: UserId | undefined
  /** Those in rooms that this user is in now. */
  readonly memberId?: UserId | undefined
  readonly after?: CallPlace | undefined
  readonly limit: number
}

/** The newest first. */
export async function listCalls(conn: Conn, query: CallQuery): Promise<CallRow[]> {
  const { roomId, userId, memberId, after, limit } = query
  const conditions: readonly (readonly [string, readonly (string | number)[]])[] = [
    ...(roomId === undefined ? [] : [['c.room_id = ?', [roomId]] as const]),
    ...(userId === undefined
      ? []
      : [['exists (select 1 from call_stays s where s.call_id = c.call_id and s.user_id = ?)', [userId]] as const]),
    ...(memberId === undefined
      ? []
      : [
          [
            "exists (select 1 from memberships m where m.room_id = c.room_id and m.user_id = ? and m.membership = 'join')",
            [memberId],
          ] as const,
        ]),
    ...(after ? [['(c.started_ts, c.call_id) < (?, ?)', [after.startedTs, after.callId]] as const] : []),
  ]
  const where = conditions.length === 0 ? '' : `where ${conditions.map(([sql]) => sql).join(' and ')}`
  return await conn.rows(
    `select ${callColumns} from call_history c ${where} order by c.started_ts desc, c.call_id desc limit ?`,
    [...conditions.flatMap(([, bindings]) => bindings), limit],
  )
}

/** Forgets those that ended before `ts`. */
export async function removeCallsBefore(tx: Tx, ts: number): Promise<void> {
  const old = 'select call_id from call_history where ended_ts < ?'
  await tx.run(`delete from call_stays where call_id in (${old})`, [ts])
  await tx.run('delete from call_history where ended_ts < ?', [ts])
}

/** Forgets that the user was in any call, and calls that nobody else was in. */
export async function removeStaysOf(tx: Tx, userId: UserId): Promise<void> {
  const calls = await tx.rows<{ call_id: string }>('select distinct call_id from call_stays where user_id = ?', [
    userId,
  ])
  await tx.run('delete from call_stays where user_id = ?', [userId])
  for (const { call_id: callId } of calls) {
    await tx.run(
      'delete from call_history where call_id = ? and not exists (select 1 from call_stays where call_id = ?)',
      [callId, callId],
    )
  }
}
