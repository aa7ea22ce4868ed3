/** What users see of their devices. Devices come and go with sessions: see `sessions.ts`. */
import type { DeviceId, UserId } from '../core/ids.ts'
import { type Conn, rowsIn, type Tx } from './database.ts'

export interface Device {
  readonly deviceId: DeviceId
  readonly displayName: string | undefined
  readonly lastSeenIp: string | undefined
  readonly lastSeenTs: number | undefined
  readonly lastSeenUserAgent: string | undefined
}

interface DeviceRow {
  readonly device_id: DeviceId
  readonly display_name: string | null
  readonly last_seen_ip: string | null
  readonly last_seen_ts: number | null
  readonly last_seen_user_agent: string | null
}

const columns = 'device_id, display_name, last_seen_ip, last_seen_ts, last_seen_user_agent'

/** Without hidden ones. */
export async function listDevices(conn: Conn, userId: UserId): Promise<Device[]> {
  const rows = await conn.rows<DeviceRow>(
    `select ${columns} from devices where user_id = ? and is_hidden = 0 order by created_ts, device_id`,
    [userId],
  )
  return rows.map(deviceOf)
}

/** Undefined for a hidden one. */
export async function findDevice(conn: Conn, userId: UserId, deviceId: DeviceId): Promise<Device | undefined> {
  const row = await conn.row<DeviceRow>(
    `select ${columns} from devices where user_id = ? and device_id = ? and is_hidden = 0`,
    [userId, deviceId],
  )
  return row && deviceOf(row)
}

/** All devices of all these users, hidden ones too. */
export async function listDevicesOf(
  conn: Conn,
  userIds: readonly UserId[],
): Promise<{ readonly user_id: UserId; readonly device_id: DeviceId }[]> {
  return await rowsIn(conn, 'select user_id, device_id from devices where user_id in (?)', userIds)
}

/** False if there is no such device. */
export async function setDeviceName(tx: Tx, userId: UserId, deviceId: DeviceId, displayName: string): Promise<boolean> {
  const changed = await tx.run(
    'update devices set display_name = ? where user_id = ? and device_id = ? and is_hidden = 0',
    [displayName, userId, deviceId],
  )
  return changed > 0
}

export interface NewDevice {
  readonly displayName: string | undefined
  readonly createdTs: number
  readonly isHidden: boolean
}

/** A device without a session. False if there is one of this id already. */
export async function addDevice(
  tx: Tx,
  userId: UserId,
  deviceId: DeviceId,
  { displayName, createdTs, isHidden }: NewDevice,
): Promise<boolean> {
  const added = await tx.run(
    `insert into devices (user_id, device_id, display_name, created_ts, is_hidden) values (?, ?, ?, ?, ?)
       on conflict do nothing`,
    [userId, deviceId, displayName ?? null, createdTs, Number(isHidden)],
  )
  return added > 0
}

function deviceOf(row: DeviceRow): Device {
  return {
    deviceId: row.device_id,
    displayName: row.display_name ?? undefined,
    lastSeenIp: row.last_seen_ip ?? undefined,
    lastSeenTs: row.last_seen_ts ?? undefined,
    lastSeenUserAgent: row.last_seen_user_agent ?? undefined,
  }
}
