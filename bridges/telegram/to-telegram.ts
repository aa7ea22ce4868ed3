/** Events of Matrix → calls of the Bot API, by the one who may speak there: the bot. */
import { InputFile, type Message, type MessageEntity } from 'node-telegram-bot-api'
import { Lru } from '../../homeserver/platform/lru.ts'
import { CAPTION_LIMIT, split } from './format/split.ts'
import type { Links, Text } from './format/to-entities.ts'
import { type Ghosts } from './ghosts.ts'
import type { MatrixCommands } from './matrix-commands.ts'
import type { Content, Matrix, MatrixEvent } from './matrix.ts'
import type { Metadata } from './metadata.ts'
import type { Pace } from './pace.ts'
import { relayed, textOfContent } from './relay.ts'
import type { Database } from './store/database.ts'
import { beginPart, endPart, finishEvent, type StoredEvent } from './store/events.ts'
import {
  addMessage,
  addPoll,
  addReaction,
  findMessage,
  findReaction,
  messagesOfEvent,
  pollOfEvent,
  reactionsOf,
  removeMessage,
  removeReaction,
} from './store/messages.ts'
import { fileOfMxc } from './store/people.ts'
import { moveRoom, noteLastMessage, type Portal, portalOfRoom } from './store/portals.ts'
import { isGone, isUnmodified, type Telegram, verdictOf } from './telegram.ts'

const PHOTO_LIMIT = 10 * 1024 * 1024
const PROBED = 5
const MAX_PARTS = 8
const INSTEAD_OF_DELETED = '[deleted]'

/** One call that makes a message. */
interface Step {
  readonly send: (to: Destination) => Promise<Message>
  /** Edits the message of this number to what it should be: unmodified, it is ours. */
  readonly probe: (to: Destination, messageId: number) => Promise<unknown>
  readonly media: string | null
}

interface Destination {
  readonly chat_id: number
  readonly message_thread_id?: number
  readonly reply_parameters?: { message_id: number; allow_sending_without_reply: true }
}

export interface ToTelegramParts {
  readonly matrix: Matrix
  readonly telegram: Telegram
  readonly database: Database
  readonly ghosts: Ghosts
  readonly commands: MatrixCommands
  readonly metadata: Metadata
  readonly pace: Pace
  readonly maxUpload: number
}

export class ToTelegram {
  readonly #parts: ToTelegramParts
  /** Names of people in rooms. */
  readonly #names = new Lru<string, string>(2_000)

  constructor(parts: ToTelegramParts) {
    this.#parts = parts
  }

  /** Throws what the Bot API or the homeserver answered, or that it is too early; the event then waits. */
  async take(stored: StoredEvent): Promise<void> {
    const event = JSON.parse(stored.json) as MatrixEvent
    const { database, matrix, commands } = this.#parts
    if (event.type === 'm.room.member') await this.#member(event)
    if (!matrix.isOurs(event.sender)) {
      const portal = await portalOfRoom(database, event.room_id)
      const isCommand = await commands.take(event, portal)
      if (portal?.state === 'active' && !isCommand) await this.#forward(stored, event, portal)
    }
    await database.transaction('matrix event', (tx) => finishEvent(tx, event.event_id))
  }

