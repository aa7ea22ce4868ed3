/** What people do in Telegram's apps. */
import { randomInt } from 'node:crypto'
import type { Message, MessageEntity, ReactionType, RichBlock, TextQuote, User } from 'node-telegram-bot-api'
import type { FakeBot } from './bot.ts'
import { type MediaKind, mediaContent, mediaNames } from './media.ts'
import { bad } from './problem.ts'
import { foundEntities } from './text.ts'
import type { FakeChat, FakeFile, World } from './world.ts'

export interface Saying {
  readonly text?: string
  readonly entities?: readonly MessageEntity[]
  readonly replyTo?: number
  readonly quote?: TextQuote
  readonly topic?: number
  /** Any other fields of the message. */
  readonly more?: Partial<Message>
  /** Speaks for the chat: an anonymous administrator, or a channel. */
  readonly as?: FakeChat
}

export interface Attachment {
  readonly bytes: Buffer
  readonly name?: string
  readonly type?: string
  readonly caption?: string
  readonly entities?: readonly MessageEntity[]
  readonly more?: Partial<Message>
  /** Further fields of the medium itself, such as `is_video` of a sticker. */
  readonly fields?: Record<string, unknown>
}

export class Person {
  readonly user: User
  readonly #world: World
  readonly #bot: FakeBot

  constructor(world: World, bot: FakeBot, user: User) {
    this.#world = world
    this.#bot = bot
    this.user = user
  }

  /** The private chat with the bot. */
  get bot(): FakeChat {
    return this.#world.privateChat(this.user, this.#bot)
  }

