/** Reactions of Matrix, which the bot shows in Telegram as far as it can. */
import type { Database } from '../../appservice/database.ts'
import type { MatrixEvent } from '../../appservice/event.ts'
import { relationOf } from '../../appservice/event.ts'
import { takeAway } from '../gone.ts'
import type { Matrix } from '../matrix.ts'
import { OddError } from '../odd.ts'
import {
  addReaction,
  findMessage,
  findReaction,
  messagesOfEvent,
  reactionsOf,
  removeReaction,
} from '../store/messages.ts'
import type { Portal } from '../store/portals.ts'
import { isGone, type Telegram, verdictOf } from '../telegram.ts'

/** Longer than any emoji, and all that a database cannot hold. */
const noEmoji = /^$|^.{100}|\0/s

export interface ReactionsParts {
  readonly matrix: Matrix
  readonly telegram: Telegram
  readonly database: Database
}

export class Reactions {
  readonly #parts: ReactionsParts

  constructor(parts: ReactionsParts) {
    this.#parts = parts
  }

  async add({ content, event_id: eventId, sender, origin_server_ts: at }: MatrixEvent, portal: Portal): Promise<void> {
    const { database } = this.#parts
    const { eventId: target, key = '' } = relationOf(content)
    const emoji = key.replace(/\uFE0F/g, '')
    if (target === undefined || noEmoji.test(emoji)) throw new OddError('a reaction to nothing, or without emoji')
    const messages = await messagesOfEvent(database, target)
    const message = messages.find((row) => row.chat_id === portal.chat_id) ?? messages[0]
    if (!message || message.room_id !== portal.room_id) return
    const { chat_id, message_id } = message
    await database.transaction('matrix reaction', (tx) =>
      addReaction(tx, { chat_id, message_id, sender, emoji, event_id: eventId, sent_at: at }),
    )
    await this.#show(chat_id, message_id)
  }

  /** Gives whether the event that was redacted is a reaction. */
  async remove(eventId: string): Promise<boolean> {
    const { database, matrix } = this.#parts
    const reaction = await findReaction(database, eventId)
    if (!reaction) return false
    await database.transaction('telegram reaction', (tx) => removeReaction(tx, eventId))
    // Of Telegram's reactions none is shown there again.
    if (!matrix.isOurs(reaction.sender)) await this.#show(reaction.chat_id, reaction.message_id)
    return true
  }

  /** A bot has one reaction to a message: the newest that Telegram has. */
  async #show(chatId: string, messageId: number): Promise<void> {
    const { database, telegram, matrix } = this.#parts
    const chat = { chat_id: Number(chatId), message_id: messageId }
    const wanted = (await reactionsOf(database, chatId, messageId)).filter(({ sender }) => !matrix.isOurs(sender))
    for (const { emoji } of wanted) {
      try {
        await telegram.sender.setMessageReaction({ ...chat, reaction: [{ type: 'emoji', emoji }] })
        return
      } catch (error) {
        if (isGone(error)) return await this.#gone(chatId, messageId)
        if (verdictOf(error).kind !== 'never') throw error
      }
    }
    await telegram.sender.setMessageReaction({ ...chat, reaction: [] }).catch((error: unknown) => {
      if (verdictOf(error).kind !== 'never') throw error
    })
  }

  /** Telegram tells no bot of deletions: this one has come to light. */
  async #gone(chatId: string, messageId: number): Promise<void> {
    const known = await findMessage(this.#parts.database, chatId, messageId)
    if (known?.is_from_matrix === 0) await takeAway(this.#parts, known)
  }
}
