/** Text with its formatting, as the Bot API server takes it. */
import type { MessageEntity } from 'node-telegram-bot-api'
import { bad } from './problem.ts'

const kinds = new Set([
  'mention',
  'hashtag',
  'cashtag',
  'bot_command',
  'url',
  'email',
  'phone_number',
  'bold',
  'italic',
  'underline',
  'strikethrough',
  'spoiler',
  'blockquote',
  'expandable_blockquote',
  'code',
  'pre',
  'text_link',
  'text_mention',
  'custom_emoji',
  'date_time',
])
const maxEntities = 100

export interface Formatted {
  readonly text: string
  readonly entities: readonly MessageEntity[]
}

const isLowSurrogate = (text: string, at: number): boolean => /^[\uDC00-\uDFFF]/.test(text.charAt(at))

/** Throws as Telegram does on entities that leave the text or cut a character. White space at the ends goes. */
export function checkText(text: string, entities: readonly MessageEntity[], limit: number, what: string): Formatted {
  for (const { type, offset, length } of entities) {
    if (!kinds.has(type)) throw bad(`can't parse MessageEntity: Unsupported type specified`)
    if (!Number.isInteger(offset) || !Number.isInteger(length) || offset < 0 || length < 1) {
      throw bad('receive an entity with incorrect offset/length')
    }
    const end = offset + length
    if (end > text.length) {
      throw bad(`entity beginning at UTF-16 offset ${offset} ends after the end of the text at UTF-16 offset ${end}`)
    }
    if (isLowSurrogate(text, offset) || isLowSurrogate(text, end)) {
      throw bad(
        `entity beginning at UTF-16 offset ${offset} ends in a middle of a UTF-16 symbol at UTF-16 offset ${end}`,
      )
    }
  }
  const start = text.length - text.trimStart().length
  const trimmed = text.trim()
  if (trimmed === '' && what === 'message') throw bad('message text is empty')
  if (trimmed.length > limit) throw bad(`${what} is too long`)
  const moved = entities.slice(0, maxEntities).flatMap((entity) => {
    const from = Math.max(0, entity.offset - start)
    const to = Math.min(trimmed.length, entity.offset + entity.length - start)
    return to > from ? [{ ...entity, offset: from, length: to - from }] : []
  })
  return { text: trimmed, entities: moved }
}

/** What Telegram finds in a text by itself: commands, names, addresses. */
export function foundEntities(text: string): MessageEntity[] {
  const found: MessageEntity[] = []
  const find = (type: string, pattern: RegExp): void => {
    for (const match of text.matchAll(pattern)) {
      const offset = match.index + match[0].length - (match[1] ?? '').length
      found.push({ type, offset, length: (match[1] ?? '').length })
    }
  }
  find('bot_command', /(?:^|\s)(\/[a-zA-Z0-9_]{1,64}(?:@\w+)?)/g)
  find('mention', /(?:^|\s)(@\w{4,32})/g)
  find('hashtag', /(?:^|\s)(#\w+)/g)
  find('url', /(?:^|\s)(https?:\/\/\S+)/g)
  return found.toSorted((a, b) => a.offset - b.offset)
}