  say(chat: FakeChat, what: string | Saying): Message {
    const saying = typeof what === 'string' ? { text: what } : what
    const { text, replyTo, quote, topic, more } = saying
    const entities = [...(saying.entities ?? []), ...foundEntities(text ?? '')]
    return this.#post(
      chat,
      {
        ...(text === undefined ? {} : { text }),
        ...(entities.length > 0 ? { entities } : {}),
        ...(quote ? { quote } : {}),
        ...(topic === undefined ? {} : { message_thread_id: topic, is_topic_message: true as const }),
        ...more,
      },
      saying,
      replyTo,
    )
  }

  /** A message of blocks, as Telegram gives them to bots. */
  rich(chat: FakeChat, blocks: readonly object[]): Message {
    return this.#post(chat, { rich_message: { blocks: blocks as RichBlock[] } })
  }

  send(chat: FakeChat, kind: MediaKind, { bytes, caption, entities, more, fields, ...named }: Attachment): Message {
    const file = this.upload(kind, { bytes, ...named })
    const content = { ...mediaContent(kind, file, fields), ...(caption ? { caption } : {}), ...more }
    return this.#post(chat, { ...content, ...(entities ? { caption_entities: [...entities] } : {}) })
  }

  /** Several media under one caption. */
  album(chat: FakeChat, items: readonly Attachment[]): Message[] {
    const group = String(randomInt(2 ** 47))
    return items.map((item) => this.send(chat, 'photo', { ...item, more: { media_group_id: group } }))
  }

  upload(kind: MediaKind, { bytes, name, type }: Attachment): FakeFile {
    const usual = mediaNames[kind]
    return this.#world.addFile(bytes, { name: name ?? usual.name, type: type ?? usual.type })
  }

  edit(message: Message, fields: Partial<Message>): Message {
    const chat = this.#world.chat(message.chat.id)
    const found = foundEntities(fields.text ?? '')
    const entities = [...(fields.entities ?? []), ...found]
    const changed: Message = {
      ...message,
      entities: undefined,
      ...fields,
      ...(entities.length > 0 ? { entities } : {}),
      edit_date: this.#world.now,
    }
    chat.messages.set(message.message_id, changed)
    this.#world.onMessage(changed)
    this.#world.tellOfMessage('edited_message', changed)
    return changed
  }

  /** Puts another file in the place of a message's. */
  replace(message: Message, kind: MediaKind, { caption, ...file }: Attachment): Message {
    const content = mediaContent(kind, this.upload(kind, file), file.fields)
    const none = { photo: undefined, video: undefined, animation: undefined, audio: undefined, document: undefined }
    return this.edit(message, { ...none, ...content, caption })
  }

  /** No bot is told of it. */
  delete(message: Message): void {
    this.#world.chat(message.chat.id).messages.delete(message.message_id)
  }

  /** Sets all reactions of this person to a message. */
  react(message: Message, ...emoji: string[]): void {
    const chat = this.#world.chat(message.chat.id)
    const all = chat.reacted.get(message.message_id) ?? new Map<number, readonly ReactionType[]>()
    const old = all.get(this.user.id) ?? []
    const now = emoji.map((one) => ({ type: 'emoji', emoji: one }))
    chat.reacted.set(message.message_id, all.set(this.user.id, now))
    const change = {
      chat: chat.chat,
      message_id: message.message_id,
      user: this.user,
      date: this.#world.now,
      old_reaction: [...old],
      new_reaction: now,
    }
    this.#world.tellAdmins(chat, { message_reaction: change })
  }

  vote(message: Message, ...options: number[]): void {
    const current = this.#world.chat(message.chat.id).messages.get(message.message_id)
    if (!current?.poll) throw bad('no such poll')
    const answer = { poll_id: current.poll.id, user: this.user, option_ids: options, option_persistent_ids: [] }
    this.#bot.tell({ poll_answer: answer }) // as Telegram tells it
  }

  /** Presses a button below a message of the bot. */
  press(message: Message, data: string): void {
    const query = { id: String(randomInt(2 ** 47)), from: this.user, message, chat_instance: '1', data }
    this.#bot.tell({ callback_query: query }) // as Telegram tells it
  }

  join(chat: FakeChat, status: 'member' | 'creator' = 'member'): void {
    this.#world.setMember(chat, this.user, this.user, status)
    if (status === 'member' && chat.chat.type !== 'channel') this.#post(chat, { new_chat_members: [this.user] })
  }

  /** Somebody who administers the chat, or the bot, lets them in. */
  askToJoin(chat: FakeChat): void {
    chat.requests.add(this.user.id)
  }

  leave(chat: FakeChat): void {
    this.#world.setMember(chat, this.user, this.user, 'left')
    if (chat.chat.type !== 'channel') this.#post(chat, { left_chat_member: this.user })
  }

  rename(chat: FakeChat, title: string): void {
    chat.chat = { ...chat.chat, title }
    this.#post(chat, { new_chat_title: title })
  }

  setPhoto(chat: FakeChat, bytes: Buffer): void {
    const file = this.upload('photo', { bytes })
    chat.photo = file
    this.#post(chat, { new_chat_photo: mediaContent('photo', file).photo })
  }

  pin(chat: FakeChat, message: Message): void {
    chat.pinned = [message.message_id, ...chat.pinned]
    this.#post(chat, { pinned_message: message })
  }

  /** No bot is told of it. */
  unpin(chat: FakeChat, message: Message): void {
    chat.pinned = chat.pinned.filter((id) => id !== message.message_id)
  }

  /** Nor of this. */
  describe(chat: FakeChat, description: string): void {
    chat.description = description
  }

  openTopic(chat: FakeChat, name: string): number {
    const id = this.#world.nextMessageId(chat)
    chat.topics.set(id, { name, closed: false })
    this.#post(chat, {
      message_id: id,
      message_thread_id: id,
      is_topic_message: true,
      forum_topic_created: { name, icon_color: 7322096 },
    })
    return id
  }

  #post(chat: FakeChat, content: Partial<Message>, { as }: Saying = {}, replyTo?: number): Message {
    const member = chat.members.get(this.user.id)
    if (!member || member.status === 'left' || member.status === 'kicked') {
      if (!('left_chat_member' in content)) throw new Error(`${this.user.first_name} is not in that chat`)
    }
    const anonymous = as ? { from: anonymousBot } : {}
    const from = as?.chat ?? (chat.chat.type === 'channel' ? chat.chat : this.user)
    const message = this.#world.post(chat, from, { ...anonymous, ...content }, replyTo)
    this.#world.tellOfMessage('message', message)
    return message
  }
}

/** Stands as `from` where an administrator speaks for the group. */
const anonymousBot: User = { id: 1087968824, is_bot: true, first_name: 'Group', username: 'GroupAnonymousBot' }
