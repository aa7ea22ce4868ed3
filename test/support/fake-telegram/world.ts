/** People, chats, messages and files, and who is told of what happens to them. */
import { randomBytes } from 'node:crypto'
import type { Chat, ChatMember, Message, ReactionType, Sticker, Update, User } from 'node-telegram-bot-api'
import { type Clock, systemClock } from '../../../homeserver/platform/clock.ts'
import { FakeBot } from './bot.ts'
import { bad, forbidden, Problem } from './problem.ts'

export type Status = 'creator' | 'administrator' | 'member' | 'restricted' | 'left' | 'kicked'
export type Rights = Readonly<Record<string, boolean>>

export interface Member {
  readonly user: User
  readonly status: Status
  readonly rights: Rights
}

interface Topic {
  name: string
  closed: boolean
}

export interface FakeChat {
  chat: Chat
  description?: string | undefined
  photo?: FakeFile | undefined
  linked?: number | undefined
  /** Emoji that may be used; all if undefined. */
  reactions?: readonly string[] | undefined
  readonly members: Map<number, Member>
  readonly messages: Map<number, Message>
  readonly reacted: Map<number, Map<number, readonly ReactionType[]>>
  readonly topics: Map<number, Topic>
  /** People who have asked to come in. */
  readonly requests: Set<number>
  pinned: number[]
  lastId: number
  movedTo?: number
}

export interface FakeFile {
  readonly id: string
  readonly uniqueId: string
  readonly path: string
  readonly type: string
  readonly bytes: Buffer
}

/** All that an administrator may be allowed. */
export const allRights: Rights = {
  can_manage_chat: true,
  can_change_info: true,
  can_delete_messages: true,
  can_invite_users: true,
  can_restrict_members: true,
  can_pin_messages: true,
  can_promote_members: true,
  can_manage_topics: true,
  can_post_messages: true,
  can_edit_messages: true,
  can_manage_video_chats: true,
  can_post_stories: false,
  can_edit_stories: false,
  can_delete_stories: false,
}

export class World {
  readonly clock: Clock
  readonly bots = new Map<string, FakeBot>()
  readonly users = new Map<number, User>()
  readonly chats = new Map<number, FakeChat>()
  readonly files = new Map<string, FakeFile>()
  readonly photosOf = new Map<number, FakeFile>()
  readonly stickerSets = new Map<string, readonly Sticker[]>()
  /** People who do not want to hear from the bot. */
  readonly blocked = new Set<number>()
  /** Called for each message that is new or changed, whoever sent it. */
  onMessage: (message: Message) => void = () => undefined
  #nextUser = 5_000_001
  #nextChat = 1_000_000_001
  /** Private chats and basic groups count their messages together. */
  #lastSharedId = 0

  constructor(clock: Clock = systemClock) {
    this.clock = clock
  }

  get now(): number {
    return Math.floor(this.clock.now() / 1000)
  }

  addBot(token: string, username: string, name: string): FakeBot {
    const id = Number(token.split(':')[0])
    const user: User = { id, is_bot: true, first_name: name, username }
    const bot = new FakeBot(token, user, this.clock)
    this.bots.set(token, bot)
    this.users.set(id, user)
    return bot
  }

