/** HTML of a Matrix message → Telegram's text with entities. Never fails: what is not known is its text. */
import type { MessageEntity } from 'node-telegram-bot-api'
import { SAXParser } from 'parse5-sax-parser'

export interface Text {
  readonly text: string
  readonly entities: readonly MessageEntity[]
}

export interface Links {
  /** The Telegram user of a ghost, by its Matrix id. */
  readonly user: (userId: string) => { readonly id: number; readonly name: string } | undefined
  /** A link to the message of an event, or undefined. */
  readonly message: (roomId: string, eventId: string) => string | undefined
  /** The id of a custom emoji, by its picture. */
  readonly emoji: (mxc: string) => string | undefined
}

/** Telegram heeds no more than these. */
const MAX_ENTITIES = 100

const simple: Readonly<Record<string, string>> = {
  strong: 'bold',
  b: 'bold',
  em: 'italic',
  i: 'italic',
  u: 'underline',
  ins: 'underline',
  del: 'strikethrough',
  s: 'strikethrough',
  strike: 'strikethrough',
  code: 'code',
  tt: 'code',
  blockquote: 'blockquote',
  pre: 'pre',
  h1: 'bold',
  h2: 'bold',
  h3: 'bold',
  h4: 'bold',
  h5: 'bold',
  h6: 'bold',
  summary: 'bold',
}
const paragraphs = new Set([
  'p',
  'div',
  'h1',
  'h2',
  'h3',
  'h4',
  'h5',
  'h6',
  'ul',
  'ol',
  'pre',
  'blockquote',
  'table',
  'details',
])
const lines = new Set(['li', 'tr', 'summary'])
const oneEmoji = /^\p{RGI_Emoji}$/v
/** What is dropped first where there are too many. */
const unimportant = ['italic', 'bold', 'underline', 'strikethrough', 'code', 'blockquote']

interface Open {
  readonly tag: string
  readonly start: number
  readonly entity: Omit<MessageEntity, 'offset' | 'length'> | undefined
}

export function toEntities(html: string, links: Links): Text {
  const walk = new Walk(links)
  const parser = new SAXParser()
  parser.on('startTag', ({ tagName, attrs, selfClosing }) => {
    walk.open(tagName, new Map(attrs.map(({ name, value }) => [name, value])))
    if (selfClosing && tagName !== 'br') walk.close(tagName)
  })
  parser.on('endTag', ({ tagName }) => walk.close(tagName))
  parser.on('text', ({ text }) => walk.text(text))
  parser.end(html)
  return walk.finish()
}

class Walk {
  readonly #links: Links
  readonly #stack: Open[] = []
  readonly #lists: { ordered: boolean; next: number }[] = []
  readonly #entities: MessageEntity[] = []
  #out = ''
  /** Line breaks due before the next text. */
  #breaks = 0
  #skipped = 0
  #cells = 0

  constructor(links: Links) {
    this.#links = links
  }

