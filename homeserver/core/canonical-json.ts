/**
 * JSON as Matrix signs and hashes it. https://spec.matrix.org/v1.19/appendices/#canonical-json
 *
 * `JSON.parse` alone is not enough: it rounds large integers, reads `1.0` and `1e3` as integers and lets half
 * surrogate pairs through. All of these must be seen, because room versions differ in what they do with them.
 */
import { badJson, notJson } from './errors.ts'
import type { Json } from './event.ts'

/** Deeper values are refused. Other servers have limits around this one. */
export const maxJsonDepth = 128

/**
 * A number whose text a JavaScript number would not give back, such as `1.0` or `1e3`. Only room versions 1 to 5 may
 * hold one, and their hashes cover the text. To code that knows nothing of it, it is an object and not a number.
 */
export class NumberLiteral {
  readonly source: string

  constructor(source: string) {
    this.source = source
  }

  valueOf(): number {
    return Number(this.source)
  }
}

/** Start of a number that may be more than a plain safe integer, or an escaped surrogate. Matches in strings only cost time. */
const suspicious = /(?:^|[:[,\s])-?(?:\d{16}|\d+[.eE])|\\u[dD][89a-fA-F]/

type Reviver = (this: unknown, key: string, value: unknown, context: { readonly source?: string }) => unknown
// The library types do not know the third argument of revivers (ES2026) yet.
const parse = JSON.parse as unknown as (text: string, reviver?: Reviver) => unknown

/**
 * The value of a JSON text, last of repeated keys winning. Integers beyond ±(2^53-1) become BigInt; other numbers
 * whose text would change become NumberLiteral, unless `numbers` is `plain`, for bodies that are not events.
 * Throws M_NOT_JSON for what is no JSON, M_BAD_JSON for half surrogate pairs, numbers beyond a double and deep nesting.
 */
export function parseJson(
  text: string,
  { maxDepth = maxJsonDepth, numbers = 'exact' }: { maxDepth?: number; numbers?: 'exact' | 'plain' } = {},
): Json {
  if (!text.isWellFormed()) throw badJson('A string holds half a surrogate pair')
  checkDepth(text, maxDepth)
  try {
    return parse(
      text,
      suspicious.test(text) ? (numbers === 'exact' ? reviveExactly : revivePlainly) : undefined,
    ) as Json
  } catch (cause) {
    if (cause instanceof SyntaxError) throw notJson('Not valid JSON')
    throw cause
  }
}

const reviveExactly: Reviver = (key, value, { source }) => {
  checkPart(key, value)
  if (typeof value !== 'number' || source === undefined || String(value) === source || source === '-0') return value
  return /^-?\d+$/.test(source) ? BigInt(source) : new NumberLiteral(source)
}

const revivePlainly: Reviver = (key, value) => {
  checkPart(key, value)
  return value
}

function checkPart(key: string, value: unknown): void {
  if (!key.isWellFormed() || (typeof value === 'string' && !value.isWellFormed()))
    throw badJson('A string holds half a surrogate pair')
  if (value === Infinity || value === -Infinity) throw badJson('A number is too large')
}

/** Counts brackets in the text, because whatever walks the value later may recurse. */
function checkDepth(text: string, maxDepth: number): void {
  if (!hasMoreThan(maxDepth, text)) return
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === quote) at = stringEnd(text, at) - 1
    if (code === openBrace || code === openBracket) {
      if (++depth > maxDepth) throw badJson('Nested too deeply')
    }
    if (code === closeBrace || code === closeBracket) depth--
  }
}

function hasMoreThan(count: number, text: string): boolean {
  let left = count
  for (const bracket of ['{', '[']) {
    for (let at = text.indexOf(bracket); at !== -1; at = text.indexOf(bracket, at + 1)) if (--left < 0) return true
  }
  return false
}

const quote = 0x22
const backslash = 0x5c
const openBrace = 0x7b
const closeBrace = 0x7d
const openBracket = 0x5b
const closeBracket = 0x5d

/** Where the string that starts at `start` is over: after its closing quote, or at the end of the text. */
function stringEnd(text: string, start: number): number {
  for (let at = text.indexOf('"', start + 1); at !== -1; at = text.indexOf('"', at + 1)) {
    let slashes = at
    while (text.charCodeAt(slashes - 1) === backslash) slashes--
    if ((at - slashes) % 2 === 0) return at + 1
  }
  return text.length
}
