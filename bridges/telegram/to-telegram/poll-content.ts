/** What a poll of Matrix asks. https://github.com/matrix-org/matrix-spec-proposals/pull/3381 */
import type { Content } from '../../appservice/event.ts'
import { listOf, objectOf, stringOf } from '../../appservice/json.ts'
import { OddError } from '../odd.ts'

/** What Telegram takes: answers, and characters. */
const MAX_ANSWERS = 12
const MAX_ANSWER = 100

export interface Poll {
  readonly question: string
  readonly answers: readonly { readonly id: string; readonly text: string }[]
  readonly isMultiple: boolean
}

export function pollOf(content: Content): Poll {
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
