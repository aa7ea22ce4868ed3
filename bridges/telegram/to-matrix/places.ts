/** Where a message belongs: the room of its chat or topic, and the thread in it. */
import type { Message } from 'node-telegram-bot-api'
import type { Database } from '../../appservice/database.ts'
import type { Content } from '../../appservice/event.ts'
import type { BridgeConfig } from '../config.ts'
import type { Matrix } from '../matrix.ts'
import { addMessage, findMessage, type MessageRow } from '../store/messages.ts'
import { findPortal, isHeard, type Portal, portalOfRoom } from '../store/portals.ts'
import { topicName, type Topics } from '../topics.ts'

export interface PlacesParts {
  readonly matrix: Matrix
  readonly database: Database
  readonly topics: Topics
  readonly commentsAs: BridgeConfig['comments']
}

export interface Place {
  readonly portal: Portal
  /** The event that begins the thread. */
  readonly root: string | undefined
}

/** The post of a channel that its group is told of is on its way still. */
class PostNotYetError extends Error {
  override name = 'PostNotYetError'
}

export class Places {
  readonly #parts: PlacesParts

  constructor(parts: PlacesParts) {
    this.#parts = parts
  }

  async of(message: Message): Promise<Place | undefined> {
    const { database, topics, commentsAs } = this.#parts
    const chatId = String(message.chat.id)
    const { message_thread_id: thread, is_topic_message: isTopic } = message
    if (isTopic === true && thread !== undefined) {
      const portal = await findPortal(database, chatId)
      const kind = topics.kindIn(portal)
      if (kind === 'rooms') return placed((await findPortal(database, chatId, thread)) ?? (await topics.open(message)))
      if (kind === 'flat' || !isHeard(portal)) return placed(portal)
      return { portal, root: await this.#topic(message, thread, portal) }
    }
    if (commentsAs === 'threads' && thread !== undefined) {
      const post = await findMessage(database, chatId, thread)
      const channel = post && (await portalOfRoom(database, post.room_id))
      if (post && channel && channel.chat_id !== chatId) return { portal: channel, root: post.event_id }
    }
    return placed(await findPortal(database, chatId))
  }

  /** What a message answers, in the place where it belongs. Outside of forums Telegram calls all that is answered a thread. */
  async relation(
    { reply_to_message: answered, chat, message_thread_id: thread, is_topic_message: isTopic }: Message,
    { portal, root }: Place,
  ): Promise<Content> {
    const isInThread = isTopic === true || root !== undefined
    const isAnswer = answered !== undefined && !(isInThread && answered.message_id === thread)
    const known = isAnswer ? await findMessage(this.#parts.database, String(chat.id), answered.message_id) : undefined
    const event = known?.room_id === portal.room_id ? known.event_id : undefined
    if (root === undefined)
      return event === undefined ? {} : { 'm.relates_to': { 'm.in_reply_to': { event_id: event } } }
    return {
      'm.relates_to': {
        rel_type: 'm.thread',
        event_id: root,
        is_falling_back: event === undefined,
        'm.in_reply_to': { event_id: event ?? root },
      },
    }
  }

  /**
   * A post that the channel's group is told of is the post itself: comments there are a thread of it. Gives whether the
   * message was one. Throws `PostNotYetError`, unless `isLate`.
   */
  async takePost(message: Message, isLate: boolean): Promise<boolean> {
    const { database, commentsAs } = this.#parts
    const { is_automatic_forward: isPost, forward_origin: origin, chat, message_id: id } = message
    if (commentsAs !== 'threads' || isPost !== true || !origin || !('chat' in origin)) return false
    const channel = await findPortal(database, String(origin.chat.id))
    if (!isHeard(channel)) return false
    const post = await findMessage(database, channel.chat_id, origin.message_id)
    if (!post && !isLate) throw new PostNotYetError('the post is not here yet')
    if (post) await this.#note({ ...post, chat_id: String(chat.id), message_id: id })
    return true
  }

  /** Where people in Matrix see that there is a topic. */
  async #topic(message: Message, thread: number, portal: Portal): Promise<string> {
    const { database, matrix } = this.#parts
    const known = await findMessage(database, portal.chat_id, thread)
    if (known) return known.event_id
    const txnId = `tg.topic.${portal.chat_id}.${thread}`
    const eventId = await matrix.notice(portal.room_id, topicName(message) ?? `Topic ${thread}`, txnId)
    await this.#note({
      chat_id: portal.chat_id,
      message_id: thread,
      part: 0,
      room_id: portal.room_id,
      event_id: eventId,
      sender: matrix.botUserId,
      is_from_matrix: 0,
      hash: '',
      media: 'topic',
    })
    return eventId
  }

  async #note(row: MessageRow): Promise<void> {
    await this.#parts.database.transaction('telegram message', (tx) => addMessage(tx, row))
  }
}

const placed = (portal: Portal | undefined): Place | undefined => portal && { portal, root: undefined }
