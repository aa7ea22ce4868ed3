/** What a webhook is to say, whatever form it came in. */
export interface Said {
  readonly markdown: string
  /** Who says it, where the program says so: else the webhook's own name stands there. */
  readonly name: string | undefined
  /** Address of a picture of theirs. */
  readonly avatar: string | undefined
}

export const joined = (parts: readonly string[], between: string): string =>
  parts.filter((part) => part !== '').join(between)

export const lines = (parts: readonly string[]): string => joined(parts, '\n')

export const quoted = (text: string): string =>
  text === ''
    ? ''
    : `\n${text
        .split('\n')
        .map((line) => `> ${line}`)
        .join('\n')}\n`

/** A link without an address is its label. */
export const clipped = (link: string): string => link.replace(/^\[([^\]]*)\]\(\)$/, '$1')
