/** Sends the messages of an event, each once: also after a crash, and where Telegram's answer was lost. */
import type { Clock } from '../../../homeserver/platform/clock.ts'
import type { Database } from '../../appservice/database.ts'
import type { MatrixEvent } from '../../appservice/event.ts'
import { relationOf } from '../../appservice/event.ts'
import type { Matrix } from '../matrix.ts'
import type { Pace } from '../pace.ts'
import { beginPart, endPart, type StoredEvent } from '../store/events.ts'
import { addMessage, findMessage, messagesOfEvent } from '../store/messages.ts'
import { noteLastMessage, type Portal } from '../store/portals.ts'
import type { BridgeMetrics } from '../metrics.ts'
import { isUnmodified, verdictOf } from '../telegram.ts'
import type { Destination, Step } from './steps.ts'
import type { Turns } from './turns.ts'

/** How many numbers after the last that we know are looked at, and how many in all. */
const BEYOND = 5
const MAX_LOOKED = 100

export interface DeliveryParts {
  readonly matrix: Matrix
  readonly database: Database
  readonly pace: Pace
  readonly clock: Clock
  readonly metrics: BridgeMetrics
  readonly turns: Turns
}

export class Delivery {
  readonly #parts: DeliveryParts

  constructor(parts: DeliveryParts) {
    this.#parts = parts
  }

  /**
   * Goes on after the parts that Telegram has. `shown` is the event that they show, where that is another. Throws what the
   * Bot API answered, or that it is too early.
   */
  async send(
    stored: StoredEvent,
    event: MatrixEvent,
    portal: Portal,
    steps: readonly Step[],
    shown = event.event_id,
  ): Promise<void> {
    const { database, matrix, pace, clock, metrics, turns } = this.#parts
    const { answered, ...there } = await this.#destination(event, portal)
    const chatId = String(there.chat_id)
    for (const [part, step] of steps.entries()) {
      if (part < stored.sent_parts) continue
      const isAnswer = answered !== undefined && (part === 0 || chatId !== portal.chat_id) // each comment is one
      const to: Destination = isAnswer ? { ...there, reply_parameters: answerTo(answered) } : there
      const from = part === stored.sent_parts ? stored.is_sending : 0
      const adopted = from > 0 && chatId === portal.chat_id ? await this.#find(step, to, portal, from) : undefined
      if (from > 0) metrics.doubted(adopted === undefined ? 'sent_again' : 'adopted')
      const wait = adopted === undefined ? pace.take(chatId) : 0
      if (wait > 0) await clock.sleep(wait)
      const messageId = adopted ?? (await this.#attempt(event, portal, () => step.send(to))).message_id
      turns.take(chatId, messageId, event.sender)
      await database.transaction('telegram sent', async (tx) => {
        await endPart(tx, event.event_id, { isSent: true })
        await noteLastMessage(tx, chatId, messageId)
        await addMessage(tx, {
          chat_id: chatId,
          message_id: messageId,
          part: 0,
          room_id: portal.room_id,
          event_id: shown,
          sender: event.sender,
          is_from_matrix: 1,
          hash: step.source ?? '',
          media: step.media,
        })
      })
    }
    if (steps.length > 0) await matrix.markRead(portal.room_id, event.event_id).catch(() => undefined) // a courtesy
  }

  /** While a call is on its way this is on disk: who starts after a crash knows that it may have worked. */
  async #attempt<T>({ event_id: eventId }: MatrixEvent, portal: Portal, call: () => Promise<T>): Promise<T> {
    const { database } = this.#parts
    await database.transaction('telegram sending', (tx) => beginPart(tx, eventId, portal.last_message + 1))
    try {
      return await call()
    } catch (error) {
      if (verdictOf(error).kind !== 'unknown') {
        await database.transaction('telegram not sent', (tx) => endPart(tx, eventId, { isSent: false }))
      }
      throw error
    }
  }

  /**
   * Looks whether one of the messages from this number on, of which we do not know what they are, is the one that we may
   * have sent. One that the look changes is the bot's own, and now says the same.
   */
  async #find(step: Step, to: Destination, { chat_id: chatId, last_message: last }: Portal, from: number) {
    const until = Math.min(Math.max(from, last + 1) + BEYOND, from + MAX_LOOKED)
    for (let id = from; id < until; id++) {
      if (await findMessage(this.#parts.database, chatId, id)) continue
      try {
        await step.probe(to, id)
        return id
      } catch (error) {
        if (isUnmodified(error)) return id
        if (verdictOf(error).kind !== 'never') throw error
      }
    }
    return undefined
  }

  /** The chat or topic, and the message that is answered. Threads of a channel are comments, in the group that it has for them. */
  async #destination(
    { content }: MatrixEvent,
    { chat_id: chatId, thread_id: topic, type }: Portal,
  ): Promise<Destination & { readonly answered: number | undefined }> {
    const { database } = this.#parts
    const relation = relationOf(content)
    const root = relation.type === 'm.thread' ? relation.eventId : undefined
    const begins = root === undefined ? [] : await messagesOfEvent(database, root)
    const post = type === 'channel' ? begins.find((row) => row.chat_id !== chatId) : undefined
    const chat = post?.chat_id ?? chatId
    const rows = relation.answered === undefined ? [] : await messagesOfEvent(database, relation.answered)
    const answered = rows.find((row) => row.chat_id === chat && row.media !== 'topic')?.message_id ?? post?.message_id
    const thread = begins.find(({ media }) => media === 'topic')?.message_id ?? (topic > 0 ? topic : undefined)
    return { chat_id: Number(chat), ...(thread === undefined ? {} : { message_thread_id: thread }), answered }
  }
}

const answerTo = (messageId: number) => ({ message_id: messageId, allow_sending_without_reply: true as const })
