/** Reactions of Telegram: each person's where Telegram names them, else those of all, by the bot. */
import type { MessageReactionCountUpdated, MessageReactionUpdated, ReactionType } from 'node-telegram-bot-api'
import type { Database } from '../../appservice/database.ts'
import type { Content } from '../../appservice/event.ts'
import { type Ghosts, type Speaker, speakerOfChat, speakerOfUser } from '../ghosts.ts'
import { errcodeOf, type Matrix } from '../matrix.ts'
import { addReaction, findMessage, type MessageRow, reactionsOf, removeReaction } from '../store/messages.ts'

export interface ReactionsParts {
  readonly matrix: Matrix
  readonly database: Database
  readonly ghosts: Ghosts
}

interface Reaction {
  readonly roomId: string
  readonly type: 'm.reaction'
  readonly content: Content
  readonly txnId: string
  readonly ts: number
}

/** Whose reactions they are, and how they are sent. */
interface Side {
  readonly userId: string
  /** Gives the id of the event. */
  readonly send: (reaction: Reaction) => Promise<string>
}

export class Reactions {
  readonly #parts: ReactionsParts

  constructor(parts: ReactionsParts) {
    this.#parts = parts
  }

  async take({
    chat,
    message_id: id,
    user,
    actor_chat: actor,
    date,
    ...change
  }: MessageReactionUpdated): Promise<void> {
    const { database, matrix, ghosts } = this.#parts
    const known = await findMessage(database, String(chat.id), id)
    const speaker: Speaker | undefined = user ? speakerOfUser(user) : actor && speakerOfChat(actor)
    if (!known || !speaker) return
    // Kept under the ghost, whoever spoke: of Telegram's reactions none is shown there again.
    const side: Side = {
      userId: matrix.ghostOf(speaker.id),
      send: async (reaction) => (await ghosts.speak(speaker, reaction)).eventId,
    }
    const wanted = new Map(change.new_reaction.map((one) => [emojiOf(one), {}]))
    await this.#set(known, side, wanted, `${speaker.id}.${date}.${change.old_reaction.length}`, date)
  }

  /** In channels nobody is named. The bot reacts once for all who did, and says how many they are. */
  async count({ chat, message_id: id, date, reactions }: MessageReactionCountUpdated): Promise<void> {
    const { database, matrix } = this.#parts
    const known = await findMessage(database, String(chat.id), id)
    if (!known) return
    const side: Side = { userId: matrix.botUserId, send: (reaction) => matrix.send(matrix.botUserId, reaction) }
    const wanted = new Map(
      reactions
        .filter(({ total_count: count }) => count > 0)
        .map(({ type, total_count: count }) => [emojiOf(type), { 'org.domovoi.telegram': { count } }]),
    )
    await this.#set(known, side, wanted, `all.${date}`, date)
  }

  async #set(
    known: MessageRow,
    { userId, send }: Side,
    wanted: ReadonlyMap<string, Content>,
    change: string,
    date: number,
  ): Promise<void> {
    const { database } = this.#parts
    const { chat_id, message_id, room_id: roomId } = known
    const there = (await reactionsOf(database, chat_id, message_id)).filter(({ sender }) => sender === userId)
    for (const { emoji, event_id: eventId } of there) {
      if (!wanted.has(emoji)) await this.#remove(roomId, eventId)
    }
    for (const [emoji, more] of wanted) {
      if (there.some((reaction) => reaction.emoji === emoji)) continue
      const content = { 'm.relates_to': { rel_type: 'm.annotation', event_id: known.event_id, key: emoji }, ...more }
      const txnId = `tg.react.${chat_id}.${message_id}.${change}.${Buffer.from(emoji).toString('hex')}`
      const ts = date * 1000
      const eventId = await unlessThere(send({ roomId, type: 'm.reaction', content, txnId, ts }))
      if (eventId === undefined) continue
      const row = { chat_id, message_id, sender: userId, emoji, event_id: eventId, sent_at: ts }
      await database.transaction('telegram reaction', (tx) => addReaction(tx, row))
    }
  }

  /** By who reacted: that may have been the ghost, and be a linked account now, or the other way round. */
  async #remove(roomId: string, eventId: string): Promise<void> {
    const { database, matrix } = this.#parts
    const sender = await matrix.senderOf(roomId, eventId)
    await matrix.redact(sender, roomId, eventId, `tg.unreact.${eventId.slice(1)}`)
    await database.transaction('telegram reaction', (tx) => removeReaction(tx, eventId))
  }
}

/** Undefined where they have reacted so in Matrix already. */
async function unlessThere(sent: Promise<string>): Promise<string | undefined> {
  try {
    return await sent
  } catch (error) {
    if (errcodeOf(error) !== 'M_DUPLICATE_ANNOTATION') throw error
    return undefined
  }
}

const emojiOf = (reaction: ReactionType): string =>
  'emoji' in reaction ? reaction.emoji : 'custom_emoji_id' in reaction ? `:${reaction.custom_emoji_id}:` : '⭐'
