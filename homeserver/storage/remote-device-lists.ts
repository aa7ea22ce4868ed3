/** How well the devices and keys of other servers' users are known here; they themselves are kept with those of our own users. */
import type { RoomId, UserId } from '../core/ids.ts'
import { type Conn, insertMany, rowsIn, type Tx } from './database.ts'

export interface RemoteDeviceList {
  readonly userId: UserId
  /** The last update that is in the list; undefined if nobody said. */
  readonly streamId: number | undefined
  /** Counts what made the list stale. */
  readonly version: number
  readonly isStale: boolean
  /** Of fetching it, since it became stale. */
  readonly failures: number
}

interface Row {
  readonly user_id: UserId
  readonly stream_id: number | null
  readonly version: number
  readonly stale: number
  readonly failures: number
}

const columns = 'user_id, stream_id, version, stale, failures'

export async function listRemoteLists(conn: Conn, userIds: readonly UserId[]): Promise<RemoteDeviceList[]> {
  const sql = `select ${columns} from remote_device_lists where user_id in (?)`
  return (await rowsIn<Row>(conn, sql, userIds)).map(listOf)
}

export async function findRemoteList(conn: Conn, userId: UserId): Promise<RemoteDeviceList | undefined> {
  const row = await conn.row<Row>(`select ${columns} from remote_device_lists where user_id = ?`, [userId])
  return row && listOf(row)
}

/** The users of all lists, in order, after one. */
export async function listUsersOfRemoteLists(conn: Conn, after: string, limit: number): Promise<UserId[]> {
  const rows = await conn.rows<{ user_id: UserId }>(
    'select user_id from remote_device_lists where user_id > ? order by user_id limit ?',
    [after, limit],
  )
  return rows.map(({ user_id }) => user_id)
}

/** Stale lists that may be fetched at `now`, those that wait longest first. */
export async function listStaleLists(conn: Conn, now: number, limit: number): Promise<RemoteDeviceList[]> {
  const rows = await conn.rows<Row>(
    `select ${columns} from remote_device_lists where stale = 1 and retry_ts <= ? order by retry_ts, user_id limit ?`,
    [now, limit],
  )
  return rows.map(listOf)
}

/** When the next stale list may be fetched, if there is one. */
export async function nextRetry(conn: Conn): Promise<number | undefined> {
  const row = await conn.row<{ ts: number | null }>(
    'select min(retry_ts) as ts from remote_device_lists where stale = 1',
  )
  return row?.ts ?? undefined
}

/** Empty lists for users who have none, stale until they are fetched; fetched by others not before `retryTs`. */
export async function addRemoteLists(tx: Tx, userIds: readonly UserId[], retryTs: number): Promise<void> {
  await insertMany(
    tx,
    'remote_device_lists',
    ['user_id', 'stale', 'retry_ts'],
    userIds.map((userId) => [userId, 1, retryTs]),
    'on conflict do nothing',
  )
}

export async function markStale(tx: Tx, userId: UserId, retryTs: number): Promise<void> {
  await tx.run(
    'update remote_device_lists set stale = 1, version = version + 1, failures = 0, retry_ts = ? where user_id = ?',
    [retryTs, userId],
  )
}

/** Takes note of a list as it is now. It stays stale if it became so again since `version`. */
export async function markFetched(
  tx: Tx,
  { userId, streamId, version }: Pick<RemoteDeviceList, 'userId' | 'streamId' | 'version'>,
): Promise<void> {
  await tx.run(
    `update remote_device_lists
        set stream_id = ?, stale = case when version = ? then 0 else 1 end, failures = 0
      where user_id = ?`,
    [streamId ?? null, version, userId],
  )
}

export async function postponeFetch(tx: Tx, userId: UserId, failures: number, retryTs: number): Promise<void> {
  await tx.run('update remote_device_lists set failures = ?, retry_ts = ? where user_id = ?', [
    failures,
    retryTs,
    userId,
  ])
}

export async function setRemoteStreamId(tx: Tx, userId: UserId, streamId: number): Promise<void> {
  await tx.run('update remote_device_lists set stream_id = ? where user_id = ?', [streamId, userId])
}

/** Lists with everything in them. */
export async function removeRemoteLists(tx: Tx, userIds: readonly UserId[]): Promise<void> {
  for (const userId of userIds) {
    for (const table of ['remote_device_lists', 'device_keys', 'cross_signing_keys']) {
      await tx.run(`delete from ${table} where user_id = ?`, [userId])
    }
  }
}

/** Which of the users are joined to which rooms, as far as is known here. */
export async function listRoomsJoinedBy(
  conn: Conn,
  userIds: readonly UserId[],
): Promise<{ readonly user_id: UserId; readonly room_id: RoomId }[]> {
  return await rowsIn(
    conn,
    `select user_id, room_id from memberships where membership = 'join' and user_id in (?)`,
    userIds,
  )
}

function listOf(row: Row): RemoteDeviceList {
  return {
    userId: row.user_id,
    streamId: row.stream_id ?? undefined,
    version: row.version,
    isStale: row.stale === 1,
    failures: row.failures,
  }
}
