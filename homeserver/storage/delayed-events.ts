/** Events that wait for their time, and what became of them. */
import type { EventId, RoomId, UserId } from '../core/ids.ts'
import type { Conn, Tx } from './database.ts'

type DelayedOutcome = 'sent' | 'cancelled' | 'failed'

export interface DelayedEventRow {
  readonly delay_id: string
  readonly user_id: UserId
  /** The session that asked for it. */
  readonly device: string
  readonly txn_id: string | null
  readonly room_id: RoomId
  readonly type: string
  /** Null for messages. */
  readonly state_key: string | null
  /** JSON with its numbers as they were written. */
  readonly content: string
  readonly delay_ms: number
  readonly sticky_ms: number | null
  readonly since_ts: number
  readonly fire_ts: number
  /** Tries that failed for no fault of the event. */
  readonly attempts: number
  /** Null while it waits. */
  readonly finalised_ts: number | null
  readonly outcome: DelayedOutcome | null
  readonly event_id: EventId | null
  /** `{ errcode, error }` as JSON. */
  readonly error: string | null
}

const columns = [
  'delay_id',
  'user_id',
  'device',
  'txn_id',
  'room_id',
  'type',
  'state_key',
  'content',
  'delay_ms',
  'sticky_ms',
  'since_ts',
  'fire_ts',
  'attempts',
  'finalised_ts',
  'outcome',
  'event_id',
  'error',
] as const satisfies readonly (keyof DelayedEventRow)[]
const selected = columns.join(', ')

export async function addDelayedEvent(tx: Tx, row: DelayedEventRow): Promise<void> {
  await tx.run(
    `insert into delayed_events (${selected}) values (${columns.map(() => '?').join(', ')})`,
    columns.map((column) => row[column]),
  )
}

export async function findDelayedEvent(conn: Conn, delayId: string): Promise<DelayedEventRow | undefined> {
  return await conn.row(`select ${selected} from delayed_events where delay_id = ?`, [delayId])
}

/** What was asked for under a transaction id. */
export async function findDelayedTransaction(
  conn: Conn,
  { userId, device, roomId, txnId }: { userId: UserId; device: string; roomId: RoomId; txnId: string },
): Promise<string | undefined> {
  const row = await conn.row<{ delay_id: string }>(
    'select delay_id from delayed_events where user_id = ? and device = ? and room_id = ? and txn_id = ?',
    [userId, device, roomId, txnId],
  )
  return row?.delay_id
}

/** The events of a user that wait, the next one first. */
export async function listScheduled(conn: Conn, userId: UserId): Promise<DelayedEventRow[]> {
  return await conn.rows(
    `select ${selected} from delayed_events where user_id = ? and finalised_ts is null order by fire_ts, delay_id`,
    [userId],
  )
}

/** Those of a user that are through, the latest first, from before a place if one is given. */
export async function listFinalised(
  conn: Conn,
  userId: UserId,
  { before, limit }: { before?: { ts: number; delayId: string } | undefined; limit: number },
): Promise<DelayedEventRow[]> {
  const place = before ? 'and (finalised_ts < ? or (finalised_ts = ? and delay_id < ?))' : ''
  return await conn.rows(
    `select ${selected} from delayed_events where user_id = ? and finalised_ts is not null ${place}
      order by finalised_ts desc, delay_id desc limit ?`,
    [userId, ...(before ? [before.ts, before.ts, before.delayId] : []), limit],
  )
}

/** How many of a user wait, and when the next is due. */
export async function countScheduled(
  conn: Conn,
  userId: UserId,
): Promise<{ readonly count: number; readonly next: number }> {
  const row = await conn.row<{ count: number; next: number | null }>(
    'select count(*) as count, min(fire_ts) as next from delayed_events where user_id = ? and finalised_ts is null',
    [userId],
  )
  return { count: row?.count ?? 0, next: row?.next ?? 0 }
}

