/** Updates of Telegram → events of Matrix. Each may come again after a crash, and then makes nothing twice. */
import { createHash } from 'node:crypto'
import type { ChatMemberUpdated, Message, PollAnswer, Update } from 'node-telegram-bot-api'
import type { Database } from '../appservice/database.ts'
import { convert, type Converted } from './content.ts'
import type { Chats } from './chats.ts'
import type { Files } from './files.ts'
import { type Ghosts, speakerOf, speakerOfChat, speakerOfUser } from './ghosts.ts'
import type { Matrix } from './matrix.ts'
import type { Stickers } from './stickers.ts'
import { addMessage, findMessage, findPoll, type MessageRow, setHash } from './store/messages.ts'
import { migratePortals, noteLastMessage } from './store/portals.ts'
import { moveChat } from './store/chats.ts'
import { moveLane } from './store/updates.ts'
import type { TelegramCommands } from './telegram-commands.ts'
import { ChatNews, type ChatNewsParts } from './to-matrix/chat.ts'
import { LivePlaces } from './to-matrix/live-places.ts'
import { namesOf, type NamesParts } from './to-matrix/names.ts'
import { type Place, Places, type PlacesParts } from './to-matrix/places.ts'
import { Reactions } from './to-matrix/reactions.ts'

/** After so many failures a message goes without its file, and a comment without its post. */
const PATIENCE = 3

export interface ToMatrixParts extends ChatNewsParts, NamesParts, PlacesParts {
  readonly matrix: Matrix
  readonly database: Database
  readonly ghosts: Ghosts
  readonly files: Files
  readonly stickers: Stickers
  readonly commands: TelegramCommands
  readonly chats: Chats
  readonly bot: { readonly id: string; readonly username: string }
}

const hashOf = ({ content }: Converted): string =>
  createHash('sha256').update(JSON.stringify(content)).digest('base64url')

export class ToMatrix {
  readonly #parts: ToMatrixParts
  readonly #places: Places
  readonly #chat: ChatNews
  readonly #reactions: Reactions
  readonly #live = new LivePlaces()

  constructor(parts: ToMatrixParts) {
    this.#parts = parts
    this.#places = new Places(parts)
    this.#chat = new ChatNews(parts)
    this.#reactions = new Reactions(parts)
  }

  /** `attempts` is how often it has failed. */
  async take(update: Update, attempts: number): Promise<void> {
    const isLate = attempts >= PATIENCE
    if ('message' in update) return await this.#message(update.message, isLate)
    if ('channel_post' in update) return await this.#message(update.channel_post, isLate)
    if ('edited_message' in update) return await this.#edit(update.edited_message, isLate)
    if ('edited_channel_post' in update) return await this.#edit(update.edited_channel_post, isLate)
    if ('message_reaction' in update) return await this.#reactions.take(update.message_reaction)
    if ('message_reaction_count' in update) return await this.#reactions.count(update.message_reaction_count)
    if ('my_chat_member' in update) return await this.#ownMembership(update.my_chat_member)
    if ('chat_member' in update) return await this.#chat.membership(update.chat_member)
    if ('poll_answer' in update) return await this.#vote(update.poll_answer, update.update_id)
    if ('callback_query' in update) return await this.#parts.commands.press(update.callback_query)
  }

