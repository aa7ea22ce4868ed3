/** A Matrix message as the bot says it for somebody: `Name: text`, the name bold, and nothing in the text that looks like that. */
import type { MessageEntity } from 'node-telegram-bot-api'
import type { Content } from '../appservice/event.ts'
import { relationOf } from '../appservice/event.ts'
import { cleanName } from '../appservice/names.ts'
import { type Links, type Text, tidy, toEntities } from './format/to-entities.ts'

const MAX_NAME = 64
const MAX_AROUND = 20
/** Beyond it a text is split, and any line of it may begin a message. */
const MAX_TEXT = 4096

/** What stands around a name. */
export interface NameFormat {
  readonly before: string
  /** Its first sign ends the name: no name has that sign. */
  readonly after: string
}

const usual: NameFormat = { before: '', after: ':' }

/** Who says something, and how the bot tells that. */
export interface Voice {
  readonly name: string
  readonly format?: NameFormat
  /** False where the message before was theirs too. */
  readonly isNamed?: boolean
  /** When it was said, where that is a while ago. */
  readonly said?: string
}

/** Reads a format such as `[{name}]`. Undefined unless a sign follows the name: without one, everybody could write names. */
export function nameFormat(template: string): NameFormat | undefined {
  const [before = '', after = '', ...rest] = template.split('{name}')
  if (rest.length > 0 || !template.includes('{name}') || /[\p{Cc}\p{Cf}]/u.test(template)) return undefined
  if (before.length > MAX_AROUND || after.length > MAX_AROUND) return undefined
  return /^\s*[\p{P}\p{S}]/u.test(after) ? { before, after } : undefined
}

const signOf = ({ after }: NameFormat): string => String.fromCodePoint(after.trimStart().codePointAt(0) ?? 0x3a)

/** Whether the sign, or one that looks like it, is in the text. */
const hasSign = (text: string, format: NameFormat): boolean => text.normalize('NFKC').includes(signOf(format))

/** Nobody's name has what ends the prefix, so that nobody speaks in two names. */
export function relayName(name: string, format: NameFormat = usual): string {
  const plain = cleanName(name).replace(/[\p{Cf}\n]/gu, '')
  const shown = Array.from(plain, (letter) =>
    hasSign(letter, format) || /[:\u02D0\uA789\u2236]/.test(letter) ? ' ' : letter,
  )
  return shown.join('').trim().slice(0, MAX_NAME) || '?'
}

/** Whether a message may go without its name: not if its first line could be taken for one. */
const isPlain = ({ text }: Text, format: NameFormat = usual): boolean => !hasSign(text.split('\n', 1)[0] ?? '', format)

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

export function relayed(
  { name, format = usual, isNamed = true, said }: Voice,
  own: Text,
  { isEmote = false } = {},
): Text {
  const shown = relayName(name, format)
  const { before, after } = isEmote ? { before: '* ', after: '' } : own.text === '' ? { before: '', after: '' } : format
  const isShown = isNamed || isEmote || !isPlain(own, format)
  const prefix = isShown ? `${before}${shown}${after}${own.text === '' ? '' : ' '}` : ''
  const bold: MessageEntity = { type: 'bold', offset: before.length, length: shown.length }
  const moved = unforged(own, format).map((entity) => ({ ...entity, offset: entity.offset + prefix.length }))
  const text = prefix + own.text + (said === undefined ? '' : `${own.text === '' ? ' ' : '\n'}[${said}]`)
  return { text, entities: isShown ? [bold, ...moved] : moved }
}

/** Bold text at the start of a line, with the sign behind it, would look like another's name. */
function unforged({ text, entities }: Text, format: NameFormat): readonly MessageEntity[] {
  const runs: { start: number; end: number }[] = []
  for (const { offset, length } of entities.filter(({ type }) => type === 'bold').toSorted(byOffset)) {
    const last = runs.at(-1)
    if (last && text.slice(last.end, offset).trim() === '') last.end = Math.max(last.end, offset + length)
    else runs.push({ start: offset, end: offset + length })
  }
  const forged = runs.filter(({ start, end }) => {
    const head = text.slice(text.lastIndexOf('\n', start - 1) + 1, start)
    const isAtStart = text.length > MAX_TEXT || !/[\p{L}\p{N}]/u.test(head)
    return isAtStart && (head.includes('*') || hasSign(text.slice(end - 1, end + 2), format))
  })
  if (forged.length === 0) return entities
  return entities.filter(
    ({ type, offset }) => type !== 'bold' || !forged.some(({ start, end }) => offset >= start && offset < end),
  )
}

const byOffset = (a: MessageEntity, b: MessageEntity): number => a.offset - b.offset
