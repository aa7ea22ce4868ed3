/** HTML from template literals: whatever is put in is escaped, unless it is HTML itself. */

export class Html {
  readonly text: string
  constructor(text: string) {
    this.text = text
  }
}

export type Insert = Html | string | number | false | undefined | readonly Html[]

export function html(parts: TemplateStringsArray, ...inserts: readonly Insert[]): Html {
  return new Html(parts.reduce((text, part, index) => text + textOf(inserts[index - 1]) + part))
}

function textOf(insert: Insert): string {
  if (insert instanceof Html) return insert.text
  if (insert === undefined || insert === false) return ''
  if (typeof insert === 'object') return insert.map(({ text }) => text).join('')
  return String(insert).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}

/** Attributes of an element; one that is undefined or false is left out, one that is true has no value. */
export function attributes(given: Readonly<Record<string, string | number | boolean | undefined>>): Html {
  const written = Object.entries(given).flatMap(([name, value]) => {
    if (value === undefined || value === false) return []
    return value === true ? [name] : [`${name}="${textOf(value)}"`]
  })
  return new Html(written.join(' '))
}
