/** Which chat is which room. */
import type { Conn, Tx } from '../../appservice/database.ts'

export type PortalState = 'active' | 'paused' | 'kicked'

export interface Portal {
  readonly chat_id: string
  /** 0 but for topics of a forum. */
  readonly thread_id: number
  readonly room_id: string
  readonly type: string
  readonly title: string
  readonly photo: string | null
  readonly state: PortalState
  readonly bridged_by: string
  /** The greatest number of a message that was seen: where to look for one of which we do not know. */
  readonly last_message: number
}

const columns = 'chat_id, thread_id, room_id, type, title, photo, state, bridged_by, last_message'

export async function findPortal(conn: Conn, chatId: string, threadId = 0): Promise<Portal | undefined> {
  return await conn.row<Portal>(`select ${columns} from telegram_portals where chat_id = ? and thread_id = ?`, [
    chatId,
    threadId,
  ])
}

export async function portalOfRoom(conn: Conn, roomId: string): Promise<Portal | undefined> {
  return await conn.row<Portal>(`select ${columns} from telegram_portals where room_id = ?`, [roomId])
}

export async function portalsOfChat(conn: Conn, chatId: string): Promise<Portal[]> {
  return await conn.rows<Portal>(`select ${columns} from telegram_portals where chat_id = ? order by thread_id`, [
    chatId,
  ])
}

export async function allPortals(conn: Conn): Promise<Portal[]> {
  return await conn.rows<Portal>(`select ${columns} from telegram_portals order by title, chat_id, thread_id`)
}

/** How many there are of a type. */
export async function countPortals(conn: Conn, type: string): Promise<number> {
  const row = await conn.row<{ n: number }>('select count(*) as n from telegram_portals where type = ?', [type])
  return Number(row?.n ?? 0)
}

/** How many chats somebody has bridged. */
export async function countPortalsOf(conn: Conn, userId: string): Promise<number> {
  const sql = 'select count(*) as n from telegram_portals where bridged_by = ? and thread_id = 0'
  return Number((await conn.row<{ n: number }>(sql, [userId]))?.n ?? 0)
}

export async function addPortal(tx: Tx, portal: Omit<Portal, 'state' | 'photo' | 'last_message'>): Promise<void> {
  await tx.run(
    `insert into telegram_portals (chat_id, thread_id, room_id, type, title, state, bridged_by) values (?, ?, ?, ?, ?, 'active', ?)`,
    [portal.chat_id, portal.thread_id, portal.room_id, portal.type, portal.title, portal.bridged_by],
  )
}

export async function removePortal(tx: Tx, roomId: string): Promise<void> {
  await tx.run('delete from telegram_portals where room_id = ?', [roomId])
}

export async function setPortalState(tx: Tx, chatId: string, state: PortalState): Promise<void> {
  await tx.run('update telegram_portals set state = ? where chat_id = ?', [state, chatId])
}

export async function setPortalTitle(tx: Tx, roomId: string, title: string): Promise<void> {
  await tx.run('update telegram_portals set title = ? where room_id = ?', [title, roomId])
}

export async function noteLastMessage(tx: Tx, chatId: string, messageId: number): Promise<void> {
  await tx.run('update telegram_portals set last_message = ? where chat_id = ? and last_message < ?', [
    messageId,
    chatId,
    messageId,
  ])
}

/** A group became a supergroup: the rooms stay. Its messages keep their numbers under the old id. */
export async function migratePortals(tx: Tx, from: string, to: string): Promise<number> {
  return await tx.run(
    `update telegram_portals set chat_id = ?, type = 'supergroup', last_message = 0 where chat_id = ?`,
    [to, from],
  )
}

export async function moveRoom(tx: Tx, from: string, to: string): Promise<void> {
  await tx.run('update telegram_portals set room_id = ? where room_id = ?', [to, from])
}

export interface Handshake {
  readonly room_id: string
  readonly user_id: string
  readonly expires_at: number
}

export async function addHandshake(tx: Tx, code: string, { room_id, user_id, expires_at }: Handshake): Promise<void> {
  await tx.run('delete from telegram_handshakes where room_id = ?', [room_id])
  await tx.run('insert into telegram_handshakes (code, room_id, user_id, expires_at) values (?, ?, ?, ?)', [
    code,
    room_id,
    user_id,
    expires_at,
  ])
}

/** A code is good once, and only before it expires. */
export async function takeHandshake(tx: Tx, code: string, now: number): Promise<Handshake | undefined> {
  const found = await tx.row<Handshake>(
    'select room_id, user_id, expires_at from telegram_handshakes where code = ? and expires_at > ?',
    [code, now],
  )
  await tx.run('delete from telegram_handshakes where code = ? or expires_at <= ?', [code, now])
  return found
}
