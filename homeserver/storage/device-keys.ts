/** The identity keys of devices, as canonical JSON. */
import type { DeviceId, UserId } from '../core/ids.ts'
import { type Conn, insertMany, rowsIn, type Tx } from './database.ts'

export interface StoredDeviceKeys {
  readonly userId: UserId
  readonly deviceId: DeviceId
  /** Canonical JSON, without `unsigned`. */
  readonly keys: string
  readonly displayName: string | null
}

interface Row {
  readonly user_id: UserId
  readonly device_id: DeviceId
  readonly keys: string
  readonly display_name: string | null
}

/** The devices of all these users that have keys, dehydrated ones included. */
export async function listDeviceKeys(conn: Conn, userIds: readonly UserId[]): Promise<StoredDeviceKeys[]> {
  const rows = await rowsIn<Row>(
    conn,
    `select k.user_id, k.device_id, k.keys, coalesce(d.display_name, k.display_name) as display_name
       from device_keys k
       left join devices d on d.user_id = k.user_id and d.device_id = k.device_id
      where k.user_id in (?)`,
    userIds,
  )
  return rows.map(({ user_id, device_id, keys, display_name }) => ({
    userId: user_id,
    deviceId: device_id,
    keys,
    displayName: display_name,
  }))
}

export async function findDeviceKeys(conn: Conn, userId: UserId, deviceId: DeviceId): Promise<string | undefined> {
  const row = await conn.row<{ keys: string }>('select keys from device_keys where user_id = ? and device_id = ?', [
    userId,
    deviceId,
  ])
  return row?.keys
}

export async function setDeviceKeys(tx: Tx, userId: UserId, deviceId: DeviceId, keys: string): Promise<void> {
  await tx.run(
    `insert into device_keys (user_id, device_id, keys) values (?, ?, ?)
       on conflict (user_id, device_id) do update set keys = excluded.keys`,
    [userId, deviceId, keys],
  )
}

export async function countDeviceKeys(conn: Conn, userId: UserId): Promise<number> {
  const row = await conn.row<{ count: number }>('select count(*) as count from device_keys where user_id = ?', [userId])
  return row?.count ?? 0
}

/** Devices of other servers' users. */
export async function setRemoteDeviceKeys(tx: Tx, devices: readonly StoredDeviceKeys[]): Promise<void> {
  await insertMany(
    tx,
    'device_keys',
    ['user_id', 'device_id', 'keys', 'display_name'],
    devices.map(({ userId, deviceId, keys, displayName }) => [userId, deviceId, keys, displayName]),
    `on conflict (user_id, device_id) do update set keys = excluded.keys, display_name = excluded.display_name`,
  )
}

/** Everything that was published for these devices: identity keys, one-time keys and fallback keys. */
export async function removeKeysOfDevices(tx: Tx, userId: UserId, deviceIds: readonly DeviceId[]): Promise<void> {
  if (deviceIds.length === 0) return
  const list = deviceIds.map(() => '?').join(',')
  for (const table of ['device_keys', 'one_time_keys', 'fallback_keys']) {
    await tx.run(`delete from ${table} where user_id = ? and device_id in (${list})`, [userId, ...deviceIds])
  }
}
