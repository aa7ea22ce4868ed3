/** Which message is which event, and the same of reactions and polls. */
import type { Conn, Tx } from '../../appservice/database.ts'

export interface MessageRow {
  readonly chat_id: string
  readonly message_id: number
  /** From 0: a long event is several messages, a message with much in it several events. */
  readonly part: number
  readonly room_id: string
  readonly event_id: string
  readonly sender: string
  readonly is_from_matrix: number
  /** Of the content, to tell an edit from noise; of what came from Matrix, the address of its file. */
  readonly hash: string
  /** The kind of the medium, where it has one; `topic` for what begins a topic of a forum. */
  readonly media: string | null
}

const columns = 'chat_id, message_id, part, room_id, event_id, sender, is_from_matrix, hash, media'

export async function addMessage(tx: Tx, row: MessageRow): Promise<void> {
  await tx.run(`insert into telegram_messages (${columns}) values (?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict do nothing`, [
    row.chat_id,
    row.message_id,
    row.part,
    row.room_id,
    row.event_id,
    row.sender,
    row.is_from_matrix,
    row.hash,
    row.media,
  ])
}

export async function findMessage(conn: Conn, chatId: string, messageId: number): Promise<MessageRow | undefined> {
  return await conn.row<MessageRow>(
    `select ${columns} from telegram_messages where chat_id = ? and message_id = ? order by part limit 1`,
    [chatId, messageId],
  )
}

/** The messages of an event, in order. */
export async function messagesOfEvent(conn: Conn, eventId: string): Promise<MessageRow[]> {
  return await conn.rows<MessageRow>(
    `select ${columns} from telegram_messages where event_id = ? order by message_id`,
    [eventId],
  )
}

/** The events of a message, in order. */
export async function partsOfMessage(conn: Conn, chatId: string, messageId: number): Promise<MessageRow[]> {
  return await conn.rows<MessageRow>(
    `select ${columns} from telegram_messages where chat_id = ? and message_id = ? order by part`,
    [chatId, messageId],
  )
}

/** What it holds now; the event stays, edited. */
export async function setContent(
  tx: Tx,
  { chat_id, message_id, part, hash, media }: Omit<MessageRow, 'event_id'>,
): Promise<void> {
  await tx.run('update telegram_messages set hash = ?, media = ? where chat_id = ? and message_id = ? and part = ?', [
    hash,
    media,
    chat_id,
    message_id,
    part,
  ])
}

export async function removePart(tx: Tx, { chat_id, message_id, part }: MessageRow): Promise<void> {
  await tx.run('delete from telegram_messages where chat_id = ? and message_id = ? and part = ?', [
    chat_id,
    message_id,
    part,
  ])
}

export async function removeMessage(tx: Tx, { chat_id, message_id }: MessageRow): Promise<void> {
  await tx.run('delete from telegram_messages where chat_id = ? and message_id = ?', [chat_id, message_id])
  await tx.run('delete from telegram_reactions where chat_id = ? and message_id = ?', [chat_id, message_id])
}

export interface ReactionRow {
  readonly chat_id: string
  readonly message_id: number
  /** A Matrix user. */
  readonly sender: string
  readonly emoji: string
  readonly event_id: string
  readonly sent_at: number
}

const reactionColumns = 'chat_id, message_id, sender, emoji, event_id, sent_at'

export async function addReaction(tx: Tx, row: ReactionRow): Promise<void> {
  await tx.run(`insert into telegram_reactions (${reactionColumns}) values (?, ?, ?, ?, ?, ?) on conflict do nothing`, [
    row.chat_id,
    row.message_id,
    row.sender,
    row.emoji,
    row.event_id,
    row.sent_at,
  ])
}

/** The latest first. */
export async function reactionsOf(conn: Conn, chatId: string, messageId: number): Promise<ReactionRow[]> {
  return await conn.rows<ReactionRow>(
    `select ${reactionColumns} from telegram_reactions where chat_id = ? and message_id = ? order by sent_at desc, event_id`,
    [chatId, messageId],
  )
}

export async function findReaction(conn: Conn, eventId: string): Promise<ReactionRow | undefined> {
  return await conn.row<ReactionRow>(`select ${reactionColumns} from telegram_reactions where event_id = ?`, [eventId])
}

export async function removeReaction(tx: Tx, eventId: string): Promise<void> {
  await tx.run('delete from telegram_reactions where event_id = ?', [eventId])
}

export interface PollRow {
  readonly poll_id: string
  readonly chat_id: string
  readonly message_id: number
  readonly room_id: string
  readonly event_id: string
  /** Ids of the answers in Matrix, in their order: JSON. */
  readonly answers: string
}

const pollColumns = 'poll_id, chat_id, message_id, room_id, event_id, answers'

/** What a poll has that was asked in Telegram: it is a text here. */
export const NO_ANSWERS = '[]'

export async function addPoll(tx: Tx, row: PollRow): Promise<void> {
  await tx.run(`insert into telegram_polls (${pollColumns}) values (?, ?, ?, ?, ?, ?) on conflict do nothing`, [
    row.poll_id,
    row.chat_id,
    row.message_id,
    row.room_id,
    row.event_id,
    row.answers,
  ])
}

export async function findPoll(conn: Conn, pollId: string): Promise<PollRow | undefined> {
  return await conn.row<PollRow>(`select ${pollColumns} from telegram_polls where poll_id = ?`, [pollId])
}

export async function pollOfEvent(conn: Conn, eventId: string): Promise<PollRow | undefined> {
  return await conn.row<PollRow>(`select ${pollColumns} from telegram_polls where event_id = ?`, [eventId])
}

/** Nothing of what was said in the room is known any more. */
export async function forgetRoom(tx: Tx, roomId: string): Promise<void> {
  for (const table of ['telegram_messages', 'telegram_polls']) {
    await tx.run(`delete from ${table} where room_id = ?`, [roomId])
  }
}
