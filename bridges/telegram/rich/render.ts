/** A rich message as Matrix shows it: HTML, and plain text where there is none. */
import { escape, type Html, type Names, toHtml } from '../format/to-html.ts'
import type { Node } from './tree.ts'

interface Rendered {
  readonly html: string
  readonly body: string
}

/** What is in them stands one below the other. */
const stacks = new Set(['ul', 'ol', 'blockquote', 'table', 'details', 'li'])

export function renderRich(nodes: readonly Node[], names: Names): Html {
  const mentioned = new Set<string>()
  const all = nodes.map((node) => render(node, names, mentioned))
  const body = all.map((one) => one.body).join('\n')
  return { body: body.trim(), formatted: all.map(({ html }) => html).join(''), mentioned: [...mentioned] }
}

function render(node: Node, names: Names, mentioned: Set<string>): Rendered {
  if (!('tag' in node)) {
    const { body, formatted, mentioned: some } = toHtml(node.text, node.entities, names)
    for (const userId of some) mentioned.add(userId)
    return { body, html: formatted ?? escape(body).replaceAll('\n', '<br>') }
  }
  const { tag, attribute, box = '', lead = box } = node
  if (tag === 'hr') return { html: '<hr>', body: '———' }
  const inner = node.inner.map((one) => render(one, names, mentioned))
  const opening = attribute === undefined ? `<${tag}>` : `<${tag} ${attribute}>`
  const html = `${opening}${box}${inner.map((one) => one.html).join('')}</${tag}>`
  const between = tag === 'tr' ? ' | ' : stacks.has(tag) ? '\n' : ''
  const body = lead + inner.map((one) => one.body).join(between)
  return { html, body: tag === 'blockquote' ? body.replace(/^/gm, '> ') : body }
}
