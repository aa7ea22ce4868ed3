/** Updates of Telegram → events of Matrix. Each may come again after a crash, and then makes nothing twice. */
import type { ChatMemberUpdated, Message, PollAnswer, Update } from 'node-telegram-bot-api'
import type { Database } from '../appservice/database.ts'
import type { Chats } from './chats.ts'
import { objectOf } from '../appservice/json.ts'
import type { Bans } from './bans.ts'
import type { Files } from './files.ts'
import { type Ghosts, speakerOfChat, speakerOfUser } from './ghosts.ts'
import type { Matrix } from './matrix.ts'
import type { Portals } from './portals.ts'
import type { Stickers } from './stickers.ts'
import { findPoll, NO_ANSWERS } from './store/messages.ts'
import { moveChat } from './store/chats.ts'
import { findPortal, isHeard, migratePortals, noteLastMessage } from './store/portals.ts'
import { moveLane } from './store/updates.ts'
import type { TelegramCommands } from './telegram-commands.ts'
import type { Turns } from './to-telegram/turns.ts'
import { ChatNews, type ChatNewsParts } from './to-matrix/chat.ts'
import type { NamesParts } from './to-matrix/names.ts'
import { Places, type PlacesParts } from './to-matrix/places.ts'
import { Posts } from './to-matrix/posts.ts'
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
  readonly turns: Turns
  readonly bans: Bans
  readonly portals: Portals
  readonly bot: { readonly id: string; readonly username: string }
}

export class ToMatrix {
  readonly #parts: ToMatrixParts
  readonly #places: Places
  readonly #chat: ChatNews
  readonly #reactions: Reactions
  readonly #posts: Posts

  constructor(parts: ToMatrixParts) {
    this.#parts = parts
    this.#places = new Places(parts)
    this.#posts = new Posts({ ...parts, places: this.#places })
    this.#chat = new ChatNews(parts)
    this.#reactions = new Reactions(parts)
  }

  /** `attempts` is how often it has failed. */
  async take(update: Update, attempts: number): Promise<void> {
    const isLate = attempts >= PATIENCE
    if (await this.#isShutOut(update)) return
    if ('message' in update) return await this.#message(update.message, isLate)
    if ('channel_post' in update) return await this.#message(update.channel_post, isLate)
    if ('edited_message' in update) return await this.#posts.edit(update.edited_message, isLate)
    if ('edited_channel_post' in update) return await this.#posts.edit(update.edited_channel_post, isLate)
    if ('message_reaction' in update) return await this.#reactions.take(update.message_reaction)
    if ('message_reaction_count' in update) return await this.#reactions.count(update.message_reaction_count)
    if ('my_chat_member' in update) return await this.#ownMembership(update.my_chat_member)
    if ('chat_member' in update) return await this.#chat.membership(update.chat_member)
    if ('poll' in update) return await this.#posts.closePoll(update.poll)
    if ('poll_answer' in update) return await this.#vote(update.poll_answer, update.update_id)
    if ('callback_query' in update) return await this.#parts.commands.press(update.callback_query)
  }

  async #ownMembership(change: ChatMemberUpdated): Promise<void> {
    await this.#chat.ownMembership(change)
    await this.#parts.chats.botIs(change)
  }

  /** Who is shut out says nothing here; that they left, or another threw them out, still counts. */
  async #isShutOut(update: Update): Promise<boolean> {
    if (isAboutThemselves(update)) return false
    const said = Object.values(update).map(objectOf)
    const people = said.flatMap(({ from, user, new_chat_member: member }) => (member ? [] : [from, user]))
    for (const person of people) {
      const { id } = objectOf(person)
      if (typeof id === 'number' && (await this.#parts.bans.has(String(id)))) return true
    }
    return false
  }

  async #message(message: Message, isLate: boolean): Promise<void> {
    const { database, commands, bot, chats, turns } = this.#parts
    await chats.saw(message.chat)
    if (String(message.from?.id) === bot.id && !message.sender_chat) return
    turns.take(String(message.chat.id), message.message_id)
    if (message.migrate_to_chat_id !== undefined) return await this.migrate(message.chat.id, message.migrate_to_chat_id)
    if (message.migrate_from_chat_id !== undefined)
      return await this.migrate(message.migrate_from_chat_id, message.chat.id)
    if (await commands.take(message)) return
    if (await this.#places.takePost(message, isLate)) return
    const place = await this.#places.of(message)
    if (!isHeard(place?.portal)) return
    if (!(await this.#chat.service(message, place.portal))) return await this.#posts.add(message, place, isLate)
    const chatId = String(message.chat.id)
    await database.transaction('telegram last message', (tx) => noteLastMessage(tx, chatId, message.message_id))
  }

  /** Votes of polls that came from Matrix. */
  async #vote(
    { poll_id: pollId, user, voter_chat: chat, option_ids: options }: PollAnswer,
    updateId: number,
  ): Promise<void> {
    const { database, ghosts } = this.#parts
    const poll = await findPoll(database, pollId)
    const speaker = user ? speakerOfUser(user) : chat && speakerOfChat(chat)
    if (!poll || poll.answers === NO_ANSWERS || !speaker) return
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
    const { database, portals } = this.#parts
    await database.transaction('telegram migration', async (tx) => {
      await migratePortals(tx, String(from), String(to))
      await moveLane(tx, String(from), String(to))
    })
    await database.transaction('telegram chat moved', (tx) => moveChat(tx, String(from), String(to)))
    const portal = await findPortal(database, String(to))
    if (portal) await portals.renumbered(portal, String(from))
  }
}

/** Of their account people may ask the bot whatever became of them in the bridge. */
const isAboutThemselves = (update: Update): boolean =>
  'callback_query' in update ||
  ('message' in update &&
    update.message.chat.type === 'private' &&
    update.message.entities?.some(({ type, offset }) => type === 'bot_command' && offset === 0) === true)
