/** Devices and the tokens that open them. Tokens are known by their SHA-256 alone; a device's tokens go with the device. */
import type { DeviceId, UserId } from '../core/ids.ts'
import { type Conn, rowsIn, type Tx } from './database.ts'

/** An access token with its account, as a request needs it. */
export interface Session {
  readonly userId: UserId
  readonly deviceId: DeviceId
  readonly expiresTs: number | undefined
  /** Given out with a refresh token and not used so far. */
  readonly isFresh: boolean
  readonly isGuest: boolean
  readonly isAdmin: boolean
  readonly isLocked: boolean
  readonly isSuspended: boolean
  readonly client: SessionClient | undefined
}

/** The OAuth client that a session was given to, and what it may do. */
export interface SessionClient {
  readonly clientId: string
  readonly scope: string
}

interface ClientRow {
  client_id: string | null
  scope: string | null
}

interface SessionRow extends ClientRow {
  user_id: UserId
  device_id: string
  expires_ts: number | null
  refresh_hash: string | null
  is_used: number
  is_guest: number
  is_admin: number
  is_locked: number
  is_suspended: number
}

export async function findSession(conn: Conn, tokenHash: string): Promise<Session | undefined> {
  const row = await conn.row<SessionRow>(
    `select t.user_id, t.device_id, t.expires_ts, t.refresh_hash, t.is_used,
            a.is_guest, a.is_admin, a.is_locked, a.is_suspended, d.client_id, d.scope
       from access_tokens t join accounts a on a.user_id = t.user_id
         join devices d on d.user_id = t.user_id and d.device_id = t.device_id
       where t.token_hash = ?`,
    [tokenHash],
  )
  return (
    row && {
      userId: row.user_id,
      deviceId: row.device_id,
      expiresTs: row.expires_ts ?? undefined,
      isFresh: row.refresh_hash !== null && row.is_used === 0,
      isGuest: row.is_guest === 1,
      isAdmin: row.is_admin === 1,
      isLocked: row.is_locked === 1,
      isSuspended: row.is_suspended === 1,
      client: clientOf(row),
    }
  )
}

function clientOf({ client_id, scope }: ClientRow): SessionClient | undefined {
  return client_id === null ? undefined : { clientId: client_id, scope: scope ?? '' }
}

/** Undefined as well for a session of the API without OAuth. */
export async function findSessionClient(
  conn: Conn,
  userId: UserId,
  deviceId: DeviceId,
): Promise<SessionClient | undefined> {
  const row = await conn.row<ClientRow>('select client_id, scope from devices where user_id = ? and device_id = ?', [
    userId,
    deviceId,
  ])
  return row && clientOf(row)
}

export interface DeviceSeen {
  readonly userId: UserId
  readonly deviceId: DeviceId
  readonly ts: number
  readonly ip: string
  readonly userAgent: string | undefined
}

/**
 * Makes the device, or gives the one that is there its new sign of life and its new client. Its display name is only set
 * when it is made.
 */
export async function touchDevice(
  tx: Tx,
  seen: DeviceSeen,
  { displayName, client }: { displayName: string | undefined; client: SessionClient | undefined },
): Promise<void> {
  const { userId, deviceId, ts, ip, userAgent = null } = seen
  await tx.run(
    `insert into devices (user_id, device_id, display_name, created_ts, last_seen_ts, last_seen_ip,
                          last_seen_user_agent, client_id, scope)
       values (?, ?, ?, ?, ?, ?, ?, ?, ?)
       on conflict (user_id, device_id) do update set last_seen_ts = excluded.last_seen_ts,
         last_seen_ip = excluded.last_seen_ip, last_seen_user_agent = excluded.last_seen_user_agent, is_hidden = 0,
         client_id = excluded.client_id, scope = excluded.scope`,
    [userId, deviceId, displayName ?? null, ts, ts, ip, userAgent, client?.clientId ?? null, client?.scope ?? null],
  )
}

/** Devices that are gone by now are left out. */
export async function noteSeen(tx: Tx, seen: readonly DeviceSeen[]): Promise<void> {
  for (const { userId, deviceId, ts, ip, userAgent = null } of seen) {
    await tx.run(
      `update devices set last_seen_ts = ?, last_seen_ip = ?, last_seen_user_agent = ?
         where user_id = ? and device_id = ?`,
      [ts, ip, userAgent, userId, deviceId],
    )
  }
}

export async function hasDevice(conn: Conn, userId: UserId, deviceId: DeviceId): Promise<boolean> {
  const row = await conn.row('select 1 from devices where user_id = ? and device_id = ?', [userId, deviceId])
  return row !== undefined
}

export async function countDevices(conn: Conn, userId: UserId): Promise<number> {
  const row = await conn.row<{ count: number }>('select count(*) as count from devices where user_id = ?', [userId])
  return row?.count ?? 0
}

export async function listDeviceIds(conn: Conn, userId: UserId): Promise<DeviceId[]> {
  const rows = await conn.rows<{ device_id: string }>('select device_id from devices where user_id = ?', [userId])
  return rows.map((row) => row.device_id)
}

/** Takes devices away, their tokens too, and gives those that were there. */
export async function removeDevices(tx: Tx, userId: UserId, deviceIds: readonly DeviceId[]): Promise<DeviceId[]> {
  const rows = await rowsIn<{ device_id: string }>(
    tx,
    'delete from devices where user_id = ? and device_id in (?) returning device_id',
    deviceIds,
    { before: [userId] },
  )
  return rows.map((row) => row.device_id)
}

export interface NewAccessToken {
  readonly tokenHash: string
  readonly userId: UserId
  readonly deviceId: DeviceId
  readonly createdTs: number
  readonly expiresTs: number | undefined
  readonly refreshHash: string | undefined
}