  async #forward(stored: StoredEvent, event: MatrixEvent, portal: Portal): Promise<void> {
    const { metadata } = this.#parts
    switch (event.type) {
      case 'm.room.message': {
        const relation = event.content['m.relates_to'] as { rel_type?: string; event_id?: string } | undefined
        if (relation?.rel_type === 'm.replace') return await this.#edit(stored, event, portal, relation.event_id ?? '')
        return await this.#say(stored, event, portal, await this.#steps(event, event.content))
      }
      case 'm.sticker':
        return await this.#say(
          stored,
          event,
          portal,
          await this.#steps(event, { ...event.content, msgtype: 'm.sticker' }),
        )
      case 'm.reaction':
        return await this.#react(event, portal)
      case 'm.room.redaction':
        return await this.#redact(event, portal)
      case 'm.room.pinned_events':
        return await this.#pins(event, portal)
      case 'm.room.name':
      case 'm.room.topic':
      case 'm.room.avatar':
        return await metadata.toTelegram(event, portal)
      case 'm.poll.start':
      case 'org.matrix.msc3381.poll.start':
        return await this.#poll(stored, event, portal)
      case 'm.poll.end':
      case 'org.matrix.msc3381.poll.end':
        return await this.#endPoll(event)
      case 'm.room.tombstone':
        return await this.#follow(event)
    }
  }

  async #say(
    stored: StoredEvent,
    event: MatrixEvent,
    portal: Portal,
    steps: readonly Step[],
    record = true,
  ): Promise<void> {
    const { database, matrix, pace } = this.#parts
    const answered = await this.#answered(event)
    for (const [part, step] of steps.entries()) {
      if (part < stored.sent_parts) continue
      const to = this.#destination(portal, part === 0 ? answered : undefined)
      const isDoubtful = part === stored.sent_parts && stored.is_sending === 1
      const adopted = isDoubtful ? await this.#probe(step, to, portal) : undefined
      if (adopted === undefined) pace.take(portal.chat_id)
      const messageId = adopted ?? (await this.#attempt(event.event_id, () => step.send(to))).message_id
      await database.transaction('telegram sent', async (tx) => {
        await endPart(tx, event.event_id, { isSent: true })
        await noteLastMessage(tx, portal.chat_id, messageId)
        if (!record) return
        await addMessage(tx, {
          chat_id: portal.chat_id,
          message_id: messageId,
          part: 0,
          room_id: portal.room_id,
          event_id: event.event_id,
          sender: event.sender,
          is_from_matrix: 1,
          hash: '',
          media: step.media,
        })
      })
    }
    if (steps.length > 0) await matrix.markRead(portal.room_id, event.event_id).catch(() => undefined) // a courtesy
  }

  /** While a call is on its way this is on disk: who starts after a crash knows that it may have worked. */
  async #attempt<T>(eventId: string, call: () => Promise<T>): Promise<T> {
    const { database } = this.#parts
    await database.transaction('telegram sending', (tx) => beginPart(tx, eventId))
    try {
      return await call()
    } catch (error) {
      if (verdictOf(error).kind !== 'unknown') {
        await database.transaction('telegram not sent', (tx) => endPart(tx, eventId, { isSent: false }))
      }
      throw error
    }
  }

  /** Looks whether one of the messages after the last we know is the one that we may have sent. */
  async #probe(step: Step, to: Destination, portal: Portal): Promise<number | undefined> {
    for (let id = portal.last_message + 1; id <= portal.last_message + PROBED; id++) {
      try {
        await step.probe(to, id)
      } catch (error) {
        if (isUnmodified(error)) return id
        if (verdictOf(error).kind !== 'never') throw error
      }
    }
    return undefined
  }

  #destination({ chat_id: chatId, thread_id: thread }: Portal, answered: number | undefined): Destination {
    return {
      chat_id: Number(chatId),
      ...(thread > 0 ? { message_thread_id: thread } : {}),
      ...(answered === undefined
        ? {}
        : { reply_parameters: { message_id: answered, allow_sending_without_reply: true as const } }),
    }
  }

  async #answered({ content }: MatrixEvent): Promise<number | undefined> {
    const relation = content['m.relates_to'] as { 'm.in_reply_to'?: { event_id?: string } } | undefined
    const eventId = relation?.['m.in_reply_to']?.event_id
    if (eventId === undefined) return undefined
    return (await messagesOfEvent(this.#parts.database, eventId))[0]?.message_id
  }

  async #steps(event: MatrixEvent, content: Content): Promise<Step[]> {
    const { msgtype, url, geo_uri: geo } = content
    const name = await this.#nameOf(event.room_id, event.sender)
    const location = /^geo:(-?[\d.]+),(-?[\d.]+)/.exec(typeof geo === 'string' ? geo : '')
    if (location) return [this.#locationStep(Number(location[1]), Number(location[2]))]
    if (typeof url === 'string') return await this.#mediaSteps(name, content, url)
    const text = textOfContent(content, this.#links())
    return this.#textSteps(relayed(name, text, { isEmote: msgtype === 'm.emote' }), content)
  }

  #textSteps(text: Text, content: Content): Step[] {
    const previews =
      Array.isArray(content['com.beeper.linkpreviews']) && content['com.beeper.linkpreviews'].length === 0
    const options = previews ? { link_preview_options: { is_disabled: true } } : {}
    const parts = split(text)
    if (parts.length > MAX_PARTS) {
      const document = new InputFile(Buffer.from(text.text), { filename: 'message.txt', contentType: 'text/plain' })
      return [this.#textStep(split(text, 500)[0] ?? text, options), this.#fileStep('document', document, empty)]
    }
    return parts.map((part) => this.#textStep(part, options))
  }

  #textStep({ text, entities }: Text, options: object): Step {
    const { sender } = this.#parts.telegram
    const shared = { text, entities: [...entities], ...options }
    return {
      send: (to) => sender.sendMessage({ ...to, ...shared }),
      probe: ({ chat_id }, message_id) => sender.editMessageText({ chat_id, message_id, ...shared }),
      media: null,
    }
  }

  #locationStep(latitude: number, longitude: number): Step {
    const { sender } = this.#parts.telegram
    return {
      send: (to) => sender.sendLocation({ ...to, latitude, longitude }),
      probe: ({ chat_id }, message_id) => sender.editMessageLiveLocation({ chat_id, message_id, latitude, longitude }),
      media: 'location',
    }
  }

  async #mediaSteps(name: string, content: Content, mxc: string): Promise<Step[]> {
    const { matrix, database, maxUpload } = this.#parts
    const { body, filename, info } = content as {
      body?: string
      filename?: string
      info?: { mimetype?: string; size?: number }
    }
    const hasCaption = filename !== undefined && filename !== body
    const text = hasCaption ? textOfContent(content, this.#links()) : empty
    const caption = relayed(name, text)
    const fileName = filename ?? body ?? 'file'
    const known = await fileOfMxc(database, mxc)
    if (known && content['msgtype'] === 'm.sticker') return [this.#fileStep('sticker', known.file_id, empty)]
    try {
      const { bytes, type } = await matrix.download(mxc)
      const kind = kindOf(content, { type: info?.mimetype ?? type, size: bytes.length })
      const file = new InputFile(bytes, { filename: fileName, contentType: info?.mimetype ?? type })
      if (caption.text.length <= CAPTION_LIMIT) return [this.#fileStep(kind, file, caption)]
      return [this.#fileStep(kind, file, empty), ...this.#textSteps(caption, content)]
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      const size = Math.ceil((info?.size ?? maxUpload) / 1024 / 1024)
      return this.#textSteps(
        relayed(name, { text: `[file: ${fileName}, ${size} MB, too large for Telegram]`, entities: [] }),
        {},
      )
    }
  }

  #fileStep(kind: FileKind, file: InputFile | string, { text, entities }: Text): Step {
    const { sender } = this.#parts.telegram
    const caption = text === '' ? {} : { caption: text, caption_entities: [...entities] }
    return {
      send: (to) => {
        switch (kind) {
          case 'photo':
            return sender.sendPhoto({ ...to, photo: file, ...caption })
          case 'animation':
            return sender.sendAnimation({ ...to, animation: file, ...caption })
          case 'video':
            return sender.sendVideo({ ...to, video: file, ...caption })
          case 'voice':
            return sender.sendVoice({ ...to, voice: file, ...caption })
          case 'audio':
            return sender.sendAudio({ ...to, audio: file, ...caption })
          case 'sticker':
            return sender.sendSticker({ ...to, sticker: file })
          case 'document':
            return sender.sendDocument({ ...to, document: file, ...caption })
        }
      },
      probe: ({ chat_id }, message_id) => sender.editMessageCaption({ chat_id, message_id, ...caption }),
      media: kind,
    }
  }

  /** Parts that both have are edited, the others deleted or added. */
  async #edit(stored: StoredEvent, event: MatrixEvent, portal: Portal, original: string): Promise<void> {
    const { database, telegram } = this.#parts
    const rows = (await messagesOfEvent(database, original)).filter(({ sender }) => sender === event.sender)
    const content = event.content['m.new_content'] as Content | undefined
    if (rows.length === 0 || !content) return
    const name = await this.#nameOf(event.room_id, event.sender)
    const isEmote = content['msgtype'] === 'm.emote'
    const text = relayed(name, textOfContent(content, this.#links()), { isEmote })
    const media = rows[0]?.media ?? undefined
    const parts = media === undefined ? split(text) : [text]
    for (const [index, row] of rows.entries()) {
      const chat = { chat_id: Number(row.chat_id), message_id: row.message_id }
      const part = parts[index]
      if (!part) {
        await this.#delete(chat)
        await database.transaction('telegram part', (tx) => removeMessage(tx, row))
      } else if (media === undefined)
        await changed(telegram.sender.editMessageText({ ...chat, text: part.text, entities: [...part.entities] }))
      else
        await changed(
          telegram.sender.editMessageCaption({ ...chat, caption: part.text, caption_entities: [...part.entities] }),
        )
    }
    const missing = parts.slice(rows.length).map((part) => this.#textStep(part, {}))
    await this.#say(stored, { ...event, event_id: event.event_id }, portal, missing)
  }

  async #delete(chat: { chat_id: number; message_id: number }): Promise<void> {
    const { sender } = this.#parts.telegram
    try {
      await sender.deleteMessage(chat)
    } catch (error) {
      if (isGone(error)) return
      if (verdictOf(error).kind !== 'never') throw error
      // Older than two days: what the bot said itself can still be changed.
      await changed(sender.editMessageText({ ...chat, text: INSTEAD_OF_DELETED }))
    }
  }

  async #redact({ redacts, content }: MatrixEvent, portal: Portal): Promise<void> {
    const { database, matrix } = this.#parts
    const eventId = redacts ?? (content['redacts'] as string | undefined) ?? ''
    const reaction = await findReaction(database, eventId)
    if (reaction) {
      await database.transaction('telegram reaction', (tx) => removeReaction(tx, eventId))
      if (matrix.isOurs(reaction.sender)) return // of Telegram's reactions none is shown there again
      return await this.#showReactions(reaction.chat_id, reaction.message_id)
    }
    for (const row of await messagesOfEvent(database, eventId)) {
      if (row.room_id !== portal.room_id) continue
      await this.#delete({ chat_id: Number(row.chat_id), message_id: row.message_id })
      await database.transaction('telegram deleted', (tx) => removeMessage(tx, row))
    }
  }

  async #react(
    { content, event_id: eventId, sender, origin_server_ts: at }: MatrixEvent,
    portal: Portal,
  ): Promise<void> {
    const { database } = this.#parts
    const { event_id: target = '', key = '' } = (content['m.relates_to'] ?? {}) as { event_id?: string; key?: string }
    const [message] = await messagesOfEvent(database, target)
    if (!message || message.room_id !== portal.room_id || key === '') return
    const { chat_id, message_id } = message
    const emoji = key.replace(/\uFE0F/g, '')
    await database.transaction('matrix reaction', (tx) =>
      addReaction(tx, { chat_id, message_id, sender, emoji, event_id: eventId, sent_at: at }),
    )
    await this.#showReactions(chat_id, message_id)
  }

  /** A bot has one reaction to a message: the newest that Telegram has. */
  async #showReactions(chatId: string, messageId: number): Promise<void> {
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
    const { database, matrix } = this.#parts
    const known = await findMessage(database, chatId, messageId)
    if (!known || known.is_from_matrix === 1) return
    await matrix.redact(known.sender, known.room_id, known.event_id, `tg.gone.${known.event_id.slice(1)}`)
    await database.transaction('telegram gone', (tx) => removeMessage(tx, known))
  }

  async #pins({ content }: MatrixEvent, portal: Portal): Promise<void> {
    const { database, telegram } = this.#parts
    const latest = (content['pinned'] as string[] | undefined)?.at(-1)
    const [message] = latest === undefined ? [] : await messagesOfEvent(database, latest)
    if (!message || message.chat_id !== portal.chat_id) return
    const pin = { chat_id: Number(message.chat_id), message_id: message.message_id, disable_notification: true }
    await telegram.sender.pinChatMessage(pin)
  }

  async #poll(stored: StoredEvent, event: MatrixEvent, portal: Portal): Promise<void> {
    const { database, telegram } = this.#parts
    const start = (event.content['m.poll'] ?? event.content['org.matrix.msc3381.poll.start'] ?? {}) as PollStart
    const answers = (start.answers ?? []).slice(0, 12)
    const name = await this.#nameOf(event.room_id, event.sender)
    const question = `${name}: ${pollText(start.question)}`.slice(0, 300)
    let pollId: string | undefined
    let messageId = 0
    const step: Step = {
      send: async (to) => {
        const message = await telegram.sender.sendPoll({
          ...to,
          question,
          options: answers.map((answer) => ({ text: pollText(answer).slice(0, 100) || '?' })),
          is_anonymous: false,
          allows_multiple_answers: (start.max_selections ?? 1) > 1,
        })
        pollId = message.poll?.id
        messageId = message.message_id
        return message
      },
      probe: () => Promise.reject(new Error('polls cannot be probed')),
      media: 'poll',
    }
    await this.#say({ ...stored, is_sending: 0 }, event, portal, [step])
    if (pollId === undefined) return
    const row = {
      poll_id: pollId,
      chat_id: portal.chat_id,
      message_id: messageId,
      room_id: portal.room_id,
      event_id: event.event_id,
      answers: JSON.stringify(answers.map((answer) => answer.id ?? answer['m.id'] ?? '')),
    }
    await database.transaction('telegram poll', (tx) => addPoll(tx, row))
  }

  async #endPoll({ content }: MatrixEvent): Promise<void> {
    const relation = content['m.relates_to'] as { event_id?: string } | undefined
    const poll = await pollOfEvent(this.#parts.database, relation?.event_id ?? '')
    if (!poll) return
    await this.#parts.telegram.sender.stopPoll({ chat_id: Number(poll.chat_id), message_id: poll.message_id })
  }

  /** The room was upgraded: the bridge goes along. */
  async #follow({ content, room_id: roomId }: MatrixEvent): Promise<void> {
    const { database, matrix } = this.#parts
    const next = content['replacement_room']
    if (typeof next !== 'string') return
    await matrix.setMembership(matrix.botUserId, next, 'join')
    await database.transaction('telegram room', (tx) => moveRoom(tx, roomId, next))
  }

  /** Names may be new; ghosts that were thrown out are so in Telegram too. */
  async #member(event: MatrixEvent): Promise<void> {
    const { matrix, ghosts, database, telegram, commands } = this.#parts
    const { state_key: userId = '', room_id: roomId, sender } = event
    const membership = event.content['membership']
    this.#names.delete(`${roomId} ${userId}`)
    if (membership === 'invite' && matrix.isOurs(userId) && !matrix.isOurs(sender)) return await commands.invited(event)
    if (membership !== 'leave' && membership !== 'ban') return
    const id = matrix.telegramIdOf(userId)
    if (id === undefined || matrix.isOurs(sender)) return
    await ghosts.forget(userId, roomId)
    const portal = await portalOfRoom(database, roomId)
    if (!portal || portal.state !== 'active' || id.startsWith('channel_')) return
    const member = { chat_id: Number(portal.chat_id), user_id: Number(id) }
    await telegram.sender.banChatMember(member)
    if (membership === 'leave') await telegram.sender.unbanChatMember({ ...member, only_if_banned: true })
  }

  async #nameOf(roomId: string, userId: string): Promise<string> {
    const key = `${roomId} ${userId}`
    const known = this.#names.get(key)
    if (known !== undefined) return known
    const member = await this.#parts.matrix.state(roomId, 'm.room.member', userId)
    const shown = member?.['displayname']
    const name = typeof shown === 'string' && shown.trim() !== '' ? shown : userId.slice(1).replace(/:.*/, '')
    this.#names.set(key, name)
    return name
  }

  #links(): Links {
    const { matrix } = this.#parts
    return {
      user: (userId) => {
        const id = matrix.telegramIdOf(userId)
        return id === undefined || id.startsWith('channel_') ? undefined : { id: Number(id), name: id }
      },
      message: () => undefined,
    }
  }
}

