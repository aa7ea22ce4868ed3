/** What clients keep for their user, for all rooms or for one. */
import type { RoomId, UserId } from '../core/ids.ts'
import { type Conn, insertMany, rowsIn, type Tx } from './database.ts'

export interface AccountDataRow {
  readonly user_id: UserId
  /** Empty for what concerns no room. */
  readonly room_id: RoomId | ''
  readonly type: string
  /** JSON; empty where it was deleted, so that other devices hear of it. */
  readonly content: string
  readonly stream_id: number
}

const columns = [
  'user_id',
  'room_id',
  'type',
  'content',
  'stream_id',
] as const satisfies readonly (keyof AccountDataRow)[]

export type AccountDataKey = Pick<AccountDataRow, 'user_id' | 'room_id' | 'type'>

/** At most one row for each key. */
export async function setAccountData(tx: Tx, rows: readonly AccountDataRow[]): Promise<void> {
  await insertMany(
    tx,
    'account_data',
    columns,
    rows.map((row) => columns.map((column) => row[column])),
    'on conflict (user_id, room_id, type) do update set content = excluded.content, stream_id = excluded.stream_id',
  )
}

/** The content as JSON. */
export async function findAccountData(
  conn: Conn,
  { user_id, room_id, type }: AccountDataKey,
): Promise<string | undefined> {
  const row = await conn.row<{ content: string }>(
    'select content from account_data where user_id = ? and room_id = ? and type = ?',
    [user_id, room_id, type],
  )
  return row?.content === '' ? undefined : row?.content
}

/** Those of the types that the user has data of, for no room. */
export async function listAccountDataTypes(conn: Conn, userId: UserId, types: readonly string[]): Promise<string[]> {
  const rows = await rowsIn<{ type: string }>(
    conn,
    `select type from account_data where user_id = ? and room_id = '' and content <> '' and type in (?)`,
    types,
    { before: [userId] },
  )
  return rows.map(({ type }) => type)
}

/** The content each of the users has under one type, for no room, as JSON. */
export async function listAccountDataOfUsers(
  conn: Conn,
  type: string,
  userIds: readonly UserId[],
): Promise<Map<UserId, string>> {
  const rows = await rowsIn<AccountDataRow>(
    conn,
    `select user_id, content from account_data where type = ? and room_id = '' and content <> '' and user_id in (?)`,
    userIds,
    { before: [type] },
  )
  return new Map(rows.map(({ user_id, content }) => [user_id, content]))
}

/** What changed in (since, upto], in that order. What was deleted comes as `{}`, to whom knows nothing yet not at all. */
export async function listAccountData(
  conn: Conn,
  userId: UserId,
  since: number | undefined,
  upto: number,
): Promise<AccountDataRow[]> {
  const rows = await conn.rows<AccountDataRow>(
    `select ${columns.join(', ')} from account_data
      where user_id = ? and stream_id > ? and stream_id <= ? order by stream_id`,
    [userId, since ?? 0, upto],
  )
  if (since === undefined) return rows.filter(({ content }) => content !== '')
  return rows.map((row) => (row.content === '' ? { ...row, content: '{}' } : row))
}

/** All data of one room, by type. */
export async function listRoomAccountData(conn: Conn, userId: UserId, roomId: RoomId): Promise<AccountDataRow[]> {
  return await conn.rows(
    `select ${columns.join(', ')} from account_data where user_id = ? and room_id = ? and content <> '' order by type`,
    [userId, roomId],
  )
}

/** What marks rooms as direct chats, and their tags. */
export async function listDirectAndTags(conn: Conn, userId: UserId): Promise<AccountDataRow[]> {
  return await conn.rows(
    `select ${columns.join(', ')} from account_data
      where user_id = ? and content <> ''
        and ((room_id = '' and type = 'm.direct') or (room_id <> '' and type = 'm.tag'))`,
    [userId],
  )
}

/** How much a user has: rows, and characters in them. */
export async function accountDataUsage(conn: Conn, userId: UserId): Promise<{ entries: number; characters: number }> {
  const row = await conn.row<{ entries: number; characters: number }>(
    'select count(*) as entries, coalesce(sum(length(content)), 0) as characters from account_data where user_id = ?',
    [userId],
  )
  return row ?? { entries: 0, characters: 0 }
}
