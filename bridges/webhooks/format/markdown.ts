/**
 * Markdown → HTML of the few tags that Matrix has. Everything is escaped first come what may, so that nothing in the text
 * is ever a tag. All repetitions are bounded: no text takes longer than in proportion to its length.
 */

const MAX_QUOTES = 5

const escaped: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
export const escapeHtml = (text: string): string => text.replace(/[&<>"]/g, (character) => escaped[character] ?? '')

/** Only addresses that do nothing when they are clicked but to lead somewhere. */
const isSafe = (address: string): boolean => /^(?:https?:\/\/|mailto:)[^\s"<>]{1,2000}$/i.test(address)

/** Undefined where the text has nothing that HTML would add to. */
export function markdownToHtml(text: string): string | undefined {
  const html = blocks(text.replaceAll('\r\n', '\n').split('\n'), 0)
  return html === escapeHtml(text).replaceAll('\n', '<br>') ? undefined : html
}

function blocks(lines: readonly string[], depth: number): string {
  const html: string[] = []
  let paragraph: string[] = []
  const finish = (): void => {
    if (paragraph.length > 0) html.push(paragraph.map((line) => inline(line)).join('<br>'))
    paragraph = []
  }
  for (let at = 0; at < lines.length;) {
    const block = blockAt(lines, at, depth)
    if (block) {
      finish()
      html.push(block.html)
      at = block.next
      continue
    }
    const line = lines[at++] ?? ''
    if (line.trim() === '') finish()
    else paragraph.push(line)
  }
  const isOnlyText = html.length === 0
  finish()
  return isOnlyText
    ? (html[0] ?? '')
    : html.map((part) => (part.startsWith('<') && isBlock(part) ? part : `<p>${part}</p>`)).join('')
}

const isBlock = (html: string): boolean => /^<(?:pre|h[1-6]|hr|blockquote|ul|ol)\b/.test(html)

interface Block {
  readonly html: string
  /** The line after it. */
  readonly next: number
}

function blockAt(lines: readonly string[], at: number, depth: number): Block | undefined {
  const line = lines[at] ?? ''
  const fence = /^\s{0,3}```\s*([\w+#.-]{0,32})\s*$/.exec(line)
  if (fence) return code(lines, at, fence[1] ?? '')
  const heading = /^(#{1,6})\s+(.+)$/.exec(line)
  if (heading) {
    const [, { length } = '', text = ''] = heading
    return { html: `<h${length}>${inline(text)}</h${length}>`, next: at + 1 }
  }
  if (/^\s{0,3}(?:-{3,}|\*{3,}|_{3,})\s*$/.test(line)) return { html: '<hr>', next: at + 1 }
  if (line.startsWith('>') && depth < MAX_QUOTES) {
    const next = whileLines(lines, at, (one) => one.startsWith('>'))
    const quoted = lines.slice(at, next).map((one) => one.replace(/^> ?/, ''))
    return { html: `<blockquote>${blocks(quoted, depth + 1)}</blockquote>`, next }
  }
  return list(lines, at, /^\s{0,8}[-*+]\s+/, 'ul') ?? list(lines, at, /^\s{0,8}\d{1,9}[.)]\s+/, 'ol')
}

function code(lines: readonly string[], at: number, language: string): Block {
  const end = whileLines(lines, at + 1, (line) => !/^\s{0,3}```\s*$/.test(line))
  const text = lines.slice(at + 1, end).join('\n')
  const shown = language === '' ? '' : ` class="language-${escapeHtml(language)}"`
  return { html: `<pre><code${shown}>${escapeHtml(text)}\n</code></pre>`, next: end + 1 }
}

function list(lines: readonly string[], at: number, mark: RegExp, tag: 'ul' | 'ol'): Block | undefined {
  const next = whileLines(lines, at, (line) => mark.test(line))
  if (next === at) return undefined
  const items = lines.slice(at, next).map((line) => `<li>${inline(line.replace(mark, ''))}</li>`)
  return { html: `<${tag}>${items.join('')}</${tag}>`, next }
}

function whileLines(lines: readonly string[], from: number, fits: (line: string) => boolean): number {
  let at = from
  while (at < lines.length && fits(lines[at] ?? '')) at++
  return at
}

/** What is marked within a line, the first that fits wins: code, links, addresses, and pairs of marks. */
const marks = new RegExp(
  [
    /\\(?<literal>[\\`*_{}[\]()#+.!~|>-])/,
    /(?<ticks>`{1,3})(?<code>[^`]{1,1000})\k<ticks>/,
    /!?\[(?<label>[^\]]{1,500})\]\((?<link>[^\s()<>"]{1,1000}(?:\([^\s()<>"]{1,100}\))?)\)/,
    /<(?<angled>(?:https?:\/\/|mailto:)[^\s<>"]{1,1000})>/,
    /(?<bare>\bhttps?:\/\/[^\s<>"]{1,1000}[^\s<>"'.,:;!?)\]*_~])/,
    /\*\*(?<bold>\S(?:.{0,1000}?\S)?)\*\*/,
    /(?<![\w_])__(?<bold2>[^\s_](?:.{0,1000}?[^\s_])?)__(?![\w_])/,
    /\*(?<italic>[^\s*](?:[^*]{0,1000}?[^\s*])?)\*/,
    /(?<![\w_])_(?<italic2>[^\s_](?:[^_]{0,1000}?[^\s_])?)_(?![\w_])/,
    /~~(?<struck>\S(?:.{0,1000}?\S)?)~~/,
    /\|\|(?<hidden>\S(?:.{0,1000}?\S)?)\|\|/,
  ]
    .map(({ source }) => source)
    .join('|'),
  'g',
)

function inline(text: string): string {
  let html = ''
  let at = 0
  for (const match of text.matchAll(marks)) {
    html += escapeHtml(text.slice(at, match.index)) + marked(match[0], match.groups ?? {})
    at = match.index + match[0].length
  }
  return html + escapeHtml(text.slice(at))
}

function marked(whole: string, groups: Readonly<Record<string, string | undefined>>): string {
  const { literal, code: verbatim, label, link, angled, bare, bold, bold2, italic, italic2, struck, hidden } = groups
  if (literal !== undefined) return escapeHtml(literal)
  if (verbatim !== undefined) return `<code>${escapeHtml(verbatim)}</code>`
  const address = link ?? angled ?? bare
  if (address !== undefined) {
    const shown = label === undefined ? escapeHtml(address) : inline(label)
    return isSafe(address) ? `<a href="${escapeHtml(address)}">${shown}</a>` : escapeHtml(whole)
  }
  const pairs = { strong: bold ?? bold2, em: italic ?? italic2, del: struck }
  for (const [tag, inner] of Object.entries(pairs)) if (inner !== undefined) return `<${tag}>${inline(inner)}</${tag}>`
  return `<span data-mx-spoiler>${inline(hidden ?? '')}</span>`
}
