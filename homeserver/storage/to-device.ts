/** Messages on their way to devices: kept until the device says, by its next sync, that it has them. */
import type { DeviceId, UserId } from '../core/ids.ts'
import { type Conn, insertMany, type Tx } from './database.ts'

export interface ToDeviceMessage {
  readonly userId: UserId
  readonly deviceId: DeviceId
  /** The event as the device gets it, as JSON. */
  readonly event: string
}

export interface QueuedMessage {
  readonly streamId: number
  readonly event: string
}

/** `firstId` is the first of as many ids reserved in the stream `to_device`. */
export async function addToDeviceMessages(
  tx: Tx,
  firstId: number,
  messages: readonly ToDeviceMessage[],
): Promise<void> {
  await insertMany(
    tx,
    'to_device',
    ['stream_id', 'user_id', 'device_id', 'event'],
    messages.map(({ userId, deviceId, event }, index) => [firstId + index, userId, deviceId, event]),
  )
}

/** The oldest messages for a device in (after, upto], at most `limit`. */
export async function listToDeviceMessages(
  conn: Conn,
  userId: UserId,
  deviceId: DeviceId,
  { after, upto, limit }: { after: number; upto: number; limit: number },
): Promise<QueuedMessage[]> {
  const rows = await conn.rows<{ stream_id: number; event: string }>(
    `select stream_id, event from to_device
      where user_id = ? and device_id = ? and stream_id > ? and stream_id <= ?
      order by stream_id limit ?`,
    [userId, deviceId, after, upto, limit],
  )
  return rows.map(({ stream_id, event }) => ({ streamId: stream_id, event }))
}

export async function hasToDeviceMessages(
  conn: Conn,
  userId: UserId,
  deviceId: DeviceId,
  upto: number,
): Promise<boolean> {
  const row = await conn.row('select 1 from to_device where user_id = ? and device_id = ? and stream_id <= ? limit 1', [
    userId,
    deviceId,
    upto,
  ])
  return row !== undefined
}

/** Deletes what a device has. `streams.remember(tx, 'to_device')` comes first. */
export async function removeToDeviceMessages(tx: Tx, userId: UserId, deviceId: DeviceId, upto: number): Promise<void> {
  await tx.run('delete from to_device where user_id = ? and device_id = ? and stream_id <= ?', [userId, deviceId, upto])
}

/** Deletes all messages for devices that are no more. `streams.remember(tx, 'to_device')` comes first. */
export async function removeMessagesOfDevices(tx: Tx, userId: UserId, deviceIds: readonly DeviceId[]): Promise<void> {
  if (deviceIds.length === 0) return
  await tx.run(`delete from to_device where user_id = ? and device_id in (${deviceIds.map(() => '?').join(',')})`, [
    userId,
    ...deviceIds,
  ])
}

export interface ToDeviceTransaction {
  readonly sender: UserId
  readonly sessionId: string
  readonly eventType: string
  readonly txnId: string
}

/** False if this request has been served before. */
export async function addToDeviceTransaction(
  tx: Tx,
  { sender, sessionId, eventType, txnId }: ToDeviceTransaction,
  ts: number,
): Promise<boolean> {
  const added = await tx.run(
    `insert into to_device_transactions (user_id, session_id, event_type, txn_id, ts) values (?, ?, ?, ?, ?)
       on conflict do nothing`,
    [sender, sessionId, eventType, txnId, ts],
  )
  return added > 0
}

export async function removeToDeviceTransactionsBefore(tx: Tx, ts: number): Promise<void> {
  await tx.run('delete from to_device_transactions where ts < ?', [ts])
}
