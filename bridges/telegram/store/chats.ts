/** Chats in which the bot is, or was. */
import type { Conn, Tx } from '../../appservice/database.ts'

/** Anybody may add a bot to groups: more than these are not remembered, but for those that are bridged. */
const MAX_CHATS = 2_000

export interface ChatRow {
  readonly chat_id: string
  readonly type: string
  readonly title: string
  readonly is_forum: number
  readonly members: number | null
  readonly bot_status: string
  /** A list in JSON, as `admins`: ids of people who may have it bridged. */
  readonly bot_rights: string
  readonly admins: string
  readonly asked_at: number
  readonly seen_at: number
}

const columns = 'chat_id, type, title, is_forum, members, bot_status, bot_rights, admins, asked_at, seen_at'

/** Those in which the bot is. */
export async function knownChats(conn: Conn): Promise<ChatRow[]> {
  return await conn.rows<ChatRow>(
    `select ${columns} from telegram_chats where left_at is null order by title, chat_id limit ${MAX_CHATS}`,
  )
}

/** Of which it is the longest since Telegram was asked who may have them bridged, and at least since `before`. */
export async function chatsToAsk(conn: Conn, { before, limit }: { before: number; limit: number }): Promise<string[]> {
  const rows = await conn.rows<{ chat_id: string }>(
    'select chat_id from telegram_chats where left_at is null and asked_at < ? order by asked_at, chat_id limit ?',
    [before, limit],
  )
  return rows.map(({ chat_id: id }) => id)
}

/** The bot is there. Where there are too many, the one that it left, or heard of, the longest ago is forgotten. */
export async function seeChat(
  tx: Tx,
  chat: Pick<ChatRow, 'chat_id' | 'type' | 'title' | 'is_forum' | 'seen_at'>,
): Promise<void> {
  const { chat_id: chatId, type, title, is_forum: isForum, seen_at: at } = chat
  await tx.run(
    `insert into telegram_chats (chat_id, type, title, is_forum, bot_status, bot_rights, admins, seen_at)
      values (?, ?, ?, ?, 'member', '[]', '[]', ?)
      on conflict (chat_id) do update set type = excluded.type, title = excluded.title, is_forum = excluded.is_forum,
        seen_at = excluded.seen_at, left_at = null`,
    [chatId, type, title, isForum, at],
  )
  const count = await tx.row<{ n: number }>('select count(*) as n from telegram_chats')
  if (Number(count?.n) <= MAX_CHATS) return
  await tx.run(
    `delete from telegram_chats where chat_id = (
      select chat_id from telegram_chats where chat_id <> ? and chat_id not in (select chat_id from telegram_portals)
        order by case when left_at is null then 1 else 0 end, seen_at limit 1)`,
    [chatId],
  )
}

export async function leaveChat(tx: Tx, chatId: string, at: number): Promise<void> {
  await tx.run('update telegram_chats set left_at = ? where chat_id = ? and left_at is null', [at, chatId])
}

/** What Telegram said of it. */
export async function noteChat(
  tx: Tx,
  chatId: string,
  told: Pick<ChatRow, 'members' | 'bot_status' | 'bot_rights' | 'admins' | 'asked_at'>,
): Promise<void> {
  await tx.run(
    'update telegram_chats set members = ?, bot_status = ?, bot_rights = ?, admins = ?, asked_at = ? where chat_id = ?',
    [told.members, told.bot_status, told.bot_rights, told.admins, told.asked_at, chatId],
  )
}

/** Whether the bot has not introduced itself there before. */
export async function isFirstGreeting(tx: Tx, chatId: string): Promise<boolean> {
  const sql = 'update telegram_chats set is_greeted = 1 where chat_id = ? and is_greeted = 0'
  return (await tx.run(sql, [chatId])) > 0
}

/** Whether there is a basic group of this title, which may be about to become a supergroup. */
export async function isGroupTitle(conn: Conn, title: string): Promise<boolean> {
  return (
    (await conn.row(`select 1 as one from telegram_chats where type = 'group' and title = ?`, [title])) !== undefined
  )
}

/** A group became a supergroup, of which both tell: the second finds nothing to do. */
export async function moveChat(tx: Tx, from: string, to: string): Promise<void> {
  if (!(await tx.row('select 1 as one from telegram_chats where chat_id = ?', [from]))) return
  await tx.run('delete from telegram_chats where chat_id = ?', [to])
  await tx.run(`update telegram_chats set chat_id = ?, type = 'supergroup', asked_at = 0 where chat_id = ?`, [to, from])
}
