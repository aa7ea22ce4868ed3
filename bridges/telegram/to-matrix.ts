/** Updates of Telegram → events of Matrix. Each may come again after a crash, and then makes nothing twice. */
import { createHash } from 'node:crypto'
import type { ChatMemberUpdated, Message, MessageReactionUpdated, PollAnswer, Update } from 'node-telegram-bot-api'
import { convert, type Converted } from './content.ts'
import type { Files } from './files.ts'
import type { Names } from './format/to-html.ts'
import { type Ghosts, type Speaker, speakerOf, speakerOfChat, speakerOfUser } from './ghosts.ts'
import { type Content, errcodeOf, type Matrix } from './matrix.ts'
import type { Metadata } from './metadata.ts'
import { levelOf, setLevels } from './powers.ts'
import type { Puppets } from './puppets.ts'
import type { Database } from './store/database.ts'
import {
  addMessage,
  addReaction,
  findMessage,
  findPoll,
  type MessageRow,
  reactionsOf,
  removeReaction,
  setHash,
} from './store/messages.ts'
import { idsOfUsernames } from './store/people.ts'
import {
  findPortal,
  migratePortals,
  noteLastMessage,
  type Portal,
  portalsOfChat,
  setPortalState,
  setPortalTitle,
} from './store/portals.ts'
import { moveLane } from './store/updates.ts'
import type { TelegramCommands } from './telegram-commands.ts'
import type { Topics } from './topics.ts'

export interface ToMatrixParts {
  readonly matrix: Matrix
  readonly database: Database
  readonly ghosts: Ghosts
  readonly puppets: Puppets
  readonly files: Files
  readonly commands: TelegramCommands
  readonly topics: Topics
  readonly metadata: Metadata
  readonly bot: { readonly id: string; readonly username: string }
}

const hashOf = ({ content }: Converted): string =>
  createHash('sha256').update(JSON.stringify(content)).digest('base64url')

export class ToMatrix {
  readonly #parts: ToMatrixParts

  constructor(parts: ToMatrixParts) {
    this.#parts = parts
  }

  async take(update: Update): Promise<void> {
    if ('message' in update) return await this.#message(update.message)
    if ('channel_post' in update) return await this.#message(update.channel_post)
    if ('edited_message' in update) return await this.#edit(update.edited_message)
    if ('edited_channel_post' in update) return await this.#edit(update.edited_channel_post)
    if ('message_reaction' in update) return await this.#reactions(update.message_reaction)
    if ('my_chat_member' in update) return await this.#ownMembership(update.my_chat_member)
    if ('chat_member' in update) return await this.#membership(update.chat_member)
    if ('poll_answer' in update) return await this.#vote(update.poll_answer)
    if ('callback_query' in update) return await this.#parts.commands.press(update.callback_query)
  }

  async #message(message: Message): Promise<void> {
    const { database, commands, bot } = this.#parts
    if (String(message.from?.id) === bot.id && !message.sender_chat) return
    if (message.migrate_to_chat_id !== undefined) return await this.migrate(message.chat.id, message.migrate_to_chat_id)
    if (message.migrate_from_chat_id !== undefined)
      return await this.migrate(message.migrate_from_chat_id, message.chat.id)
    if (await commands.take(message)) return
    const portal = await this.#portalOf(message)
    if (!portal || portal.state !== 'active') return
    await database.transaction('telegram last message', (tx) => noteLastMessage(tx, portal.chat_id, message.message_id))
    if (!(await this.#service(message, portal))) await this.#post(message, portal)
  }

  async #portalOf(message: Message): Promise<Portal | undefined> {
    const { database, topics } = this.#parts
    const chatId = String(message.chat.id)
    if (message.is_topic_message !== true || message.message_thread_id === undefined)
      return await findPortal(database, chatId)
    return (await findPortal(database, chatId, message.message_thread_id)) ?? (await topics.open(message))
  }

