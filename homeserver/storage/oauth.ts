/** Clients of OAuth 2.0, authorization codes and device grants. Codes are known by their SHA-256 alone. */
import type { DeviceId, UserId } from '../core/ids.ts'
import type { Conn, Tx } from './database.ts'

/** Stores the client, or notes that it came again. `metadata` is JSON. */
export async function setClient(tx: Tx, clientId: string, metadata: string, now: number): Promise<void> {
  await tx.run(
    `insert into oauth_clients (client_id, metadata, registered_ts) values (?, ?, ?)
       on conflict (client_id) do update set registered_ts = excluded.registered_ts`,
    [clientId, metadata, now],
  )
}

/** The client's metadata as JSON. */
export async function findClient(conn: Conn, clientId: string): Promise<string | undefined> {
  const row = await conn.row<{ metadata: string }>('select metadata from oauth_clients where client_id = ?', [clientId])
  return row?.metadata
}

const unused = `not exists (select 1 from devices d where d.client_id = oauth_clients.client_id)
  and not exists (select 1 from oauth_codes c where c.client_id = oauth_clients.client_id)
  and not exists (select 1 from oauth_device_grants g where g.client_id = oauth_clients.client_id)`

/** Forgets clients without a session that have not registered for long. */
export async function removeUnusedClients(tx: Tx, registeredBefore: number): Promise<void> {
  await tx.run(`delete from oauth_clients where registered_ts < ? and ${unused}`, [registeredBefore])
}

/** Whether there are more than `max` clients that no session needs. */
export async function hasUnusedClients(conn: Conn, max: number): Promise<boolean> {
  const row = await conn.row(`select 1 from oauth_clients where ${unused} limit 1 offset ?`, [max])
  return row !== undefined
}

/** What a person has allowed. */
export interface Grant {
  readonly clientId: string
  readonly userId: UserId
  readonly scope: string
  readonly deviceId: DeviceId
}

export interface Code extends Grant {
  readonly redirectUri: string
  readonly codeChallenge: string
  readonly expiresTs: number
}

interface CodeRow {
  client_id: string
  user_id: UserId
  redirect_uri: string
  scope: string
  device_id: string
  code_challenge: string
  expires_ts: number
  is_used: number
}

export async function addCode(tx: Tx, codeHash: string, code: Code): Promise<void> {
  await tx.run(
    `insert into oauth_codes (code_hash, client_id, user_id, redirect_uri, scope, device_id, code_challenge, expires_ts)
       values (?, ?, ?, ?, ?, ?, ?, ?)`,
    [
      codeHash,
      code.clientId,
      code.userId,
      code.redirectUri,
      code.scope,
      code.deviceId,
      code.codeChallenge,
      code.expiresTs,
    ],
  )
}

export async function findCode(
  conn: Conn,
  codeHash: string,
): Promise<(Code & { readonly isUsed: boolean }) | undefined> {
  const row = await conn.row<CodeRow>('select * from oauth_codes where code_hash = ?', [codeHash])
  return (
    row && {
      clientId: row.client_id,
      userId: row.user_id,
      redirectUri: row.redirect_uri,
      scope: row.scope,
      deviceId: row.device_id,
      codeChallenge: row.code_challenge,
      expiresTs: row.expires_ts,
      isUsed: row.is_used === 1,
    }
  )
}

/** Uses the code up; false if somebody else has. */
export async function markCodeUsed(tx: Tx, codeHash: string): Promise<boolean> {
  return (await tx.run('update oauth_codes set is_used = 1 where code_hash = ? and is_used = 0', [codeHash])) === 1
}

export async function removeCodes(tx: Tx, expiredBefore: number): Promise<void> {
  await tx.run('delete from oauth_codes where expires_ts < ?', [expiredBefore])
}

export type Decision = 'pending' | 'allowed' | 'denied'

export interface DeviceGrant {
  readonly deviceCodeHash: string
  readonly userCode: string
  readonly clientId: string
  readonly scope: string
  readonly deviceId: DeviceId
  readonly expiresTs: number
  readonly nextPollTs: number
  readonly intervalMs: number
  readonly decision: Decision
  /** Who has decided. */
  readonly userId: UserId | undefined
}

