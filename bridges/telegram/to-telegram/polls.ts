/** Polls of Matrix, asked in Telegram too. https://github.com/matrix-org/matrix-spec-proposals/pull/3381 */
import type { Content, MatrixEvent } from '../matrix.ts'
import { listOf, objectOf, OddError, relationOf, stringOf } from '../odd.ts'
import type { Database } from '../store/database.ts'
import type { StoredEvent } from '../store/events.ts'
import { addPoll, pollOfEvent } from '../store/messages.ts'
import type { Portal } from '../store/portals.ts'
import type { Telegram } from '../telegram.ts'
import type { Delivery } from './delivery.ts'
import type { Step } from './steps.ts'

/** What Telegram takes: answers, and characters. */
const MAX_ANSWERS = 12
const MAX_QUESTION = 300
const MAX_ANSWER = 100

export interface PollsParts {
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
          question: `${name}: ${question}`.slice(0, MAX_QUESTION),
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

  async end({ content }: MatrixEvent): Promise<void> {
    const { eventId } = relationOf(content)
    if (eventId === undefined) throw new OddError('the end of no poll')
    const poll = await pollOfEvent(this.#parts.database, eventId)
    if (!poll) return
    await this.#parts.telegram.sender.stopPoll({ chat_id: Number(poll.chat_id), message_id: poll.message_id })
  }
}

interface Poll {
  readonly question: string
  readonly answers: readonly { readonly id: string; readonly text: string }[]
  readonly isMultiple: boolean
}

function pollOf(content: Content): Poll {
  const start = objectOf(content['m.poll'] ?? content['org.matrix.msc3381.poll.start'])
  const answers = listOf(start['answers']).slice(0, MAX_ANSWERS).map(objectOf)
  if (answers.length === 0) throw new OddError('a poll without answers')
  return {
    question: textOf(start['question']),
    answers: answers.map((answer) => ({
      id: stringOf(answer['id']) ?? stringOf(answer['m.id']) ?? '',
      text: textOf(answer).slice(0, MAX_ANSWER) || '?',
    })),
    isMultiple: Number(start['max_selections'] ?? 1) > 1,
  }
}

/** The stable form, the unstable one, or that of old apps. */
function textOf(value: unknown): string {
  const text = objectOf(value)
  const stable = objectOf(listOf(text['m.text'])[0])['body']
  return stringOf(stable) ?? stringOf(text['org.matrix.msc1767.text']) ?? stringOf(text['body']) ?? ''
}
