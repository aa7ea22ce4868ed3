/** What people ask of the bot in Telegram: commands, and buttons below its messages. */
import type { CallbackQuery, Message, User } from 'node-telegram-bot-api'
import type { Database } from '../appservice/database.ts'
import type { Chats } from './chats.ts'
import type { Choices } from './choices.ts'
import { speakerOf } from './ghosts.ts'
import { takeAway } from './gone.ts'
import type { Handshakes } from './handshakes.ts'
import type { Login } from './login.ts'
import type { Matrix } from './matrix.ts'
import type { PrivateChats } from './private-chats.ts'
import type { Puppets } from './puppets.ts'
import type { Portals } from './portals.ts'
import { RuleError, type Rules } from './rules.ts'
import { countEvents } from './store/events.ts'
import { findMessage } from './store/messages.ts'
import { chatSide, findPortal, noteLastMessage, portalsOfChat, setTopics } from './store/portals.ts'
import { countUpdates } from './store/updates.ts'
import { isGone, isUnmodified, type Telegram, verdictOf } from './telegram.ts'
import type { Texts } from './texts.ts'

/** Of the chats of somebody who asks for them. */
const MAX_LISTED = 50

export interface TelegramCommandsParts {
  readonly matrix: Matrix
  readonly telegram: Telegram
  readonly database: Database
  readonly login: Login
  readonly chats: Chats
  readonly rules: Rules
  readonly portals: Portals
  readonly privateChats: PrivateChats
  readonly handshakes: Handshakes
  readonly choices: Choices
  readonly puppets: Puppets
  readonly serverName: string
  readonly bot: { readonly id: string; readonly username: string }
}

const topicKinds = ['rooms', 'threads', 'flat'] as const

interface Command {
  readonly name: string
  readonly argument: string
}

/** The command that a message begins with, unless it is for another bot. */
function commandOf({ text = '', entities = [] }: Message, botName: string): Command | undefined {
  const entity = entities.find(({ type, offset }) => type === 'bot_command' && offset === 0)
  if (!entity) return undefined
  const [name = '', bot] = text.slice(1, entity.length).split('@')
  if (bot !== undefined && bot.toLowerCase() !== botName.toLowerCase()) return undefined
  return { name: name.toLowerCase(), argument: text.slice(entity.length).trim() }
}

/** As acts are written down. Anonymous administrators are their group. */
const actorOf = ({ from, sender_chat: chat }: Message): string => `telegram:${chat?.id ?? from?.id ?? 0}`

export class TelegramCommands {
  readonly #parts: TelegramCommandsParts

  constructor(parts: TelegramCommandsParts) {
    this.#parts = parts
  }