  async #post(message: Message, portal: Portal): Promise<void> {
    const { database, ghosts } = this.#parts
    const speaker = speakerOf(message)
    if (!speaker || (await findMessage(database, portal.chat_id, message.message_id))) return
    const converted = await this.#convert(message)
    const relation = await this.#replyOf(message, portal)
    const event = {
      roomId: portal.room_id,
      type: converted.type,
      content: { ...converted.content, ...relation },
      txnId: this.#txn(message, 'new'),
      ts: message.date * 1000,
    }
    const { sender, eventId } = await ghosts.speak(speaker, event)
    const row: MessageRow = {
      chat_id: portal.chat_id,
      message_id: message.message_id,
      part: 0,
      room_id: portal.room_id,
      event_id: eventId,
      sender,
      is_from_matrix: 0,
      hash: hashOf(converted),
      media: converted.media ?? null,
    }
    await database.transaction('telegram message', (tx) => addMessage(tx, row))
  }

  async #replyOf(
    { reply_to_message: answered, chat, is_topic_message: isTopic, message_thread_id: thread }: Message,
    portal: Portal,
  ): Promise<Content> {
    if (!answered || (isTopic === true && answered.message_id === thread)) return {}
    const known = await findMessage(this.#parts.database, String(chat.id), answered.message_id)
    if (!known || known.room_id !== portal.room_id) return {}
    return { 'm.relates_to': { 'm.in_reply_to': { event_id: known.event_id } } }
  }

  /** Telegram tells of an edit also when only a reaction or a link preview changed. */
  async #edit(message: Message): Promise<void> {
    const { database, matrix } = this.#parts
    const known = await findMessage(database, String(message.chat.id), message.message_id)
    if (!known || known.is_from_matrix === 1) return
    const converted = await this.#convert(message)
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

  async #convert(message: Message): Promise<Converted> {
    const entities = [...(message.entities ?? []), ...(message.caption_entities ?? [])]
    const text = message.text ?? message.caption ?? ''
    const mentions = entities.flatMap(({ type, offset, length }) =>
      type === 'mention' ? [text.slice(offset + 1, offset + length).toLowerCase()] : [],
    )
    const ids = await idsOfUsernames(this.#parts.database, [...new Set(mentions)])
    const { matrix, puppets } = this.#parts
    const linked = new Map<string, string | undefined>()
    for (const id of [...ids.values(), ...entities.flatMap(({ user }) => (user ? [String(user.id)] : []))]) {
      if (/^\d+$/.test(id)) linked.set(id, await puppets.of(id))
    }
    const userOf = (id: string | undefined): string | undefined =>
      id === undefined ? undefined : (linked.get(id) ?? matrix.ghostOf(id))
    const names: Names = {
      byId: (id) => userOf(String(id)),
      byUsername: (name) => userOf(ids.get(name.toLowerCase())),
      emoji: () => undefined,
    }
    return await convert(message, { files: this.#parts.files, names })
  }

  async #reactions({
    chat,
    message_id: id,
    user,
    actor_chat: actor,
    date,
    old_reaction: old,
    new_reaction: now,
  }: MessageReactionUpdated): Promise<void> {
    const { database, matrix } = this.#parts
    const known = await findMessage(database, String(chat.id), id)
    const speaker = user ? speakerOfUser(user) : actor && speakerOfChat(actor)
    if (!known || !speaker) return
    // Kept under the ghost, whoever spoke: of Telegram's reactions none is shown there again.
    const ghost = matrix.ghostOf(speaker.id)
    const wanted = new Set(now.map(emojiOf))
    const there = (await reactionsOf(database, known.chat_id, id)).filter(({ sender }) => sender === ghost)
    for (const reaction of there) {
      if (wanted.has(reaction.emoji)) continue
      await this.#unreact(known.room_id, reaction.event_id)
    }
    for (const emoji of wanted) {
      if (there.some((reaction) => reaction.emoji === emoji)) continue
      const content = { 'm.relates_to': { rel_type: 'm.annotation', event_id: known.event_id, key: emoji } }
      const txnId = `tg.react.${chat.id}.${id}.${speaker.id}.${date}.${old.length}.${Buffer.from(emoji).toString('hex')}`
      const event = { roomId: known.room_id, type: 'm.reaction', content, txnId, ts: date * 1000 }
      const eventId = await this.#react(speaker, event)
      if (eventId === undefined) continue
      const row = {
        chat_id: known.chat_id,
        message_id: id,
        sender: ghost,
        emoji,
        event_id: eventId,
        sent_at: date * 1000,
      }
      await database.transaction('telegram reaction', (tx) => addReaction(tx, row))
    }
  }

  /** Undefined where they have reacted so in Matrix already. */
  async #react(speaker: Speaker, event: Parameters<Ghosts['speak']>[1]): Promise<string | undefined> {
    try {
      return (await this.#parts.ghosts.speak(speaker, event)).eventId
    } catch (error) {
      if (errcodeOf(error) !== 'M_DUPLICATE_ANNOTATION') throw error
      return undefined
    }
  }

  /** By who reacted: that may have been the ghost, and be a linked account now, or the other way round. */
  async #unreact(roomId: string, eventId: string): Promise<void> {
    const { database, matrix } = this.#parts
    const sender = await matrix.senderOf(roomId, eventId)
    await matrix.redact(sender, roomId, eventId, `tg.unreact.${eventId.slice(1)}`)
    await database.transaction('telegram reaction', (tx) => removeReaction(tx, eventId))
  }

  /** Votes of polls that came from Matrix. */
  async #vote({ poll_id: pollId, user, voter_chat: chat, option_ids: options }: PollAnswer): Promise<void> {
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
    const txnId = `tg.vote.${pollId}.${speaker.id}.${options.join('-')}`
    await ghosts.speak(speaker, { roomId: poll.room_id, type: 'org.matrix.msc3381.poll.response', content, txnId })
  }

  /** What is about the chat and not said in it. Gives whether the message was of that kind. */
  async #service(message: Message, portal: Portal): Promise<boolean> {
    const { database, ghosts, matrix, files, topics, metadata, bot } = this.#parts
    const { room_id: roomId } = portal
    if (message.new_chat_members) {
      for (const user of message.new_chat_members) {
        if (String(user.id) !== bot.id) await ghosts.arrive(speakerOfUser(user), roomId)
      }
      return true
    }
    if (message.left_chat_member) {
      await ghosts.leave(matrix.ghostOf(message.left_chat_member.id), roomId)
      return true
    }
    const { new_chat_title: title, new_chat_photo: photo } = message
    if (title !== undefined) {
      if (metadata.isFromTelegram) await matrix.trySetState(roomId, 'm.room.name', { name: title })
      await database.transaction('telegram title', (tx) => setPortalTitle(tx, roomId, title))
      return true
    }
    if ((photo ?? message.delete_chat_photo) && !metadata.isFromTelegram) return true
    const largest = photo?.at(-1)
    if (largest) {
      const { mxc } = await files.toMatrix(largest, { kind: 'photo', name: 'photo.jpg', type: 'image/jpeg' })
      await matrix.trySetState(roomId, 'm.room.avatar', { url: mxc })
      return true
    }
    if (message.delete_chat_photo === true) {
      await matrix.trySetState(roomId, 'm.room.avatar', {})
      return true
    }
    if (message.pinned_message) {
      if (metadata.isFromTelegram) await metadata.pin(message.pinned_message.message_id, portal)
      return true
    }
    return await topics.service(message, portal)
  }

  async #membership({ chat, new_chat_member: member }: ChatMemberUpdated): Promise<void> {
    const { database, ghosts, matrix } = this.#parts
    const { status, user } = member
    const levels = new Map([[matrix.ghostOf(user.id), levelOf(member)]])
    const isThere = status !== 'left' && status !== 'kicked'
    for (const { room_id: roomId, state } of await portalsOfChat(database, String(chat.id))) {
      if (state !== 'active') continue
      if (isThere) await ghosts.arrive(speakerOfUser(user), roomId)
      else await ghosts.leave(matrix.ghostOf(user.id), roomId)
      await setLevels(matrix, roomId, levels)
    }
  }

  /** The bot itself was thrown out, or is back. */
  async #ownMembership({ chat, date, new_chat_member: { status } }: ChatMemberUpdated): Promise<void> {
    const { database, matrix } = this.#parts
    const portals = await portalsOfChat(database, String(chat.id))
    const state = status === 'left' || status === 'kicked' ? 'kicked' : 'active'
    for (const portal of portals) {
      if (portal.state === state || portal.state === 'paused') continue
      const body =
        state === 'kicked'
          ? 'Telegram: the bot was removed from the group. Nothing is bridged until it is back.'
          : 'Telegram: the bot is back in the group.'
      await matrix.notice(portal.room_id, body, `tg.state.${chat.id}.${portal.thread_id}.${date}.${state}`)
    }
    if (portals.some((portal) => portal.state !== 'paused')) {
      await database.transaction('telegram state', (tx) => setPortalState(tx, String(chat.id), state))
    }
  }

  /** The rooms stay, under the group's new number. */
  async migrate(from: number, to: number): Promise<void> {
    await this.#parts.database.transaction('telegram migration', async (tx) => {
      await migratePortals(tx, String(from), String(to))
      await moveLane(tx, String(from), String(to))
    })
  }

  #txn({ chat, message_id: id }: Message, what: string): string {
    return `tg.${this.#parts.bot.id}.${chat.id}.${id}.${what}`
  }
}

function emojiOf(reaction: MessageReactionUpdated['new_reaction'][number]): string {
  return 'emoji' in reaction ? reaction.emoji : 'custom_emoji_id' in reaction ? `:${reaction.custom_emoji_id}:` : '⭐'
}
