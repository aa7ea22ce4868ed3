/** How the people of Matrix have voted. Telegram's votes are their ghosts', and are counted there. */
import type { MatrixEvent } from '../../appservice/event.ts'
import { eventOf } from '../../appservice/event.ts'
import { listOf, objectOf, stringOf } from '../../appservice/json.ts'
import { type Matrix, puppetKey } from '../matrix.ts'
import { pollOf } from './poll-content.ts'

/** Of more responses the oldest do not count. */
const MAX_PAGES = 20

/** In lines, empty where nobody has. `end` is the event that ends the poll, `pollId` the one that began it. */
export async function matrixVotes(matrix: Matrix, end: MatrixEvent, pollId: string): Promise<string> {
  const room = `/_matrix/client/v1/rooms/${encodeURIComponent(end.room_id)}`
  const poll = pollOf(await matrix.contentOf(end.room_id, pollId))
  const ids = new Set(poll.answers.map(({ id }) => id))
  const voted = new Map<string, readonly string[]>()
  let from: string | undefined
  for (let page = 0; page < MAX_PAGES; page++) {
    const path = `${room}/relations/${encodeURIComponent(pollId)}/m.reference`
    const query = { limit: 100, dir: 'b', ...(from === undefined ? {} : { from }) }
    const { chunk, next_batch: next } = await matrix.request(matrix.botUserId, 'GET', path, undefined, query)
    for (const event of listOf(chunk).map(eventOf)) {
      if (!event?.type.endsWith('poll.response') || event.origin_server_ts > end.origin_server_ts) continue
      if (voted.has(event.sender) || matrix.isOurs(event.sender) || event.content[puppetKey] !== undefined) continue
      const answers = [...new Set(answersOf(event))].filter((id) => ids.has(id))
      voted.set(event.sender, poll.isMultiple ? answers : answers.slice(0, 1))
    }
    from = stringOf(next)
    if (from === undefined) break
  }
  const all = [...voted.values()].flat()
  if (all.length === 0) return ''
  const lines = poll.answers.map(({ id, text }) => `${text}: ${all.filter((one) => one === id).length}`)
  return ['Votes in Matrix:', ...lines].join('\n')
}

function answersOf({ content }: MatrixEvent): string[] {
  const unstable = objectOf(content['org.matrix.msc3381.poll.response'])['answers']
  const answers = listOf(content['m.selections'] ?? unstable)
  return answers.filter((id): id is string => typeof id === 'string')
}