const empty: Text = { text: '', entities: [] as MessageEntity[] }

interface PollText {
  readonly id?: string
  readonly 'm.id'?: string
  readonly body?: string
  readonly 'org.matrix.msc1767.text'?: string
  readonly 'm.text'?: readonly { readonly body?: string }[]
}
interface PollStart {
  readonly question?: PollText
  readonly answers?: readonly PollText[]
  readonly max_selections?: number
}

const pollText = (text: PollText | undefined): string =>
  text?.['m.text']?.[0]?.body ?? text?.['org.matrix.msc1767.text'] ?? text?.body ?? ''

type FileKind = 'photo' | 'animation' | 'video' | 'voice' | 'audio' | 'sticker' | 'document'

const isPhoto = /^image\/(?:jpeg|png)$/
const isVoice = /^audio\/(?:ogg|mpeg|mp4)/
const isMusic = /^audio\/(?:mpeg|mp4|x-m4a)/

/** As what Telegram shows a file best, and takes it. */
export function kindOf(content: Content, { type, size }: { type: string; size: number }): FileKind {
  switch (content['msgtype']) {
    case 'm.sticker':
      if (type === 'image/webp') return 'sticker'
      return isPhoto.test(type) && size <= PHOTO_LIMIT ? 'photo' : 'document'
    case 'm.image':
      if (type === 'image/gif') return 'animation'
      return isPhoto.test(type) && size <= PHOTO_LIMIT ? 'photo' : 'document'
    case 'm.video':
      return type === 'video/mp4' ? 'video' : 'document'
    case 'm.audio':
      if (content['org.matrix.msc3245.voice'] !== undefined && isVoice.test(type)) return 'voice'
      return isMusic.test(type) ? 'audio' : 'document'
    default:
      return 'document'
  }
}

/** An edit that changes nothing is an edit that is done. */
async function changed(call: Promise<unknown>): Promise<void> {
  await call.catch((error: unknown) => {
    if (!isUnmodified(error) && !isGone(error)) throw error
  })
}