  addUser(name: string, more: Partial<User> = {}): User {
    const user: User = { id: this.#nextUser++, is_bot: false, first_name: name, language_code: 'en', ...more }
    this.users.set(user.id, user)
    return user
  }

  addChat(chat: Omit<Chat, 'id'> & { id?: number }): FakeChat {
    const number = this.#nextChat++
    const id = chat.id ?? (chat.type === 'group' ? -number : -1_000_000_000_000 - number)
    const made: FakeChat = {
      chat: { ...chat, id },
      members: new Map(),
      messages: new Map(),
      reacted: new Map(),
      topics: new Map(),
      requests: new Set(),
      pinned: [],
      lastId: 0,
    }
    this.chats.set(id, made)
    return made
  }

  /** The chat of a person with the bot, which is there once they have written first. */
  privateChat(user: User, bot: FakeBot): FakeChat {
    const known = this.chats.get(user.id)
    if (known) return known
    const { id, first_name, last_name, username } = user
    const made = this.addChat({
      id,
      type: 'private',
      first_name,
      ...(last_name ? { last_name } : {}),
      ...(username ? { username } : {}),
    })
    for (const who of [user, bot.user]) made.members.set(who.id, { user: who, status: 'member', rights: {} })
    return made
  }

  chat(id: number | string | undefined): FakeChat {
    const found =
      typeof id === 'string' && id.startsWith('@')
        ? this.chats.values().find(({ chat }) => `@${chat.username}`.toLowerCase() === id.toLowerCase())
        : this.chats.get(Number(id))
    if (!found) throw bad('chat not found')
    return found
  }

  /** The chat, if `bot` may act in it. */
  chatFor(bot: FakeBot, id: number | string | undefined): FakeChat {
    const numeric = Number(id)
    if (numeric > 0 && !this.chats.has(numeric) && this.users.has(numeric)) {
      throw forbidden("bot can't initiate conversation with a user")
    }
    const found = this.chat(id)
    const { type } = found.chat
    if (found.movedTo !== undefined) {
      throw new Problem(400, 'Bad Request: group chat was upgraded to a supergroup chat', {
        migrate_to_chat_id: found.movedTo,
      })
    }
    if (type === 'private' && this.blocked.has(found.chat.id)) throw forbidden('bot was blocked by the user')
    const status = found.members.get(bot.user.id)?.status
    if (status === 'kicked') throw forbidden(`bot was kicked from the ${type} chat`)
    if (status === undefined || status === 'left') throw forbidden(`bot is not a member of the ${type} chat`)
    return found
  }

  isAdmin({ members }: FakeChat, userId: number): boolean {
    const status = members.get(userId)?.status
    return status === 'creator' || status === 'administrator'
  }

  may(chat: FakeChat, userId: number, right: string): boolean {
    const member = chat.members.get(userId)
    return member?.status === 'creator' || (member?.status === 'administrator' && member.rights[right] === true)
  }

  /** The next number of a message in this chat. */
  nextMessageId(chat: FakeChat): number {
    if (chat.chat.type === 'private' || chat.chat.type === 'group') return ++this.#lastSharedId
    return ++chat.lastId
  }

  /** Writes a message down. Replies show what they answer, without what that answered. */
  post(chat: FakeChat, from: User | Chat, content: Partial<Message>, replyTo?: number): Message {
    const answered = replyTo === undefined ? undefined : chat.messages.get(replyTo)
    const { reply_to_message: _, ...original } = answered ?? ({} as Partial<Message>)
    const message: Message = {
      message_id: this.nextMessageId(chat),
      date: this.now,
      chat: chat.chat,
      ...('type' in from ? { sender_chat: from } : { from }),
      ...(answered ? { reply_to_message: original as Message } : {}),
      ...content,
    }
    chat.messages.set(message.message_id, message)
    this.onMessage(message)
    return message
  }

  /** Tells the bots of the chat. Privacy mode keeps from them what is not for them. */
  tellOfMessage(kind: 'message' | 'edited_message', message: Message): void {
    const chat = this.chat(message.chat.id)
    const field = chat.chat.type === 'channel' ? (kind === 'message' ? 'channel_post' : 'edited_channel_post') : kind
    for (const bot of this.bots.values()) {
      if (message.from?.id === bot.user.id || !this.hears(bot, chat, message)) continue
      bot.tell({ [field]: message })
    }
  }

  hears(bot: FakeBot, chat: FakeChat, message: Message): boolean {
    const status = chat.members.get(bot.user.id)?.status
    if (status === undefined || status === 'left' || status === 'kicked') return false
    if (chat.chat.type === 'private' || chat.chat.type === 'channel') return true
    if (bot.readsAll || this.isAdmin(chat, bot.user.id)) return true
    const isCommand = message.entities?.some(({ type, offset }) => type === 'bot_command' && offset === 0)
    return isCommand === true || message.reply_to_message?.from?.id === bot.user.id || isService(message)
  }

  /** Tells those bots of the chat that are administrators. */
  tellAdmins(chat: FakeChat, update: Omit<Update, 'update_id'>): void {
    for (const bot of this.bots.values()) if (this.isAdmin(chat, bot.user.id)) bot.tell(update)
  }

  /** Sets what somebody is in a chat, and tells of it. */
  setMember(chat: FakeChat, user: User, by: User, status: Status, rights: Rights = {}): void {
    const before = chat.members.get(user.id) ?? { user, status: 'left', rights: {} }
    const after: Member = { user, status, rights }
    chat.members.set(user.id, after)
    const change = {
      chat: chat.chat,
      from: by,
      date: this.now,
      old_chat_member: chatMember(before),
      new_chat_member: chatMember(after),
    }
    const itself = this.bots.values().find((bot) => bot.user.id === user.id)
    if (itself) itself.tell({ my_chat_member: change })
    else this.tellAdmins(chat, { chat_member: change })
  }

  addFile(bytes: Buffer, { name, type }: { name: string; type: string }): FakeFile {
    const uniqueId = `AQAD${randomBytes(9).toString('base64url')}`
    const file = {
      id: `BQACAgI${randomBytes(24).toString('base64url')}`,
      uniqueId,
      path: `files/${uniqueId}/${name}`,
      type,
      bytes,
    }
    this.files.set(file.id, file)
    return file
  }
}

function isService(message: Message): boolean {
  return ['new_chat_members', 'left_chat_member', 'new_chat_title', 'pinned_message', 'migrate_to_chat_id'].some(
    (key) => key in message,
  )
}

/** https://core.telegram.org/bots/api#chatmember */
export function chatMember({ user, status, rights }: Member): ChatMember {
  const base = { user, status }
  if (status === 'administrator') {
    return { ...base, can_be_edited: false, is_anonymous: false, ...allOff, ...rights }
  }
  if (status === 'creator') return { ...base, is_anonymous: rights['is_anonymous'] === true }
  if (status === 'restricted') return { ...base, is_member: true, until_date: 0, ...rights }
  return status === 'kicked' ? { ...base, until_date: 0 } : base
}

const allOff: Rights = Object.fromEntries(Object.keys(allRights).map((right) => [right, false]))
