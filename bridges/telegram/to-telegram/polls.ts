/** Polls of Matrix, asked in Telegram too. https://github.com/matrix-org/matrix-spec-proposals/pull/3381 */
import { TelegramApiError } from 'node-telegram-bot-api'
import type { Database } from '../../appservice/database.ts'
import type { MatrixEvent } from '../../appservice/event.ts'
import { relationOf } from '../../appservice/event.ts'
import type { Matrix } from '../matrix.ts'
import { OddError } from '../odd.ts'
import { relayName } from '../relay.ts'
import type { StoredEvent } from '../store/events.ts'
import { addPoll, pollOfEvent } from '../store/messages.ts'
import type { Portal } from '../store/portals.ts'
import type { Telegram } from '../telegram.ts'
import type { Delivery } from './delivery.ts'
import { pollOf } from './poll-content.ts'
import { matrixVotes } from './poll-votes.ts'
import { type Step, textStep } from './steps.ts'

/** What Telegram takes, in characters. */
const MAX_QUESTION = 300

export interface PollsParts {
  readonly matrix: Matrix
  readonly telegram: Telegram
  readonly database: Database
  readonly delivery: Delivery
}

export class Polls {
  readonly #parts: PollsParts

  constructor(parts: PollsParts) {
    this.#parts = parts
  }

  /** `name` is who asks. */
  async start(stored: StoredEvent, event: MatrixEvent, portal: Portal, name: string): Promise<void> {
    const { database, telegram, delivery } = this.#parts
    const { question, answers, isMultiple } = pollOf(event.content)
    let pollId: string | undefined
    let messageId = 0
    const step: Step = {
      send: async (to) => {
        const message = await telegram.sender.sendPoll({
          ...to,
          question: `${relayName(name)}: ${question}`.slice(0, MAX_QUESTION),
          options: answers.map(({ text }) => ({ text })),
          is_anonymous: false,
          allows_multiple_answers: isMultiple,
        })
        pollId = message.poll?.id
        messageId = message.message_id
        return message
      },
      probe: () => Promise.reject(new Error('polls cannot be probed')),
      media: 'poll',
    }
    await delivery.send({ ...stored, is_sending: 0 }, event, portal, [step])
    if (pollId === undefined) return
    const row = {
      poll_id: pollId,
      chat_id: portal.chat_id,
      message_id: messageId,
      room_id: portal.room_id,
      event_id: event.event_id,
      answers: JSON.stringify(answers.map(({ id }) => id)),
    }
    await database.transaction('telegram poll', (tx) => addPoll(tx, row))
  }

  /** The poll ends in Telegram too, where it is said how Matrix has voted. */
  async end(stored: StoredEvent, event: MatrixEvent, portal: Portal): Promise<void> {
    const { database, telegram, delivery } = this.#parts
    const { eventId } = relationOf(event.content)
    if (eventId === undefined) throw new OddError('the end of no poll')
    const poll = await pollOfEvent(database, eventId)
    if (!poll) return
    await telegram.sender
      .stopPoll({ chat_id: Number(poll.chat_id), message_id: poll.message_id })
      .catch((error: unknown) => {
        if (!isClosed(error)) throw error
      })
    const votes = await matrixVotes(this.#parts.matrix, event, eventId)
    if (votes === '') return
    const answer = { ...event, content: { 'm.relates_to': { 'm.in_reply_to': { event_id: eventId } } } }
    await delivery.send(stored, answer, portal, [textStep(telegram, { text: votes, entities: [] }, {})])
  }
}

const isClosed = (error: unknown): boolean =>
  error instanceof TelegramApiError && error.description.includes('already been closed')
