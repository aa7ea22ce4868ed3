/** Links by which guests come into calls, and those guests: rows of `call_links` and `call_guests`. */
import type { RoomId, UserId } from '../core/ids.ts'
import type { Conn, Tx } from './database.ts'

export interface CallLinkRow {
  readonly token: string
  readonly room_id: RoomId
  readonly user_id: UserId
  readonly created_ts: number
  readonly expires_ts: number
  /** Null: any number. */
  readonly uses_allowed: number | null
  readonly uses: number
}

export interface CallGuestRow {
  readonly user_id: UserId
  readonly key_hash: string
  readonly token: string
  readonly room_id: RoomId
  readonly created_ts: number
  readonly expires_ts: number
  /** The event by which they leave the call; null before they are in it. */
  readonly delay_id: string | null
}

export async function addCallLink(tx: Tx, row: Omit<CallLinkRow, 'uses'>): Promise<void> {
  await tx.run(
    `insert into call_links (token, room_id, user_id, created_ts, expires_ts, uses_allowed) values (?, ?, ?, ?, ?, ?)`,
    [row.token, row.room_id, row.user_id, row.created_ts, row.expires_ts, row.uses_allowed],
  )
}

export async function findCallLink(conn: Conn, token: string): Promise<CallLinkRow | undefined> {
  return await conn.row('select * from call_links where token = ?', [token])
}

export async function countCallLinks(conn: Conn, userId: UserId): Promise<number> {
  const row = await conn.row<{ count: number }>('select count(*) as count from call_links where user_id = ?', [userId])
  return Number(row?.count ?? 0)
}

/** Of one room or of all, the oldest first. */
export async function listCallLinks(conn: Conn, roomId?: RoomId): Promise<CallLinkRow[]> {
  return roomId === undefined
    ? await conn.rows('select * from call_links order by created_ts, token')
    : await conn.rows('select * from call_links where room_id = ? order by created_ts, token', [roomId])
}

/** Counts one use; false if none is left, or there is no such link any more. */
export async function useCallLink(tx: Tx, token: string, now: number): Promise<boolean> {
  const used = await tx.run(
    `update call_links set uses = uses + 1
       where token = ? and expires_ts > ? and (uses_allowed is null or uses < uses_allowed)`,
    [token, now],
  )
  return used === 1
}

/** False if there is no such link. */
export async function removeCallLink(tx: Tx, token: string): Promise<boolean> {
  return (await tx.run('delete from call_links where token = ?', [token])) === 1
}

export async function removeExpiredCallLinks(tx: Tx, now: number): Promise<void> {
  await tx.run('delete from call_links where expires_ts <= ?', [now])
}

export async function addCallGuest(tx: Tx, row: CallGuestRow): Promise<void> {
  await tx.run(
    `insert into call_guests (user_id, key_hash, token, room_id, created_ts, expires_ts, delay_id)
       values (?, ?, ?, ?, ?, ?, ?)`,
    [row.user_id, row.key_hash, row.token, row.room_id, row.created_ts, row.expires_ts, row.delay_id],
  )
}

export async function setCallGuestDelay(tx: Tx, userId: UserId, delayId: string): Promise<void> {
  await tx.run('update call_guests set delay_id = ? where user_id = ?', [delayId, userId])
}

export async function findCallGuest(conn: Conn, keyHash: string): Promise<CallGuestRow | undefined> {
  return await conn.row('select * from call_guests where key_hash = ?', [keyHash])
}

/** Those who came by one link, or all. */
export async function listCallGuests(conn: Conn, token?: string): Promise<CallGuestRow[]> {
  return token === undefined
    ? await conn.rows('select * from call_guests')
    : await conn.rows('select * from call_guests where token = ?', [token])
}

export async function removeCallGuest(tx: Tx, userId: UserId): Promise<void> {
  await tx.run('delete from call_guests where user_id = ?', [userId])
}
