/**
 * The blocks of a rich message → a tree. Blocks hold blocks and texts hold texts, as deep and as many as somebody likes:
 * what is beyond all measure is left out. https://core.telegram.org/bots/api#richmessage
 */
import type { Message, MessageEntity } from 'node-telegram-bot-api'
import type { Content } from '../../appservice/event.ts'
import { listOf, objectOf, stringOf } from '../../appservice/json.ts'
import { mediaOf } from '../update.ts'
import type { Element, Node, Rich, Words } from './tree.ts'

/** Telegram takes 500 blocks, 16 deep, with 32,768 characters. */
const MAX_DEPTH = 20
const MAX_NODES = 3_000
const MAX_LENGTH = 40_000
const MAX_MEDIA = 50
const MAX_LABEL = 30

export function readRich(message: unknown): Rich {
  const reader = new Reader()
  const nodes = reader.blocks(objectOf(message)['blocks'], 0)
  return { nodes, hasText: reader.hasText, media: reader.media }
}

class Reader {
  readonly media: Partial<Message>[] = []
  hasText = false
  #nodes = 0
  #length = 0

  blocks(blocks: unknown, depth: number): Node[] {
    return this.#few(blocks).flatMap((block) => this.#block(objectOf(block), depth))
  }

  #block(block: Content, depth: number): readonly Node[] {
    if (this.#isTooMuch(depth)) return []
    const { type, text, blocks, caption, credit } = block
    const inner = () => this.blocks(blocks, depth + 1)
    switch (type) {
      case 'heading':
        return [element(`h${Math.min(6, Math.max(1, Math.trunc(Number(block['size'])) || 1))}`, this.#words(text))]
      case 'footer':
        return [element('p', element('em', this.#words(text)))]
      case 'pre':
        return [this.#code(text, stringOf(block['language']))]
      case 'mathematical_expression':
        return [this.#code(block['expression'], 'latex')]
      case 'divider':
        return [element('hr')]
      case 'anchor':
        return []
      case 'list':
        return [this.#list(block['items'], depth)]
      case 'blockquote':
        return [element('blockquote', ...inner(), ...this.#credit(credit))]
      case 'expandable_blockquote':
      case 'pullquote':
        return [element('blockquote', element('p', this.#words(text)), ...this.#credit(credit))]
      case 'collage':
      case 'slideshow':
        return [...inner(), ...this.#caption(caption)]
      case 'table':
        return [this.#table(block)]
      case 'details':
        return [element('details', element('summary', this.#words(block['summary'])), ...inner())]
      case 'buttons':
        return [
          element(
            'p',
            ...this.#few(block['buttons']).flatMap((button) => [this.#words({ type: 'button', button }), space]),
          ),
        ]
      default:
        return this.#medium(block) ?? this.#unknown(block, inner())
    }
  }

  /** What a kind that we do not know has of texts and blocks; a paragraph is that too. */
  #unknown({ text, caption, credit, type }: Content, inner: readonly Node[]): readonly Node[] {
    const words = this.#words(text)
    const all = [...(words.text === '' ? [] : [element('p', words)]), ...inner, ...this.#caption(caption)]
    if (all.length > 0 || type === 'paragraph' || type === 'thinking') return [...all, ...this.#credit(credit)]
    return [mark(shortOf(type) ?? 'block')]
  }

  /** A medium is an event of its own; where it was there stays a word of it. */
  #medium({ type, caption, has_spoiler: isHidden, ...block }: Content): readonly Node[] | undefined {
    const kind = type === 'voice_note' ? 'voice' : type === 'map' ? 'location' : stringOf(type)
    const medium = kind && mediaOf({ [kind]: block[type === 'map' ? 'location' : String(type)] })
    if (!medium || kind === undefined) return undefined
    if (this.media.length < MAX_MEDIA) {
      const { text, entities } = this.#read(objectOf(caption)['text'])
      const words = text === '' || kind === 'location' ? {} : { caption: text, caption_entities: [...entities] }
      this.media.push({ ...medium, ...words, ...(isHidden === true ? { has_media_spoiler: true } : {}) })
    }
    return [mark(kind)]
  }

  #list(items: unknown, depth: number): Element {
    const first = objectOf(listOf(items)[0])
    const isOrdered = typeof first['value'] === 'number' || /^\w/.test(stringOf(first['label']) ?? '')
    const start =
      Number.isSafeInteger(first['value']) && first['value'] !== 1 ? `start="${String(first['value'])}"` : ''
    const inner = this.#few(items).map((item, index) => {
      const { blocks, label, has_checkbox: hasBox, is_checked: isChecked } = objectOf(item)
      const li = element('li', ...this.blocks(blocks, depth + 2))
      if (hasBox === true) return { ...li, box: isChecked === true ? '☑ ' : '☐ ' }
      return { ...li, lead: isOrdered ? `${shortOf(label) ?? `${index + 1}.`} ` : '• ' }
    })
    return { ...element(isOrdered ? 'ol' : 'ul', ...inner), ...(isOrdered && start !== '' ? { attribute: start } : {}) }
  }

  #table({ cells, caption }: Content): Element {
    const rows = this.#few(cells).map((row) =>
      element(
        'tr',
        ...this.#few(row).map((cell) => {
          const { is_header: isHeader, text } = objectOf(cell)
          return element(isHeader === true ? 'th' : 'td', this.#words(text))
        }),
      ),
    )
    const name = this.#words(caption)
    return element('table', ...(name.text === '' ? [] : [element('caption', name)]), ...rows)
  }

  #caption(caption: unknown): readonly Node[] {
    const { text, credit } = objectOf(caption)
    const words = this.#words(text)
    return [...(words.text === '' ? [] : [element('p', words)]), ...this.#credit(credit)]
  }

  #credit(credit: unknown): readonly Node[] {
    const words = this.#words(credit)
    return words.text === '' ? [] : [element('p', plain('— '), words)]
  }

  #code(text: unknown, language: string | undefined): Words {
    const { text: code } = this.#words(text)
    const entity = { type: 'pre', offset: 0, length: code.length, ...(language === undefined ? {} : { language }) }
    return { text: code, entities: [entity] }
  }

  #words(rich: unknown): Words {
    const words = this.#read(rich)
    if (words.text !== '') this.hasText = true
    return words
  }

  #read(rich: unknown): Words {
    const words = { text: '', entities: [] }
    this.#write(rich, words, 0)
    return words
  }

  #write(rich: unknown, words: { text: string; entities: MessageEntity[] }, depth: number): void {
    if (typeof rich === 'string') {
      const some = rich.slice(0, MAX_LENGTH - this.#length).toWellFormed()
      words.text += some
      this.#length += some.length
      return
    }
    if (rich === undefined || this.#isTooMuch(depth)) return
    if (Array.isArray(rich)) {
      for (const one of this.#few(rich)) this.#write(one, words, depth + 1)
      return
    }
    const node = objectOf(rich)
    const { text, expression, alternative_text: alternative, button } = node
    const offset = words.text.length
    this.#write(text ?? expression ?? alternative ?? objectOf(button)['text'], words, depth + 1)
    const length = words.text.length - offset
    const kind = length > 0 ? entityOf(node) : undefined
    if (kind) words.entities.push({ ...kind, offset, length })
  }

  /** As many of them as may still come. */
  #few(list: unknown): readonly unknown[] {
    return listOf(list).slice(0, Math.max(0, MAX_NODES - this.#nodes))
  }

  #isTooMuch(depth: number): boolean {
    return ++this.#nodes > MAX_NODES || depth > MAX_DEPTH
  }
}

/** What other messages have under the same name, within a line. */
const inline = new Set([
  'bold',
  'italic',
  'underline',
  'strikethrough',
  'spoiler',
  'code',
  'subscript',
  'superscript',
  'marked',
  'mention',
])

/** As in other messages, where there is such a kind. */
function entityOf({ type, ...node }: Content): Omit<MessageEntity, 'offset' | 'length'> | undefined {
  switch (type) {
    case 'url':
      return { type: 'text_link', url: stringOf(node['url']) ?? '' }
    case 'email_address':
      return { type: 'text_link', url: `mailto:${stringOf(node['email_address']) ?? ''}` }
    case 'phone_number':
      return { type: 'text_link', url: `tel:${stringOf(node['phone_number']) ?? ''}` }
    case 'button':
      return { type: 'text_link', url: stringOf(objectOf(node['button'])['url']) ?? '' }
    case 'mathematical_expression':
      return { type: 'code' }
    case 'custom_emoji':
      return { type, custom_emoji_id: stringOf(node['custom_emoji_id']) ?? '' }
    case 'text_mention': {
      const { id } = objectOf(node['user'])
      return Number.isSafeInteger(id) ? { type, user: { id: Number(id), is_bot: false, first_name: '' } } : undefined
    }
    default:
      return typeof type === 'string' && inline.has(type) ? { type } : undefined
  }
}

const element = (tag: string, ...inner: readonly Node[]): Element => ({ tag, inner })

const shortOf = (value: unknown): string | undefined => stringOf(value)?.slice(0, MAX_LABEL).toWellFormed()

const plain = (text: string): Words => ({ text, entities: [] })

const space = plain(' ')

const mark = (kind: string): Element => element('p', element('em', plain(`[${kind.replaceAll('_', ' ')}]`)))
