/** How far each application service has been told, and what of the streams comes next. */
import type { DeviceId, UserId } from '../core/ids.ts'
import { type Conn, rowsIn, type Tx } from './database.ts'
import { eventColumns, type EventRow, eventStatus, StoredEvent } from './events.ts'
import type { PresenceRow } from './presence.ts'
import type { ReceiptRow } from './receipts.ts'
import type { Positions } from './streams.ts'

/** Up to where the streams were looked through. */
export type AppservicePlace = Pick<Positions, 'events' | 'receipts' | 'presence' | 'to_device' | 'device_lists'>

/** A transaction as it is kept until it is taken. */
export interface KeptTransaction {
  /** The places of its events in the stream. */
  readonly events: readonly number[]
  /** Its other members as JSON text, without braces; empty if it has none. */
  readonly members: string
}

export interface AppserviceProgress {
  readonly place: AppservicePlace
  /** The id of the latest transaction, 0 before the first. */
  readonly txnId: number
  /** The latest transaction, if it was not taken yet. */
  readonly pending: KeptTransaction | undefined
}

type ProgressRow = AppservicePlace & {
  readonly txn_id: number
  readonly txn_events: string | null
  readonly txn_members: string | null
}

const placeColumns = ['events', 'receipts', 'presence', 'to_device', 'device_lists'] as const
const columns = ['txn_id', ...placeColumns, 'txn_events', 'txn_members']

export async function findAppserviceProgress(conn: Conn, id: string): Promise<AppserviceProgress | undefined> {
  const row = await conn.row<ProgressRow>(
    `select ${columns.join(', ')} from appservice_progress where appservice_id = ?`,
    [id],
  )
  if (!row) return undefined
  const { txn_id: txnId, txn_events: events, txn_members: members, ...place } = row
  const pending = events === null ? undefined : { events: JSON.parse(events) as number[], members: members ?? '' }
  return { place, txnId, pending }
}

export async function setAppserviceProgress(tx: Tx, id: string, progress: AppserviceProgress): Promise<void> {
  const { place, txnId, pending } = progress
  const updates = columns.map((column) => `${column} = excluded.${column}`)
  await tx.run(
    `insert into appservice_progress (appservice_id, ${columns.join(', ')})
       values (?${', ?'.repeat(columns.length)})
       on conflict (appservice_id) do update set ${updates.join(', ')}`,
    [
      id,
      txnId,
      ...placeColumns.map((column) => place[column]),
      pending ? JSON.stringify(pending.events) : null,
      pending?.members ?? null,
    ],
  )
}

/** A piece of a stream: what lies in (after, upto], the first `limit` of it. */
export interface StreamRange {
  readonly after: number
  readonly upto: number
  readonly limit: number
}

/** Accepted events, in their order. */
export async function listEventsInRange(conn: Conn, { after, upto, limit }: StreamRange): Promise<StoredEvent[]> {
  const rows = await conn.rows<EventRow>(
    `select ${eventColumns('e')} from events e
      where e.stream_id > ? and e.stream_id <= ? and e.status = ? order by e.stream_id limit ?`,
    [after, upto, eventStatus.accepted, limit],
  )
  return rows.map((row) => new StoredEvent(row))
}

/** By their places, in their order. */
export async function listEventsAt(conn: Conn, places: readonly number[]): Promise<StoredEvent[]> {
  const rows = await rowsIn<EventRow>(
    conn,
    `select ${eventColumns('e')} from events e where e.stream_id in (?)`,
    places,
  )
  return rows.sort((a, b) => (a.stream_id ?? 0) - (b.stream_id ?? 0)).map((row) => new StoredEvent(row))
}

export async function listReceiptsInRange(conn: Conn, { after, upto, limit }: StreamRange): Promise<ReceiptRow[]> {
  return await conn.rows('select * from receipts where stream_id > ? and stream_id <= ? order by stream_id limit ?', [
    after,
    upto,
    limit,
  ])
}

export async function listPresenceInRange(conn: Conn, { after, upto, limit }: StreamRange): Promise<PresenceRow[]> {
  return await conn.rows('select * from presence where stream_id > ? and stream_id <= ? order by stream_id limit ?', [
    after,
    upto,
    limit,
  ])
}

export interface DeviceListRow {
  readonly stream_id: number
  readonly user_id: UserId
}

export async function listDeviceListsInRange(
  conn: Conn,
  { after, upto, limit }: StreamRange,
): Promise<DeviceListRow[]> {
  return await conn.rows(
    `select stream_id, user_id from device_list_changes
      where stream_id > ? and stream_id <= ? order by stream_id limit ?`,
    [after, upto, limit],
  )
}

export interface ToDeviceRow {
  readonly stream_id: number
  readonly user_id: UserId
  readonly device_id: DeviceId
  readonly event: string
}

/** Messages to devices of anybody. */
export async function listToDeviceInRange(conn: Conn, { after, upto, limit }: StreamRange): Promise<ToDeviceRow[]> {
  return await conn.rows(
    `select stream_id, user_id, device_id, event from to_device
      where stream_id > ? and stream_id <= ? order by stream_id limit ?`,
    [after, upto, limit],
  )
}

/** Deletes messages to devices that a transaction has. `streams.remember(tx, 'to_device')` comes first. */
export async function removeToDeviceAt(tx: Tx, places: readonly number[]): Promise<void> {
  if (places.length === 0) return
  await tx.run(`delete from to_device where stream_id in (${places.map(() => '?').join(',')})`, places)
}

/** Those of the users whom the application service has registered. */
export async function listRegisteredBy(conn: Conn, id: string, userIds: readonly UserId[]): Promise<UserId[]> {
  const rows = await rowsIn<{ user_id: UserId }>(
    conn,
    'select user_id from accounts where appservice_id = ? and user_id in (?)',
    userIds,
    { before: [id] },
  )
  return rows.map(({ user_id }) => user_id)
}

/** The devices of these users that have published keys. */
export async function listEncryptingDevices(
  conn: Conn,
  userIds: readonly UserId[],
): Promise<{ readonly user_id: UserId; readonly device_id: DeviceId }[]> {
  return await rowsIn(conn, 'select user_id, device_id from device_keys where user_id in (?)', userIds)
}