export async function addAccessToken(tx: Tx, token: NewAccessToken): Promise<void> {
  await tx.run(
    `insert into access_tokens (token_hash, user_id, device_id, created_ts, expires_ts, refresh_hash)
       values (?, ?, ?, ?, ?, ?)`,
    [
      token.tokenHash,
      token.userId,
      token.deviceId,
      token.createdTs,
      token.expiresTs ?? null,
      token.refreshHash ?? null,
    ],
  )
}

export async function markUsed(tx: Tx, tokenHash: string): Promise<void> {
  await tx.run('update access_tokens set is_used = 1 where token_hash = ?', [tokenHash])
}

export interface RefreshToken {
  readonly tokenHash: string
  readonly userId: UserId
  readonly deviceId: DeviceId
  readonly expiresTs: number | undefined
  readonly sessionExpiresTs: number | undefined
  readonly rotatedTs: number | undefined
  readonly successorHash: string | undefined
}

interface RefreshRow {
  token_hash: string
  user_id: UserId
  device_id: string
  expires_ts: number | null
  session_expires_ts: number | null
  rotated_ts: number | null
  successor_hash: string | null
}

export async function findRefreshToken(conn: Conn, tokenHash: string): Promise<RefreshToken | undefined> {
  const row = await conn.row<RefreshRow>('select * from refresh_tokens where token_hash = ?', [tokenHash])
  return (
    row && {
      tokenHash: row.token_hash,
      userId: row.user_id,
      deviceId: row.device_id,
      expiresTs: row.expires_ts ?? undefined,
      sessionExpiresTs: row.session_expires_ts ?? undefined,
      rotatedTs: row.rotated_ts ?? undefined,
      successorHash: row.successor_hash ?? undefined,
    }
  )
}

export async function addRefreshToken(tx: Tx, token: Omit<RefreshToken, 'rotatedTs' | 'successorHash'>): Promise<void> {
  await tx.run(
    `insert into refresh_tokens (token_hash, user_id, device_id, expires_ts, session_expires_ts) values (?, ?, ?, ?, ?)`,
    [token.tokenHash, token.userId, token.deviceId, token.expiresTs ?? null, token.sessionExpiresTs ?? null],
  )
}

/** Remembers what a refresh token was exchanged for; the time of its first exchange stays. */
export async function rotateRefreshToken(
  tx: Tx,
  tokenHash: string,
  successorHash: string,
  rotatedTs: number,
): Promise<void> {
  await tx.run(
    'update refresh_tokens set successor_hash = ?, rotated_ts = coalesce(rotated_ts, ?) where token_hash = ?',
    [successorHash, rotatedTs, tokenHash],
  )
}

/** Whether neither a refresh token nor an access token given out with it has been used. */
export async function isUntouched(conn: Conn, refreshHash: string): Promise<boolean> {
  const row = await conn.row(
    `select 1 from refresh_tokens r where r.token_hash = ? and r.rotated_ts is null
        and not exists (select 1 from access_tokens a where a.refresh_hash = r.token_hash and a.is_used = 1)`,
    [refreshHash],
  )
  return row !== undefined
}

/** Takes away the access tokens of a device, except those given out with one of the refresh tokens. */
export async function removeAccessTokens(
  tx: Tx,
  userId: UserId,
  deviceId: DeviceId,
  { exceptOf = [] }: { exceptOf?: readonly string[] } = {},
): Promise<void> {
  const kept = exceptOf.length === 0 ? '' : `and refresh_hash not in (${exceptOf.map(() => '?').join(', ')})`
  await tx.run(`delete from access_tokens where user_id = ? and device_id = ? ${kept}`, [userId, deviceId, ...exceptOf])
}

export async function removeRefreshTokens(
  tx: Tx,
  userId: UserId,
  deviceId: DeviceId,
  { rotatedBefore }: { rotatedBefore?: number } = {},
): Promise<void> {
  const which = rotatedBefore === undefined ? '' : 'and rotated_ts < ?'
  const bindings = rotatedBefore === undefined ? [] : [rotatedBefore]
  await tx.run(`delete from refresh_tokens where user_id = ? and device_id = ? ${which}`, [
    userId,
    deviceId,
    ...bindings,
  ])
}

/** Ends every token of a device but leaves the device: its client may log in again and keep its keys. */
export async function expireTokens(tx: Tx, userId: UserId, deviceId: DeviceId, now: number): Promise<void> {
  for (const table of ['access_tokens', 'refresh_tokens']) {
    await tx.run(`update ${table} set expires_ts = ? where user_id = ? and device_id = ?`, [now, userId, deviceId])
  }
}

/** Forgets tokens that expired so long ago that no client asks for a soft logout any more. */
export async function removeExpiredTokens(tx: Tx, before: number): Promise<void> {
  for (const table of ['access_tokens', 'refresh_tokens', 'login_tokens']) {
    await tx.run(`delete from ${table} where expires_ts < ?`, [before])
  }
}

export async function addLoginToken(tx: Tx, tokenHash: string, userId: UserId, expiresTs: number): Promise<void> {
  await tx.run('insert into login_tokens (token_hash, user_id, expires_ts) values (?, ?, ?)', [
    tokenHash,
    userId,
    expiresTs,
  ])
}

/** Uses a login token up, and gives whom it logs in. */
export async function takeLoginToken(tx: Tx, tokenHash: string, now: number): Promise<UserId | undefined> {
  const row = await tx.row<{ user_id: UserId }>(
    'delete from login_tokens where token_hash = ? and expires_ts > ? returning user_id',
    [tokenHash, now],
  )
  return row?.user_id
}

export async function removeLoginTokens(tx: Tx, userId: UserId): Promise<void> {
  await tx.run('delete from login_tokens where user_id = ?', [userId])
}