/** Those whose time has come, the earliest first. */
export async function listDue(
  conn: Conn,
  now: number,
  limit: number,
): Promise<Pick<DelayedEventRow, 'delay_id' | 'room_id'>[]> {
  return await conn.rows(
    `select delay_id, room_id from delayed_events where finalised_ts is null and fire_ts <= ?
      order by fire_ts, delay_id limit ?`,
    [now, limit],
  )
}

/** When the first of those is due that are not yet; undefined if there are none. */
export async function nextDue(conn: Conn, now: number): Promise<number | undefined> {
  const row = await conn.row<{ next: number | null }>(
    'select min(fire_ts) as next from delayed_events where finalised_ts is null and fire_ts > ?',
    [now],
  )
  return row?.next ?? undefined
}

/** Starts its time again. Gives when it is over, or undefined for an event that does not wait. */
export async function restartDelayedEvent(tx: Tx, delayId: string, now: number): Promise<number | undefined> {
  const row = await tx.row<{ fire_ts: number }>(
    `update delayed_events set since_ts = ?, fire_ts = ? + delay_ms, attempts = 0
      where delay_id = ? and finalised_ts is null returning fire_ts`,
    [now, now, delayId],
  )
  return row?.fire_ts
}

export async function postponeDelayedEvent(tx: Tx, delayId: string, fireTs: number): Promise<void> {
  await tx.run(
    'update delayed_events set fire_ts = ?, attempts = attempts + 1 where delay_id = ? and finalised_ts is null',
    [fireTs, delayId],
  )
}

/**
 * Gives those that say who takes part in a call at least `graceMs` from now, if their delay is that long: whoever is in
 * the call can tell so only now that the server is back.
 */
export async function postponeLeaves(tx: Tx, now: number, graceMs: number): Promise<void> {
  const grace = 'case when delay_ms < ? then delay_ms else ? end'
  await tx.run(
    `update delayed_events set fire_ts = ? + ${grace}
      where finalised_ts is null and fire_ts < ? + ${grace}
        and (type like '%.call.member' or type like '%.rtc.member' or sticky_ms is not null)`,
    [now, graceMs, graceMs, now, graceMs, graceMs],
  )
}

/** False if the event does not wait. */
export async function finaliseDelayedEvent(
  tx: Tx,
  delayId: string,
  { ts, outcome, eventId, error }: Finalisation,
): Promise<boolean> {
  const changed = await tx.run(
    `update delayed_events set finalised_ts = ?, outcome = ?, event_id = ?, error = ?
      where delay_id = ? and finalised_ts is null`,
    [ts, outcome, eventId ?? null, error ?? null, delayId],
  )
  return changed > 0
}

export interface Finalisation {
  readonly ts: number
  readonly outcome: DelayedOutcome
  readonly eventId?: EventId
  readonly error?: string
}

/** State that waits to be set in any of the rooms. */
export async function listScheduledState(
  conn: Conn,
  roomIds: readonly RoomId[],
): Promise<Pick<DelayedEventRow, 'delay_id' | 'user_id' | 'room_id' | 'type' | 'state_key'>[]> {
  return await conn.rows(
    `select delay_id, user_id, room_id, type, state_key from delayed_events
      where finalised_ts is null and state_key is not null and room_id in (${roomIds.map(() => '?').join(', ')})`,
    roomIds,
  )
}

export async function removeDelayedEvents(tx: Tx, userId: UserId): Promise<void> {
  await tx.run('delete from delayed_events where user_id = ?', [userId])
}

/** Forgets those that were through before `ts`, and of every user all but the latest `keep`. */
export async function forgetFinalised(tx: Tx, ts: number, keep: number): Promise<void> {
  await tx.run('delete from delayed_events where finalised_ts < ?', [ts])
  await tx.run(
    `delete from delayed_events where delay_id in
       (select delay_id from
         (select delay_id, row_number() over (partition by user_id order by finalised_ts desc) as place
            from delayed_events where finalised_ts is not null) ranked
         where place > ?)`,
    [keep],
  )
}
