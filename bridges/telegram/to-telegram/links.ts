/** What a message of Matrix points to, looked up before its text is walked: people, other messages, and emoji. */
import type { Database } from '../../appservice/database.ts'
import type { Content } from '../../appservice/event.ts'
import { stringOf } from '../../appservice/json.ts'
import type { Links } from '../format/to-entities.ts'
import type { Matrix } from '../matrix.ts'
import type { Puppets } from '../puppets.ts'
import { messagesOfEvent } from '../store/messages.ts'
import { fileOfMxc } from '../store/people.ts'

/** Of more than these in one message the rest stays as it is. */
const MAX_LINKS = 50

export interface LinksParts {
  readonly matrix: Matrix
  readonly database: Database
  readonly puppets: Puppets
}

export async function linksOf(
  { formatted_body: html }: Content,
  { matrix, database, puppets }: LinksParts,
): Promise<Links> {
  const people = new Map<string, number>()
  const messages = new Map<string, string>()
  const emoji = new Map<string, string>()
  const text = stringOf(html) ?? ''
  for (const [, target = ''] of [...text.matchAll(/https:\/\/matrix\.to\/#\/([^"'?<>\s]+)/g)].slice(0, MAX_LINKS)) {
    const [id = '', eventId] = target.split('/').map(unescaped)
    if (id.startsWith('@')) {
      const person = matrix.telegramIdOf(id) ?? (await puppets.telegramIdOf(id))
      if (person !== undefined && Number.isSafeInteger(Number(person))) people.set(id, Number(person)) // no digits: a channel
    } else if (eventId !== undefined) {
      const link = await messageLink(database, eventId)
      if (link !== undefined) messages.set(eventId, link)
    }
  }
  for (const [, mxc = ''] of [...text.matchAll(/\bsrc=["'](mxc:\/\/[^"'<>\s]+)/g)].slice(0, MAX_LINKS)) {
    const known = await fileOfMxc(database, mxc, 'custom_emoji')
    if (known) emoji.set(mxc, known.file_id)
  }
  return {
    user: (userId) => {
      const id = people.get(userId)
      return id === undefined ? undefined : { id, name: String(id) }
    },
    message: (_, eventId) => messages.get(eventId),
    emoji: (mxc) => emoji.get(mxc),
  }
}

/** Only supergroups and channels have addresses for their messages. */
async function messageLink(database: Database, eventId: string): Promise<string | undefined> {
  const [message] = await messagesOfEvent(database, eventId)
  return message?.chat_id.startsWith('-100') === true
    ? `https://t.me/c/${message.chat_id.slice(4)}/${message.message_id}`
    : undefined
}

function unescaped(target: string): string {
  try {
    return decodeURIComponent(target)
  } catch {
    return target
  }
}
