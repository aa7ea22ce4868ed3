/** A Matrix message as the bot says it for somebody: `Name: text`, the name bold. */
import type { MessageEntity } from 'node-telegram-bot-api'
import type { Content } from '../appservice/event.ts'
import { relationOf } from '../appservice/event.ts'
import { cleanName } from '../appservice/names.ts'
import { type Links, type Text, tidy, toEntities } from './format/to-entities.ts'

const MAX_NAME = 64

/** Nobody's name ends in what ends the prefix, so that nobody speaks in two names. */
export const relayName = (name: string): string =>
  cleanName(name).replace(/[:\n]/g, ' ').trim().slice(0, MAX_NAME) || '?'

/** The text of a message or caption. */
export function textOfContent(content: Content, links: Links): Text {
  const { body, format, formatted_body: html } = content
  if (format === 'org.matrix.custom.html' && typeof html === 'string') return toEntities(html, links)
  return tidy(typeof body === 'string' ? withoutFallback(body, content) : '', [])
}

/** Old replies begin with the lines that they answer. */
function withoutFallback(body: string, content: Content): string {
  return relationOf(content).answered === undefined ? body : body.replace(/^(?:> .*\n)+\n?/, '')
}

export function relayed(name: string, text: Text, { isEmote = false } = {}): Text {
  const shown = relayName(name)
  const prefix = isEmote ? `* ${shown} ` : text.text === '' ? shown : `${shown}: `
  const bold: MessageEntity = { type: 'bold', offset: isEmote ? 2 : 0, length: shown.length }
  const own = unforged(text).map((entity) => ({ ...entity, offset: entity.offset + prefix.length }))
  return { text: prefix + text.text, entities: [bold, ...own] }
}

/** Bold text with a colon at the start of a line would look like another's name. */
function unforged({ text, entities }: Text): readonly MessageEntity[] {
  return entities.filter(({ type, offset, length }) => {
    const isAtStart = offset === 0 || text.charAt(offset - 1) === '\n'
    return !(type === 'bold' && isAtStart && /^.{0,2}:/s.test(text.slice(offset + length - 1)))
  })
}
