/** Which chat is which room. */
import type { Conn, Tx } from '../../appservice/database.ts'

/**
 * `paused`: by people. `kicked`: the bot is not in the chat; `muted`: it may not write there. `left`: nobody is in the room,
 * or the bot is not.
 */
export type PortalState = 'active' | 'paused' | 'kicked' | 'muted' | 'left'

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
  /** Of the room's alias, where the portal is public. */
  readonly alias: string | null
  /** What stands before messages of Matrix; null for the usual. */
  readonly name_format: string | null
  /** 0 where the name is left out of messages that follow one of the same person. */
  readonly is_name_repeated: number
  /** What topics of this forum are; null for what the settings say. */
  readonly topics: 'rooms' | 'threads' | 'flat' | null
}

const columns =
  'chat_id, thread_id, room_id, type, title, photo, state, bridged_by, last_message, alias, name_format, is_name_repeated, topics'

/** Whether what is said in the chat comes to the room. */
export const isHeard = (portal: Portal | undefined): portal is Portal =>
  portal?.state === 'active' || portal?.state === 'muted'

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

export async function addPortal(
  tx: Tx,
  portal: Pick<Portal, 'chat_id' | 'thread_id' | 'room_id' | 'type' | 'title' | 'bridged_by'>,
): Promise<void> {
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

export async function setRoomState(tx: Tx, roomId: string, state: PortalState): Promise<void> {
  await tx.run('update telegram_portals set state = ? where room_id = ?', [state, roomId])
}

export async function setAlias(tx: Tx, roomId: string, alias: string | null): Promise<void> {
  await tx.run('update telegram_portals set alias = ? where room_id = ?', [alias, roomId])
}

/** The public portal of which this is the alias, or which has this number. */
export async function publicPortal(conn: Conn, alias: string): Promise<Portal | undefined> {
  const [, id = ''] = /^telegram_(\d+)$/.exec(alias) ?? []
  return await conn.row<Portal>(
    `select ${columns} from telegram_portals where thread_id = 0 and (alias = ? or (alias is not null and chat_id = ?))`,
    [alias, `-${id}`],
  )
}

export async function setNameFormat(
  tx: Tx,
  roomId: string,
  { format, isRepeated }: { format: string | null; isRepeated: boolean },
): Promise<void> {
  await tx.run('update telegram_portals set name_format = ?, is_name_repeated = ? where room_id = ?', [
    format,
    isRepeated ? 1 : 0,
    roomId,
  ])
}

/** What topics of a forum are from now on: where they are not rooms, the rooms that there are wait. */
export async function setTopics(tx: Tx, chatId: string, topics: 'rooms' | 'threads' | 'flat'): Promise<void> {
  await tx.run('update telegram_portals set topics = ? where chat_id = ? and thread_id = 0', [topics, chatId])
  const [from, to] = topics === 'rooms' ? ['paused', 'active'] : ['active', 'paused']
  await tx.run('update telegram_portals set state = ? where chat_id = ? and thread_id > 0 and state = ?', [
    to,
    chatId,
    from,
  ])
}

export async function portalsByState(conn: Conn): Promise<ReadonlyMap<string, number>> {
  const rows = await conn.rows<{ state: string; n: number }>(
    'select state, count(*) as n from telegram_portals group by state',
  )
  return new Map(rows.map(({ state, n }) => [state, Number(n)]))
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
  /** Where it began: a room, or a chat as `chatSide` has it. */
  readonly room_id: string
  /** Who began it: a Matrix user, or somebody of Telegram as acts are written down. */
  readonly user_id: string
  readonly expires_at: number
}

const CHAT = 'telegram:'

/** How a handshake names the chat in which it began. */
export const chatSide = (chatId: string): string => CHAT + chatId

/** The chat in which a handshake began. */
export const chatOfSide = (side: string): string => side.slice(CHAT.length)

export async function addHandshake(tx: Tx, code: string, { room_id, user_id, expires_at }: Handshake): Promise<void> {
  await tx.run('delete from telegram_handshakes where room_id = ?', [room_id])
  await tx.run('insert into telegram_handshakes (code, room_id, user_id, expires_at) values (?, ?, ?, ?)', [
    code,
    room_id,
    user_id,
    expires_at,
  ])
}

/** A code is good once, before it expires, and not on the side on which it was made. */
export async function takeHandshake(
  tx: Tx,
  code: string,
  { now, madeIn }: { now: number; madeIn: 'matrix' | 'telegram' },
): Promise<Handshake | undefined> {
  await tx.run('delete from telegram_handshakes where expires_at <= ?', [now])
  const found = await tx.row<Handshake>('select room_id, user_id, expires_at from telegram_handshakes where code = ?', [
    code,
  ])
  if (!found || found.room_id.startsWith(CHAT) !== (madeIn === 'telegram')) return undefined
  await tx.run('delete from telegram_handshakes where code = ?', [code])
  return found
}
