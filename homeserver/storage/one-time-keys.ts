/** One-time keys, each handed out at most once, and the fallback keys for when none are left. */
import type { DeviceId, UserId } from '../core/ids.ts'
import { type Conn, insertMany, type Tx, type Value } from './database.ts'

export interface PublishedKey {
  readonly algorithm: string
  readonly keyId: string
  /** The key object, or for algorithms without signatures the key, as canonical JSON. */
  readonly json: string
}

/** Of whom a key is wanted. */
export interface Claim {
  readonly userId: UserId
  readonly deviceId: DeviceId
  readonly algorithm: string
}

export type ClaimedKey = Claim & PublishedKey

interface KeyRow {
  readonly algorithm: string
  readonly key_id: string
  readonly key_json: string
}

type ClaimRow = KeyRow & { readonly user_id: UserId; readonly device_id: DeviceId }

/** Three bound values each. */
const CLAIMS_PER_STATEMENT = 5_000

export async function listOneTimeKeys(conn: Conn, userId: UserId, deviceId: DeviceId): Promise<PublishedKey[]> {
  const rows = await conn.rows<KeyRow>(
    'select algorithm, key_id, key_json from one_time_keys where user_id = ? and device_id = ?',
    [userId, deviceId],
  )
  return rows.map(keyOf)
}

/** Adds keys after all that are there. */
export async function addOneTimeKeys(
  tx: Tx,
  userId: UserId,
  deviceId: DeviceId,
  keys: readonly PublishedKey[],
): Promise<void> {
  const row = await tx.row<{ last: number | null }>(
    'select max(position) as last from one_time_keys where user_id = ? and device_id = ?',
    [userId, deviceId],
  )
  const position = (row?.last ?? 0) + 1
  await insertMany(
    tx,
    'one_time_keys',
    ['user_id', 'device_id', 'algorithm', 'key_id', 'position', 'key_json'],
    keys.map(({ algorithm, keyId, json }) => [userId, deviceId, algorithm, keyId, position, json]),
    'on conflict do nothing',
  )
}

/** What a device has left: how many one-time keys of each algorithm, and its fallback keys. */
export async function listKeysLeft(
  conn: Conn,
  userId: UserId,
  deviceId: DeviceId,
): Promise<{
  readonly oneTime: readonly { readonly algorithm: string; readonly count: number }[]
  readonly fallbacks: readonly { readonly algorithm: string; readonly used: number }[]
}> {
  const rows = await conn.rows<{ algorithm: string; count: number; used: number | null }>(
    `select algorithm, count(*) as count, null as used from one_time_keys
      where user_id = ? and device_id = ? group by algorithm
     union all select algorithm, 1, used from fallback_keys where user_id = ? and device_id = ?`,
    [userId, deviceId, userId, deviceId],
  )
  return {
    oneTime: rows.filter(({ used }) => used === null),
    fallbacks: rows.flatMap(({ algorithm, used }) => (used === null ? [] : { algorithm, used })),
  }
}

/** Takes the oldest key for each claim. Those without one are missing in the answer. No two claims may be the same. */
export async function takeOneTimeKeys(tx: Tx, claims: readonly Claim[]): Promise<ClaimedKey[]> {
  return await forClaims(
    tx,
    claims,
    (wanted) => `${wanted}
      delete from one_time_keys
       where (user_id, device_id, algorithm, key_id) in (
         select w.user_id, w.device_id, w.algorithm,
                (select k.key_id from one_time_keys k
                  where k.user_id = w.user_id and k.device_id = w.device_id and k.algorithm = w.algorithm
                  order by k.position, k.key_id limit 1)
           from wanted w)
      returning user_id, device_id, algorithm, key_id, key_json`,
  )
}

/** The fallback keys for these claims, from now on marked as used. */
export async function useFallbackKeys(tx: Tx, claims: readonly Claim[]): Promise<ClaimedKey[]> {
  return await forClaims(
    tx,
    claims,
    (wanted) => `${wanted}
      update fallback_keys set used = 1
       where (user_id, device_id, algorithm) in (select user_id, device_id, algorithm from wanted)
      returning user_id, device_id, algorithm, key_id, key_json`,
  )
}

/** Sets a device's fallback key for each algorithm. One that is there already stays as used as it was. */
export async function setFallbackKeys(
  tx: Tx,
  userId: UserId,
  deviceId: DeviceId,
  keys: readonly PublishedKey[],
): Promise<void> {
  await insertMany(
    tx,
    'fallback_keys',
    ['user_id', 'device_id', 'algorithm', 'key_id', 'key_json', 'used'],
    keys.map(({ algorithm, keyId, json }) => [userId, deviceId, algorithm, keyId, json, 0]),
    `on conflict (user_id, device_id, algorithm) do update set
       used = case when fallback_keys.key_id = excluded.key_id and fallback_keys.key_json = excluded.key_json
                   then fallback_keys.used else 0 end,
       key_id = excluded.key_id, key_json = excluded.key_json`,
  )
}

/** The algorithms of a device's fallback keys. */
export async function listFallbackAlgorithms(
  conn: Conn,
  userId: UserId,
  deviceId: DeviceId,
): Promise<{ readonly algorithm: string; readonly used: number }[]> {
  return await conn.rows('select algorithm, used from fallback_keys where user_id = ? and device_id = ?', [
    userId,
    deviceId,
  ])
}

async function forClaims(tx: Tx, claims: readonly Claim[], sql: (wanted: string) => string): Promise<ClaimedKey[]> {
  const claimed: ClaimedKey[] = []
  for (let from = 0; from < claims.length; from += CLAIMS_PER_STATEMENT) {
    const chunk = claims.slice(from, from + CLAIMS_PER_STATEMENT)
    const wanted = `with wanted (user_id, device_id, algorithm) as (values ${chunk.map(() => '(?, ?, ?)').join(', ')})`
    const bindings = chunk.flatMap(({ userId, deviceId, algorithm }): Value[] => [userId, deviceId, algorithm])
    const rows = await tx.rows<ClaimRow>(sql(wanted), bindings)
    for (const row of rows) claimed.push({ userId: row.user_id, deviceId: row.device_id, ...keyOf(row) })
  }
  return claimed
}

function keyOf({ algorithm, key_id, key_json }: KeyRow): PublishedKey {
  return { algorithm, keyId: key_id, json: key_json }
}
