/** A user's device that sleeps on the server, encrypted by its owner, and takes messages in the meantime. */
import type { DeviceId, UserId } from '../core/ids.ts'
import type { Conn, Tx } from './database.ts'

export interface DehydratedDevice {
  readonly deviceId: DeviceId
  /** As JSON. */
  readonly deviceData: string
}

export async function findDehydratedDevice(conn: Conn, userId: UserId): Promise<DehydratedDevice | undefined> {
  const row = await conn.row<{ device_id: DeviceId; device_data: string }>(
    'select device_id, device_data from dehydrated_devices where user_id = ?',
    [userId],
  )
  return row && { deviceId: row.device_id, deviceData: row.device_data }
}

/** The user must have none. */
export async function addDehydratedDevice(
  tx: Tx,
  userId: UserId,
  { deviceId, deviceData }: DehydratedDevice,
): Promise<void> {
  await tx.run('insert into dehydrated_devices (user_id, device_id, device_data) values (?, ?, ?)', [
    userId,
    deviceId,
    deviceData,
  ])
}

/** Does nothing for a device that is no dehydrated one. */
export async function removeDehydratedDevice(tx: Tx, userId: UserId, deviceId: DeviceId): Promise<void> {
  await tx.run('delete from dehydrated_devices where user_id = ? and device_id = ?', [userId, deviceId])
}