  open(tag: string, attributes: ReadonlyMap<string, string>): void {
    if (tag === 'mx-reply' || this.#skipped > 0) {
      if (tag === 'mx-reply') this.#skipped += 1
      return
    }
    if (tag === 'br') return void (this.#out += '\n')
    if (tag === 'hr') return this.#block('———')
    if (tag === 'img') return this.#image(attributes)
    if (tag === 'ul' || tag === 'ol') {
      this.#breaks = Math.max(this.#breaks, this.#lists.length > 0 ? 1 : 2)
      this.#lists.push({ ordered: tag === 'ol', next: Number(attributes.get('start') ?? 1) || 1 })
    } else if (paragraphs.has(tag)) this.#breaks = Math.max(this.#breaks, 2)
    else if (lines.has(tag)) this.#breaks = Math.max(this.#breaks, 1)
    if (tag === 'tr') this.#cells = 0
    if ((tag === 'td' || tag === 'th') && this.#cells++ > 0) this.#write(' | ')
    if (tag === 'li') this.#write(this.#bullet())
    const reason = tag === 'span' ? attributes.get('data-mx-spoiler') : undefined
    if (reason !== undefined && reason !== '') this.#write(`(${reason}) `)
    const entity = this.#entityOf(tag, attributes)
    if (entity) this.#flush()
    this.#stack.push({ tag, start: this.#out.length, entity })
  }

  /** Its text; where that is an emoji, and the picture that of a custom one, it is that one. */
  #image(attributes: ReadonlyMap<string, string>): void {
    const text = attributes.get('alt') ?? attributes.get('title') ?? ''
    const id = oneEmoji.test(text) ? this.#links.emoji(attributes.get('src') ?? '') : undefined
    this.#write(text)
    if (id === undefined) return
    this.#entities.push({
      type: 'custom_emoji',
      custom_emoji_id: id,
      offset: this.#out.length - text.length,
      length: text.length,
    })
  }

  close(tag: string): void {
    if (tag === 'mx-reply') return void (this.#skipped = Math.max(0, this.#skipped - 1))
    if (this.#skipped > 0) return
    const at = this.#stack.findLastIndex((open) => open.tag === tag)
    if (at < 0) return
    for (const open of this.#stack.splice(at).toReversed()) this.#end(open)
    if (tag === 'ul' || tag === 'ol') this.#lists.pop()
    if (paragraphs.has(tag)) this.#breaks = Math.max(this.#breaks, this.#lists.length > 0 ? 1 : 2)
    else if (lines.has(tag)) this.#breaks = Math.max(this.#breaks, 1)
  }

  text(text: string): void {
    if (this.#skipped > 0) return
    if (this.#stack.some(({ tag }) => tag === 'pre')) return this.#write(text)
    const collapsed = text.replace(/[ \t\r\n\f]+/g, ' ')
    const isAtStart = this.#out === '' || this.#breaks > 0 || this.#out.endsWith('\n') || this.#out.endsWith(' ')
    const kept = isAtStart ? collapsed.trimStart() : collapsed
    if (kept !== '') this.#write(kept)
  }

  finish(): Text {
    for (const open of this.#stack.toReversed()) this.#end(open)
    return tidy(this.#out, this.#entities)
  }

  #entityOf(tag: string, attributes: ReadonlyMap<string, string>): Open['entity'] {
    if (tag === 'span' && attributes.has('data-mx-spoiler')) return { type: 'spoiler' }
    if (tag === 'a') return this.#linkOf(attributes.get('href') ?? '')
    const type = Object.hasOwn(simple, tag) ? simple[tag] : undefined
    if (type === undefined) return undefined
    const isInPre = this.#stack.some((open) => open.tag === 'pre')
    if (tag === 'code' && isInPre) {
      const language = /(?:^|\s)language-([\w+#.-]{1,32})/.exec(attributes.get('class') ?? '')?.[1]
      const pre = this.#stack.findLastIndex((open) => open.tag === 'pre')
      const open = this.#stack[pre]
      if (open && language !== undefined) this.#stack[pre] = { ...open, entity: { type: 'pre', language } }
      return undefined
    }
    const isQuoted = this.#stack.some(({ entity }) => entity?.type === 'blockquote')
    return type === 'blockquote' && isQuoted ? undefined : { type }
  }

  #linkOf(href: string): Open['entity'] {
    const [, user] = /^https:\/\/matrix\.to\/#\/(@[^?]+)/.exec(decoded(href)) ?? []
    if (user !== undefined) {
      const known = this.#links.user(user)
      return known && { type: 'text_mention', user: { id: known.id, is_bot: false, first_name: known.name } }
    }
    const [, room = '', event] = /^https:\/\/matrix\.to\/#\/(![^/?]+)\/(\$[^?]+)/.exec(decoded(href)) ?? []
    const url = event === undefined ? href : (this.#links.message(room, event) ?? href)
    return /^(?:https?|tg|mailto|tel):/i.test(url) ? { type: 'text_link', url } : undefined
  }

  #end({ start, entity }: Open): void {
    if (entity && this.#out.length > start) {
      this.#entities.push({ ...entity, offset: start, length: this.#out.length - start })
    }
  }

  #bullet(): string {
    const list = this.#lists.at(-1)
    const indent = '  '.repeat(Math.max(0, this.#lists.length - 1))
    return `${indent}${list?.ordered === true ? `${list.next++}.` : '•'} `
  }

  #block(text: string): void {
    this.#breaks = Math.max(this.#breaks, 1)
    this.#write(text)
    this.#breaks = 1
  }

  #flush(): void {
    if (this.#out !== '') this.#out += '\n'.repeat(Math.max(0, this.#breaks - trailingBreaks(this.#out)))
    this.#breaks = 0
  }

  #write(text: string): void {
    if (text === '') return
    this.#flush()
    this.#out += text
  }
}

const trailingBreaks = (text: string): number => text.length - text.replace(/\n+$/, '').length

function decoded(href: string): string {
  try {
    return decodeURIComponent(href)
  } catch {
    return href
  }
}

/** White space at the ends goes, of the text and of each entity; code holds no other formatting; the limit is kept. */
export function tidy(text: string, entities: readonly MessageEntity[]): Text {
  const start = text.length - text.trimStart().length
  const trimmed = text.trim()
  const moved = entities.flatMap((entity) => {
    const from = Math.max(0, entity.offset - start)
    const to = Math.min(trimmed.length, entity.offset + entity.length - start)
    const part = trimmed.slice(from, Math.max(from, to))
    const lead = part.length - part.trimStart().length
    const length = part.trim().length
    return length > 0 ? [{ ...entity, offset: from + lead, length }] : []
  })
  const code = moved.filter(({ type }) => type === 'pre' || type === 'code')
  const kept = moved.filter(
    (entity) =>
      !code.some(
        (other) => other !== entity && touches(other, entity) && !(other.type === 'code' && entity.type === 'pre'),
      ),
  )
  const ordered = kept.toSorted((a, b) => a.offset - b.offset || b.length - a.length)
  return { text: trimmed, entities: withinLimit(ordered) }
}

const touches = (a: MessageEntity, b: MessageEntity): boolean =>
  a.offset < b.offset + b.length && b.offset < a.offset + a.length

function withinLimit(entities: readonly MessageEntity[]): readonly MessageEntity[] {
  let kept = entities
  for (const type of unimportant) {
    const surplus = kept.length - MAX_ENTITIES
    if (surplus <= 0) break
    const first = kept.filter((entity) => entity.type === type).slice(-surplus)
    kept = kept.filter((entity) => !first.includes(entity))
  }
  return kept.slice(0, MAX_ENTITIES)
}
