import type { IncomingMessage } from 'node:http'

/** Values beyond these are not looked at. */
const MAX_VALUES = 50

/** All values of a parameter that may stand several times in a query, such as `via`; schemas see only the last one. */
export function queryList({ url = '' }: Pick<IncomingMessage, 'url'>, name: string): string[] {
  const at = url.indexOf('?')
  return at < 0 ? [] : new URLSearchParams(url.slice(at + 1)).getAll(name).slice(0, MAX_VALUES)
}