interface DeviceGrantRow {
  device_code_hash: string
  user_code: string
  client_id: string
  scope: string
  device_id: string
  expires_ts: number
  next_poll_ts: number
  interval_ms: number
  decision: Decision
  user_id: UserId | null
}

export async function addDeviceGrant(tx: Tx, grant: Omit<DeviceGrant, 'decision' | 'userId'>): Promise<void> {
  await tx.run(
    `insert into oauth_device_grants
       (device_code_hash, user_code, client_id, scope, device_id, expires_ts, next_poll_ts, interval_ms)
       values (?, ?, ?, ?, ?, ?, ?, ?)`,
    [
      grant.deviceCodeHash,
      grant.userCode,
      grant.clientId,
      grant.scope,
      grant.deviceId,
      grant.expiresTs,
      grant.nextPollTs,
      grant.intervalMs,
    ],
  )
}

export async function countDeviceGrants(conn: Conn): Promise<number> {
  const row = await conn.row<{ count: number }>('select count(*) as count from oauth_device_grants')
  return row?.count ?? 0
}

export async function findDeviceGrant(
  conn: Conn,
  by: { readonly deviceCodeHash: string } | { readonly userCode: string },
): Promise<DeviceGrant | undefined> {
  const [column, value] = 'userCode' in by ? ['user_code', by.userCode] : ['device_code_hash', by.deviceCodeHash]
  const row = await conn.row<DeviceGrantRow>(`select * from oauth_device_grants where ${column} = ?`, [value])
  return (
    row && {
      deviceCodeHash: row.device_code_hash,
      userCode: row.user_code,
      clientId: row.client_id,
      scope: row.scope,
      deviceId: row.device_id,
      expiresTs: row.expires_ts,
      nextPollTs: row.next_poll_ts,
      intervalMs: row.interval_ms,
      decision: row.decision,
      userId: row.user_id ?? undefined,
    }
  )
}

export async function setNextPoll(
  tx: Tx,
  deviceCodeHash: string,
  next: { readonly nextPollTs: number; readonly intervalMs: number },
): Promise<void> {
  await tx.run('update oauth_device_grants set next_poll_ts = ?, interval_ms = ? where device_code_hash = ?', [
    next.nextPollTs,
    next.intervalMs,
    deviceCodeHash,
  ])
}

/** False if there is nothing to decide: unknown, expired, or decided. */
export async function decideDeviceGrant(
  tx: Tx,
  userCode: string,
  decided: { readonly decision: Decision; readonly userId: UserId; readonly scope: string; readonly now: number },
): Promise<boolean> {
  const { decision, userId, scope, now } = decided
  const changed = await tx.run(
    `update oauth_device_grants set decision = ?, user_id = ?, scope = ?
       where user_code = ? and decision = 'pending' and expires_ts > ?`,
    [decision, userId, scope, userCode, now],
  )
  return changed === 1
}

/** Uses the grant up; false if somebody else has. */
export async function removeDeviceGrant(tx: Tx, deviceCodeHash: string): Promise<boolean> {
  return (await tx.run('delete from oauth_device_grants where device_code_hash = ?', [deviceCodeHash])) === 1
}

export async function removeDeviceGrants(tx: Tx, expiredBefore: number): Promise<void> {
  await tx.run('delete from oauth_device_grants where expires_ts < ?', [expiredBefore])
}

/** Lets a client replace the user's cross-signing keys until then. */
export async function allowCrossSigningReset(tx: Tx, userId: UserId, expiresTs: number): Promise<void> {
  await tx.run(
    `insert into cross_signing_resets (user_id, expires_ts) values (?, ?)
       on conflict (user_id) do update set expires_ts = excluded.expires_ts`,
    [userId, expiresTs],
  )
}

export async function mayResetCrossSigning(conn: Conn, userId: UserId, now: number): Promise<boolean> {
  const row = await conn.row('select 1 from cross_signing_resets where user_id = ? and expires_ts > ?', [userId, now])
  return row !== undefined
}

/** Uses the permission up; false if there is none. */
export async function takeCrossSigningReset(tx: Tx, userId: UserId, now: number): Promise<boolean> {
  const taken = await tx.run('delete from cross_signing_resets where user_id = ? and expires_ts > ?', [userId, now])
  return taken === 1
}