  async #ownMembership(change: ChatMemberUpdated): Promise<void> {
    await this.#chat.ownMembership(change)
    await this.#parts.chats.botIs(change)
  }

  async #message(message: Message, isLate: boolean): Promise<void> {
    const { database, commands, bot, chats } = this.#parts
    await chats.saw(message.chat)
    if (String(message.from?.id) === bot.id && !message.sender_chat) return
    if (message.migrate_to_chat_id !== undefined) return await this.migrate(message.chat.id, message.migrate_to_chat_id)
    if (message.migrate_from_chat_id !== undefined)
      return await this.migrate(message.migrate_from_chat_id, message.chat.id)
    if (await commands.take(message)) return
    if (await this.#places.takePost(message, isLate)) return
    const place = await this.#places.of(message)
    if (place?.portal.state !== 'active') return
    if (!(await this.#chat.service(message, place.portal))) return await this.#post(message, place, isLate)
    const chatId = String(message.chat.id)
    await database.transaction('telegram last message', (tx) => noteLastMessage(tx, chatId, message.message_id))
  }

  async #post(message: Message, place: Place, isLate: boolean): Promise<void> {
    const { database, ghosts } = this.#parts
    const speaker = speakerOf(message)
    const chatId = String(message.chat.id)
    if (!speaker || (await findMessage(database, chatId, message.message_id))) return
    const converted = await this.#convert(message, isLate)
    const relation = await this.#places.relation(message, place)
    const event = {
      roomId: place.portal.room_id,
      type: converted.type,
      content: { ...converted.content, ...relation },
      txnId: this.#txn(message, 'new'),
      ts: message.date * 1000,
    }
    const { sender, eventId } = await ghosts.speak(speaker, event)
    const row: MessageRow = {
      chat_id: chatId,
      message_id: message.message_id,
      part: 0,
      room_id: place.portal.room_id,
      event_id: eventId,
      sender,
      is_from_matrix: 0,
      hash: hashOf(converted),
      media: converted.media ?? null,
    }
    await database.transaction('telegram message', async (tx) => {
      await addMessage(tx, row)
      await noteLastMessage(tx, chatId, message.message_id)
    })
  }

  /** Telegram tells of an edit also when only a reaction or a link preview changed. */
  async #edit(message: Message, isLate: boolean): Promise<void> {
    const { database, matrix } = this.#parts
    const known = await findMessage(database, String(message.chat.id), message.message_id)
    if (!known || known.is_from_matrix === 1 || this.#live.isTooSoon(message)) return
    const converted = await this.#convert(message, isLate)
    const hash = hashOf(converted)
    if (hash === known.hash) return
    const { body } = converted.content as { body: string }
    const content = {
      ...converted.content,
      body: `* ${body}`,
      'm.new_content': converted.content,
      'm.relates_to': { rel_type: 'm.replace', event_id: known.event_id },
    }
    const ts = (message.edit_date ?? message.date) * 1000
    const txnId = this.#txn(message, `${message.edit_date}.${hash.slice(0, 8)}`)
    await matrix.send(known.sender, { roomId: known.room_id, type: converted.type, content, txnId, ts })
    await database.transaction('telegram edit', (tx) => setHash(tx, known, hash))
  }

  async #convert(message: Message, isWithoutFile: boolean): Promise<Converted> {
    const { files, stickers } = this.#parts
    return await convert(message, { files, stickers, isWithoutFile, names: await namesOf(message, this.#parts) })
  }

  /** Votes of polls that came from Matrix. */
  async #vote(
    { poll_id: pollId, user, voter_chat: chat, option_ids: options }: PollAnswer,
    updateId: number,
  ): Promise<void> {
    const { database, ghosts } = this.#parts
    const poll = await findPoll(database, pollId)
    const speaker = user ? speakerOfUser(user) : chat && speakerOfChat(chat)
    if (!poll || !speaker) return
    const ids = JSON.parse(poll.answers) as string[]
    const answers = options.flatMap((option) => ids[option] ?? [])
    const content = {
      'm.relates_to': { rel_type: 'm.reference', event_id: poll.event_id },
      'org.matrix.msc3381.poll.response': { answers },
    }
    const txnId = `tg.vote.${this.#parts.bot.id}.${updateId}` // the same choice may come again after another
    await ghosts.speak(speaker, { roomId: poll.room_id, type: 'org.matrix.msc3381.poll.response', content, txnId })
  }

  /** The rooms stay, under the group's new number. */
  async migrate(from: number, to: number): Promise<void> {
    await this.#parts.database.transaction('telegram migration', async (tx) => {
      await migratePortals(tx, String(from), String(to))
      await moveChat(tx, String(from), String(to))
      await moveLane(tx, String(from), String(to))
    })
  }

  #txn({ chat, message_id: id }: Message, what: string): string {
    return `tg.${this.#parts.bot.id}.${chat.id}.${id}.${what}`
  }
}
