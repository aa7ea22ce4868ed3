/** Who is online, as last told to others. */
import type { UserId } from '../core/ids.ts'
import { type Conn, insertMany, rowsIn, type Tx } from './database.ts'

export type PresenceState = 'online' | 'unavailable' | 'offline'

export interface PresenceRow {
  readonly user_id: UserId
  readonly state: PresenceState
  readonly status_msg: string | null
  readonly last_active_ts: number
  /** 0 or 1. */
  readonly currently_active: number
  readonly stream_id: number
}

const columns = [
  'user_id',
  'state',
  'status_msg',
  'last_active_ts',
  'currently_active',
  'stream_id',
] as const satisfies readonly (keyof PresenceRow)[]

const selected = columns.join(', ')

/** At most one row for each user. */
export async function setPresence(tx: Tx, rows: readonly PresenceRow[]): Promise<void> {
  const updates = columns.slice(1).map((column) => `${column} = excluded.${column}`)
  await insertMany(
    tx,
    'presence',
    columns,
    rows.map((row) => columns.map((column) => row[column])),
    `on conflict (user_id) do update set ${updates.join(', ')}`,
  )
}

export async function findPresence(conn: Conn, userId: UserId): Promise<PresenceRow | undefined> {
  return await conn.row(`select ${selected} from presence where user_id = ?`, [userId])
}

/** What of these users changed in (since, upto], in no order. */
export async function listPresence(
  conn: Conn,
  userIds: readonly UserId[],
  since: number,
  upto: number,
): Promise<PresenceRow[]> {
  return await rowsIn(
    conn,
    `select ${selected} from presence where user_id in (?) and stream_id > ? and stream_id <= ?`,
    userIds,
    { after: [since, upto] },
  )
}

/** Whose presence changed in (since, upto], in that order: cheaper than `listPresence` for a short range. */
export async function listPresenceChanges(conn: Conn, since: number, upto: number): Promise<PresenceRow[]> {
  return await conn.rows(`select ${selected} from presence where stream_id > ? and stream_id <= ? order by stream_id`, [
    since,
    upto,
  ])
}

/** Those who were not offline when the server last ran. */
export async function listPresent(conn: Conn): Promise<PresenceRow[]> {
  return await conn.rows(`select ${selected} from presence where state <> 'offline'`)
}
