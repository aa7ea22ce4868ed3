/** Telegram's people as they were last seen, in which rooms their ghosts are, and files that are in both worlds. */
import type { Conn, Tx } from '../../appservice/database.ts'

export interface UserRow {
  readonly id: string
  readonly username: string | null
  readonly name: string
  /** What was set in Matrix: a name and the id of a picture. */
  readonly profile: string
}

export async function findUser(conn: Conn, id: string): Promise<UserRow | undefined> {
  return await conn.row<UserRow>('select id, username, name, profile from telegram_users where id = ?', [id])
}

/** Names are given on: the latest whom we saw with it has it. */
export async function setUser(tx: Tx, { id, username, name, profile }: UserRow): Promise<void> {
  if (username !== null) {
    await tx.run('update telegram_users set username = null where username = ? and id <> ?', [username, id])
  }
  await tx.run(
    `insert into telegram_users (id, username, name, profile) values (?, ?, ?, ?)
      on conflict (id) do update set username = excluded.username, name = excluded.name, profile = excluded.profile`,
    [id, username, name, profile],
  )
}

export async function idsOfUsernames(conn: Conn, usernames: readonly string[]): Promise<Map<string, string>> {
  if (usernames.length === 0) return new Map()
  const rows = await conn.rows<{ id: string; username: string }>(
    `select id, username from telegram_users where username in (${usernames.map(() => '?').join(', ')})`,
    usernames,
  )
  return new Map(rows.map(({ id, username }) => [username, id]))
}

export async function isMember(conn: Conn, roomId: string, userId: string): Promise<boolean> {
  const row = await conn.row('select 1 as one from telegram_members where room_id = ? and user_id = ?', [
    roomId,
    userId,
  ])
  return row !== undefined
}

export async function addMember(tx: Tx, roomId: string, userId: string): Promise<void> {
  await tx.run('insert into telegram_members (room_id, user_id) values (?, ?) on conflict do nothing', [roomId, userId])
}

export async function removeMember(tx: Tx, roomId: string, userId: string): Promise<void> {
  await tx.run('delete from telegram_members where room_id = ? and user_id = ?', [roomId, userId])
}

export async function membersOf(conn: Conn, roomId: string): Promise<string[]> {
  const rows = await conn.rows<{ user_id: string }>('select user_id from telegram_members where room_id = ?', [roomId])
  return rows.map(({ user_id: userId }) => userId)
}

export interface FileRow {
  /** `file_unique_id`, the same for all bots and for good. */
  readonly unique_id: string
  readonly file_id: string
  readonly kind: string
  readonly mxc: string
}

export async function findFile(conn: Conn, uniqueId: string): Promise<FileRow | undefined> {
  return await conn.row<FileRow>('select unique_id, file_id, kind, mxc from telegram_files where unique_id = ?', [
    uniqueId,
  ])
}

export async function fileOfMxc(conn: Conn, mxc: string, kind: string): Promise<FileRow | undefined> {
  return await conn.row<FileRow>(
    'select unique_id, file_id, kind, mxc from telegram_files where mxc = ? and kind = ? limit 1',
    [mxc, kind],
  )
}

export async function addFile(tx: Tx, { unique_id, file_id, kind, mxc }: FileRow): Promise<void> {
  await tx.run(
    'insert into telegram_files (unique_id, file_id, kind, mxc) values (?, ?, ?, ?) on conflict do nothing',
    [unique_id, file_id, kind, mxc],
  )
}
