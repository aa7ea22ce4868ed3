/** Telegram's text with entities → HTML. Offsets count UTF-16 units, as JavaScript's strings do. */
import type { MessageEntity } from 'node-telegram-bot-api'

export interface Names {
  /** The Matrix user of somebody, by id or name without `@`. */
  readonly byId: (id: number) => string | undefined
  readonly byUsername: (username: string) => string | undefined
  /** `mxc://` of a custom emoji. */
  readonly emoji: (id: string) => string | undefined
  /** Where the message that an address of Telegram names is in Matrix. */
  readonly link: (url: string) => string | undefined
}

export interface Html {
  readonly body: string
  /** Undefined where formatting would add nothing. */
  readonly formatted: string | undefined
  /** Who is mentioned, for `m.mentions`. */
  readonly mentioned: readonly string[]
}

interface Span {
  readonly entity: MessageEntity
  readonly start: number
  readonly end: number
}

const allowedScheme = /^(?:https?|tg|mailto|tel):/i

export function toHtml(text: string, entities: readonly MessageEntity[], names: Names): Html {
  const spans = nested(text, entities)
  const mentioned = new Set<string>()
  const formatted = render(text, spans, 0, text.length, { names, mentioned, isPre: false })
  const isPlain = formatted === escape(text).replaceAll('\n', '<br>')
  return { body: hideSpoilers(text, entities), formatted: isPlain ? undefined : formatted, mentioned: [...mentioned] }
}

/** Spans within the text, the outer before the inner. Those that overlap in part are cut at the border. */
function nested(text: string, entities: readonly MessageEntity[]): Span[] {
  const clipped = entities
    .map((entity) => ({
      entity,
      start: Math.max(0, entity.offset),
      end: Math.min(text.length, entity.offset + entity.length),
    }))
    .filter(({ start, end }) => end > start)
  const placed: Span[] = []
  for (const span of clipped.toSorted((a, b) => a.start - b.start || b.end - a.end)) {
    const border = placed.filter(({ start, end }) => start <= span.start && span.start < end && end < span.end)
    const cuts = [...new Set(border.map(({ end }) => end))].toSorted((a, b) => a - b)
    let { start } = span
    for (const cut of cuts) {
      placed.push({ entity: span.entity, start, end: cut })
      start = cut
    }
    placed.push({ entity: span.entity, start, end: span.end })
  }
  return placed.toSorted((a, b) => a.start - b.start || b.end - a.end)
}

interface Rendering {
  readonly names: Names
  readonly mentioned: Set<string>
  readonly isPre: boolean
}

/** The part from `from` to `to`. `spans` are those that begin in it, in order. */
function render(text: string, spans: readonly Span[], from: number, to: number, how: Rendering): string {
  let html = ''
  let at = from
  for (let i = 0; i < spans.length;) {
    const span = spans[i]
    if (!span) break
    let next = i + 1
    while ((spans[next]?.start ?? Infinity) < span.end) next++
    html += plain(text.slice(at, span.start), how)
    const isPre = how.isPre || span.entity.type === 'pre'
    const inner = render(text, spans.slice(i + 1, next), span.start, span.end, { ...how, isPre })
    html += wrap(span.entity, text.slice(span.start, span.end), inner, how)
    at = span.end
    i = next
  }
  return html + plain(text.slice(at, to), how)
}

function plain(text: string, { isPre }: Rendering): string {
  return isPre ? escape(text) : escape(text).replaceAll('\n', '<br>')
}

function wrap(entity: MessageEntity, text: string, inner: string, { names, mentioned }: Rendering): string {
  const pill = (userId: string): string => {
    mentioned.add(userId)
    return `<a href="https://matrix.to/#/${escape(encodeURI(userId))}">${inner}</a>`
  }
  switch (entity.type) {
    case 'bold':
      return `<strong>${inner}</strong>`
    case 'italic':
      return `<em>${inner}</em>`
    case 'underline':
      return `<u>${inner}</u>`
    case 'strikethrough':
      return `<del>${inner}</del>`
    case 'spoiler':
      return `<span data-mx-spoiler>${inner}</span>`
    case 'code':
      return `<code>${inner}</code>`
    case 'subscript':
      return `<sub>${inner}</sub>`
    case 'superscript':
      return `<sup>${inner}</sup>`
    case 'marked':
      return `<span data-mx-color="#000000" data-mx-bg-color="#fff3a3">${inner}</span>`
    case 'pre': {
      const language = /^[\w+#.-]{1,32}$/.test(entity.language ?? '') ? ` class="language-${entity.language}"` : ''
      return `<pre><code${language}>${inner}</code></pre>`
    }
    case 'blockquote':
    case 'expandable_blockquote':
      return `<blockquote>${inner}</blockquote>`
    case 'text_link':
      return link(names.link(entity.url ?? '') ?? entity.url ?? '', inner)
    case 'url':
      return link(names.link(text) ?? (/^[a-z][a-z\d+.-]*:/i.test(text) ? text : `https://${text}`), inner)
    case 'email':
      return link(`mailto:${text}`, inner)
    case 'mention': {
      const userId = names.byUsername(text.slice(1))
      return userId === undefined ? link(`https://t.me/${text.slice(1)}`, inner) : pill(userId)
    }
    case 'text_mention': {
      const userId = entity.user && names.byId(entity.user.id)
      return userId === undefined ? inner : pill(userId)
    }
    case 'custom_emoji': {
      const mxc = names.emoji(entity.custom_emoji_id ?? '')
      const alt = escape(text)
      return mxc === undefined
        ? inner
        : `<img data-mx-emoticon src="${escape(mxc)}" alt="${alt}" title="${alt}" height="32">`
    }
    default:
      return inner
  }
}

const link = (url: string, inner: string): string =>
  allowedScheme.test(url) ? `<a href="${escape(url)}">${inner}</a>` : inner

const entitiesOfHtml: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

export const escape = (text: string): string => text.replace(/[&<>"]/g, (character) => entitiesOfHtml[character] ?? '')

/** The plain body is shown where no HTML is: in notifications above all. */
function hideSpoilers(text: string, entities: readonly MessageEntity[]): string {
  let shown = ''
  let at = 0
  for (const { type, offset, length } of entities.toSorted((a, b) => a.offset - b.offset)) {
    const [start, end] = [Math.max(0, offset), Math.min(text.length, offset + length)]
    if (type !== 'spoiler' || end <= start) continue
    if (start >= at) shown += `${text.slice(at, start)}(spoiler)`
    at = Math.max(at, end)
  }
  return shown + text.slice(at)
}
