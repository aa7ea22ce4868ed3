/** What other servers have to be told about the devices and keys of our users, and how far they were told. */
import type { DeviceId, UserId } from '../core/ids.ts'
import { type Conn, insertMany, type Tx } from './database.ts'

/** In place of a device: the cross-signing keys of the user. */
export const crossSigningKeys: DeviceId = ''

/** A change that waits already is counted, so that whoever tells it in this moment notices. */
export async function addUntoldChanges(tx: Tx, userId: UserId, deviceIds: readonly DeviceId[]): Promise<void> {
  await insertMany(
    tx,
    'untold_key_changes',
    ['user_id', 'device_id', 'changes'],
    deviceIds.map((deviceId) => [userId, deviceId, 1]),
    'on conflict (user_id, device_id) do update set changes = untold_key_changes.changes + 1',
  )
}

export async function listUsersWithUntoldChanges(conn: Conn, limit: number): Promise<UserId[]> {
  const rows = await conn.rows<{ user_id: UserId }>('select distinct user_id from untold_key_changes limit ?', [limit])
  return rows.map(({ user_id }) => user_id)
}

/** Takes the changes of a user out. */
export async function takeUntoldChanges(tx: Tx, userId: UserId): Promise<DeviceId[]> {
  const rows = await tx.rows<{ device_id: DeviceId }>(
    'delete from untold_key_changes where user_id = ? returning device_id',
    [userId],
  )
  return rows.map(({ device_id }) => device_id).toSorted()
}

/** The last update of a user's devices; 0 if there was none. */
export async function lastDeviceListUpdate(conn: Conn, userId: UserId): Promise<number> {
  const row = await conn.row<{ stream_id: number }>('select stream_id from device_list_updates where user_id = ?', [
    userId,
  ])
  return row?.stream_id ?? 0
}

/** Numbers the next `count` updates, and gives the last of them. */
export async function advanceDeviceListUpdates(tx: Tx, userId: UserId, count: number): Promise<number> {
  const row = await tx.row<{ stream_id: number }>(
    `insert into device_list_updates (user_id, stream_id) values (?, ?)
       on conflict (user_id) do update set stream_id = device_list_updates.stream_id + excluded.stream_id
     returning stream_id`,
    [userId, count],
  )
  return row?.stream_id ?? count
}
