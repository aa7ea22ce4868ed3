/** The chats in which the bot is. Being there bridges nothing: it is chosen, by those who run the chat. */
import type { Chat, ChatMember, ChatMemberUpdated } from 'node-telegram-bot-api'
import type { TelegramChat } from '../../homeserver/core/telegram-chats.ts'
import type { Clock } from '../../homeserver/platform/clock.ts'
import { logger } from '../../homeserver/platform/log.ts'
import { Lru } from '../../homeserver/platform/lru.ts'
import type { Database } from '../appservice/database.ts'
import { cleanName } from '../appservice/names.ts'
import { mayChangeInfo } from './rules.ts'
import {
  type ChatRow,
  chatsToAsk,
  isFirstGreeting,
  isGroupTitle,
  knownChats,
  leaveChat,
  noteChat,
  seeChat,
} from './store/chats.ts'
import { allPortals, findPortal } from './store/portals.ts'
import { type Telegram, verdictOf } from './telegram.ts'
import { textsFor } from './texts.ts'

/** How often it is written down that a chat is alive. */
const SEEN_MS = 3600_000
/** How long Telegram is believed who runs a chat, for lists; whoever acts is asked for anew. */
const ASKED_MS = 10 * 60_000
/** Chats that are asked for at one look at the list: the others at the next. */
const MAX_ASKED = 10
const log = logger('telegram')

export interface ChatsParts {
  readonly telegram: Telegram
  readonly database: Database
  readonly clock: Clock
  readonly bot: { readonly id: string }
  /** Where people choose, if the homeserver has a page for it. */
  readonly page: () => string | undefined
}

export class Chats {
  readonly #parts: ChatsParts
  /** When chats were written down, under their titles. */
  readonly #seen = new Lru<string, { readonly title: string; readonly at: number }>(1_000)

  constructor(parts: ChatsParts) {
    this.#parts = parts
  }

  /** The bot heard something there. */
  async saw(chat: Chat): Promise<void> {
    if (chat.type === 'private') return
    const { database, clock } = this.#parts
    const [chatId, title] = [String(chat.id), titleOf(chat)]
    const last = this.#seen.get(chatId)
    if (last?.title === title && clock.monotonic() - last.at < SEEN_MS) return
    const row = { chat_id: chatId, type: chat.type, title, is_forum: chat.is_forum === true ? 1 : 0 }
    await database.transaction('telegram chat', (tx) => seeChat(tx, { ...row, seen_at: clock.now() }))
    this.#seen.set(chatId, { title, at: clock.monotonic() })
  }

  /** The bot came, was made something else, or has gone. Where it is new, it says once how it is made use of. */
  async botIs({ chat, from, new_chat_member: member }: ChatMemberUpdated): Promise<void> {
    if (chat.type === 'private') return
    const { database, clock } = this.#parts
    const chatId = String(chat.id)
    this.#seen.delete(chatId)
    if (!isThere(member)) {
      return await database.transaction('telegram chat left', (tx) => leaveChat(tx, chatId, clock.now()))
    }
    await this.saw(chat)
    await this.#ask(chatId)
    if (chat.type === 'supergroup' && (await isGroupTitle(database, titleOf(chat)))) return // the same one, it seems
    const isNew = await database.transaction('telegram greeting', (tx) => isFirstGreeting(tx, chatId))
    if (!isNew || (await findPortal(database, chatId))) return
    await this.#greet(chat.id, from?.language_code)
  }

  async #greet(chatId: number, language: string | undefined): Promise<void> {
    const text = textsFor(language).greeting(this.#parts.page())
    await this.#parts.telegram.sender.sendMessage({ chat_id: chatId, text }).catch((error: unknown) => {
      log.debug({ chat: chatId, problem: String(error) }, 'greeting not said') // it may have to be silent there
    })
  }

  /** All, or those that this Telegram user runs. What Telegram said of them may be ten minutes old. */
  async list(of: { readonly tgUser: string } | 'all'): Promise<TelegramChat[]> {
    const { database, clock } = this.#parts
    const toAsk = await chatsToAsk(database, { before: clock.now() - ASKED_MS, limit: MAX_ASKED })
    await Promise.all(toAsk.map((chatId) => this.#ask(chatId)))
    const portals = (await allPortals(database)).filter(({ thread_id: thread }) => thread === 0)
    const byChat = new Map(portals.map((portal) => [portal.chat_id, portal]))
    const rows = await knownChats(database)
    return rows
      .filter(({ admins }) => of === 'all' || listIn(admins).includes(of.tgUser))
      .map((row) => shown(row, byChat.get(row.chat_id)))
  }

  /** One that does not answer is left as it was known, until it is looked at again. */
  async #ask(chatId: string): Promise<void> {
    const { telegram, database, clock, bot } = this.#parts
    const id = Number(chatId)
    try {
      const [members, admins, own] = await Promise.all([
        telegram.reader.getChatMemberCount({ chat_id: id }),
        telegram.reader.getChatAdministrators({ chat_id: id }),
        telegram.reader.getChatMember({ chat_id: id, user_id: Number(bot.id) }),
      ])
      const told = {
        members,
        bot_status: own.status,
        bot_rights: JSON.stringify(rightsOf(own)),
        admins: JSON.stringify(admins.filter(mayChangeInfo).map(({ user }) => String(user.id))),
        asked_at: clock.now(),
      }
      await database.transaction('telegram chat told', (tx) => noteChat(tx, chatId, told))
    } catch (error) {
      if (verdictOf(error).kind !== 'never')
        return log.warn({ chat: chatId, problem: String(error) }, 'chat not looked at')
      await database.transaction('telegram chat left', (tx) => leaveChat(tx, chatId, clock.now()))
    }
  }
}

export const titleOf = ({ title }: Pick<Chat, 'title'>): string => cleanName(title ?? '') || 'Telegram'

const isThere = ({ status }: ChatMember): boolean => status !== 'left' && status !== 'kicked'

const rightsOf = (member: ChatMember): string[] =>
  Object.entries(member).flatMap(([right, is]) => (right.startsWith('can_') && is === true ? [right] : []))

/** As `#ask` wrote it. */
const listIn = (text: string): string[] => JSON.parse(text) as string[]

function shown(row: ChatRow, portal: { readonly room_id: string; readonly state: string } | undefined): TelegramChat {
  return {
    chat_id: row.chat_id,
    type: row.type,
    title: row.title,
    is_forum: Number(row.is_forum) === 1,
    ...(row.members === null ? {} : { members: Number(row.members) }),
    bot: { status: row.bot_status, rights: listIn(row.bot_rights) },
    seen_ts: Number(row.seen_at),
    ...(portal ? { portal: { room_id: portal.room_id, state: portal.state } } : {}),
  }
}