  /** Whether the message was for the bot alone. */
  async take(message: Message): Promise<boolean> {
    const command = commandOf(message, this.#parts.bot.username)
    if (message.chat.type === 'private') {
      if (!command && (await this.#parts.privateChats.hasRoom(message))) return false
      await this.#private(message, command)
      return true
    }
    if (!command) return false
    const answer = await this.#inGroup(message, command)
    if (answer === undefined) return false
    if (answer !== '') await this.#answer(message, answer)
    return true
  }

  async press(query: CallbackQuery): Promise<void> {
    const { telegram, login, choices, puppets } = this.#parts
    await telegram.sender.answerCallbackQuery({ callback_query_id: query.id }).catch(() => undefined) // only stops the spinner
    const tgUser = String(query.from.id)
    if (!(await choices.press(tgUser, query.data ?? ''))) return await login.press(query)
    puppets.forget(tgUser)
    if (query.message) await this.#showChoices(query.from, query.message)
  }

  async #private(message: Message, command: Command | undefined): Promise<void> {
    const { login, choices, serverName } = this.#parts
    const texts = await choices.textsOf(message.from)
    if (command && (await login.take(message, command))) return
    switch (command?.name) {
      case 'help':
      case 'start':
        return await this.#answer(message, texts.start)
      case 'chats':
        return await this.#answer(message, await this.#chats(message, texts))
      case 'privacy':
        return await this.#answer(message, texts.privacy(serverName))
      case 'unbridge':
        return await this.#answer(message, await this.#change(message, 'unbridge'))
      case 'settings':
        return message.from && (await this.#showChoices(message.from))
      default:
        return await this.#answer(message, texts.unknown)
    }
  }

  /** With buttons; in place of those that were pressed. */
  async #showChoices(from: User, pressed?: { readonly message_id: number }): Promise<void> {
    const { telegram, choices } = this.#parts
    const texts = await choices.textsOf(from)
    const shown = {
      chat_id: from.id,
      text: texts.settings,
      reply_markup: await choices.buttons(String(from.id), texts),
    }
    if (!pressed) return void (await telegram.sender.sendMessage(shown))
    await telegram.sender.editMessageText({ ...shown, message_id: pressed.message_id }).catch((error: unknown) => {
      if (!isUnmodified(error) && !isGone(error)) throw error // what was chosen before was pressed again
    })
  }

  async #chats({ from }: Message, texts: Texts): Promise<string> {
    const { chats, login } = this.#parts
    const all = await chats.list({ tgUser: String(from?.id) })
    const lines = all.slice(0, MAX_LISTED).map(({ title, portal }) => `${portal ? '✓' : '–'} ${title}`)
    return texts.chats(login.chatsPage, all.length > MAX_LISTED ? [...lines, '…'] : lines)
  }

  /** The answer; empty for none, undefined for what is not one of our commands. */
  async #inGroup(message: Message, { name, argument }: Command): Promise<string | undefined> {
    const texts = await this.#parts.choices.textsOf(message.from)
    switch (name) {
      case 'bridge':
        return await this.#bridge(message, argument)
      case 'unbridge':
      case 'pause':
      case 'resume':
        if (!(await this.#isAdmin(message))) return texts.onlyAdmins
        return await this.#change(message, name)
      case 'status':
        return await this.#status(message)
      case 'id':
        return String(message.chat.id)
      case 'redact':
        return await this.#redact(message)
      case 'invite':
        return await this.#invite(message)
      case 'topics':
        return await this.#topics(message, argument)
      case 'privacy':
        return texts.privacy(this.#parts.serverName)
      case 'help':
        return texts.groupHelp
      case 'login':
      case 'settings':
        return texts.privateOnly(this.#parts.bot.username)
      default:
        return undefined
    }
  }

  async #bridge(message: Message, code: string): Promise<string> {
    const { matrix, rules, portals, handshakes } = this.#parts
    const texts = await this.#parts.choices.textsOf(message.from)
    const chatId = String(message.chat.id)
    if (!(await this.#isAdmin(message))) return texts.onlyAdmins
    if (code === '') {
      const own = await handshakes.offer({ room_id: chatSide(chatId), user_id: actorOf(message) })
      return texts.howToBridge(own)
    }
    const found = await handshakes.accept(code, 'matrix')
    if (!found) return texts.badCode
    const { room_id: roomId, user_id: userId } = found
    try {
      await rules.checkRoom(userId, roomId, { isForced: true }) // whether another bridge minds was asked there
      await rules.checkChat(userId, chatId)
      const room = await matrix.describe(roomId)
      const actor = `${userId} ${actorOf(message)}`
      await portals.join({ chat: message.chat, roomId, userId, actor, agreed: speakerOf(message) })
      const bridged = texts.bridged(room, userId)
      return (await portals.isDeaf(message.chat)) ? `${bridged}\n\n${texts.deaf}` : bridged
    } catch (error) {
      if (!(error instanceof RuleError)) throw error
      return texts.bridgeRefusals[error.reason]
    }
  }

  async #change(message: Message, what: 'unbridge' | 'pause' | 'resume'): Promise<string> {
    const { database, portals } = this.#parts
    const texts = await this.#parts.choices.textsOf(message.from)
    const chatId = String(message.chat.id)
    const all = await portalsOfChat(database, chatId)
    if (all.length === 0) return texts.notBridged
    if (what === 'unbridge') {
      for (const portal of all) await portals.end(portal, actorOf(message))
      return texts.unbridged
    }
    await portals.setState(chatId, what === 'pause' ? 'paused' : 'active', actorOf(message))
    return what === 'pause' ? texts.paused : texts.resumed
  }

  /** Where the room is, for people of Matrix. */
  async #invite({ chat, from }: Message): Promise<string> {
    const { database, matrix, choices } = this.#parts
    const texts = await choices.textsOf(from)
    const portal = await findPortal(database, String(chat.id))
    if (!portal) return texts.notBridged
    const { alias } = portal
    return alias === null ? texts.roomLink(matrix.roomLink(portal.room_id)) : texts.publicLink(matrix.aliasLink(alias))
  }

  async #topics(message: Message, wish: string): Promise<string> {
    const { database, choices } = this.#parts
    const texts = await choices.textsOf(message.from)
    const kind = topicKinds.find((one) => one === wish.toLowerCase())
    if (kind === undefined) return texts.whichTopics
    if (!(await this.#isAdmin(message))) return texts.onlyAdmins
    const chatId = String(message.chat.id)
    if (!(await findPortal(database, chatId))) return texts.notBridged
    await database.transaction('telegram topics', (tx) => setTopics(tx, chatId, kind))
    return texts.topicsAre[kind]
  }

  async #status(message: Message): Promise<string> {
    const { database, bot, telegram } = this.#parts
    const texts = await this.#parts.choices.textsOf(message.from)
    const portal = await findPortal(database, String(message.chat.id))
    const [updates, events] = [await countUpdates(database), await countEvents(database)]
    const { status } = await telegram.reader.getChatMember({ chat_id: message.chat.id, user_id: Number(bot.id) })
    const hint = status === 'administrator' ? '' : `\n${texts.notAdminHint}`
    return `${portal ? texts.isBridged(portal.state) : texts.notBridged}\n${texts.waiting(updates.waiting - 1, events.waiting)}${hint}`
  }

  /** Telegram tells no bot of deletions, so people say which. */
  async #redact(message: Message): Promise<string> {
    const { database, telegram } = this.#parts
    const target = message.reply_to_message
    const texts = await this.#parts.choices.textsOf(message.from)
    if (!target) return texts.replyToRedact
    const isOwn = target.from?.id === message.from?.id
    if (!isOwn && !(await this.#isAdmin(message))) return texts.onlyAdmins
    const known = await findMessage(database, String(message.chat.id), target.message_id)
    if (!known || known.is_from_matrix === 1) return texts.notThere
    await takeAway(this.#parts, known)
    for (const { message_id: id } of [target, message]) {
      await telegram.sender.deleteMessage({ chat_id: message.chat.id, message_id: id }).catch((error: unknown) => {
        if (verdictOf(error).kind !== 'never') throw error // the bot may lack the right
      })
    }
    return ''
  }

  /** Anonymous administrators speak as the group itself. */
  async #isAdmin({ chat, from, sender_chat: sender }: Message): Promise<boolean> {
    if (sender) return sender.id === chat.id
    if (!from) return false
    return await this.#parts.rules.isChatAdmin(chat.id, from.id)
  }

  async #answer({ chat, message_thread_id: thread, is_topic_message: isTopic }: Message, text: string): Promise<void> {
    const { telegram, database } = this.#parts
    const sent = await telegram.sender.sendMessage({
      chat_id: chat.id,
      text,
      ...(isTopic === true && thread !== undefined ? { message_thread_id: thread } : {}),
    })
    await database.transaction('telegram answer', (tx) => noteLastMessage(tx, String(chat.id), sent.message_id))
  }
}
