/**
 * JSON as Matrix signs and hashes it. https://spec.matrix.org/v1.19/appendices/#canonical-json
 *
 * `JSON.parse` alone is not enough: it rounds large integers, reads `1.0` and `1e3` as integers and lets half
 * surrogate pairs through. All of these must be seen, because room versions differ in what they do with them.
 */
import { badJson, notJson } from './errors.ts'
import type { Json, JsonObject } from './event.ts'

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

type Reviver = (this: unknown, key: string, value: unknown, context: { readonly source?: string }) => unknown
// The library types do not know the third argument of revivers (ES2026) yet.
const parse = JSON.parse as unknown as (text: string, reviver?: Reviver) => unknown

/**
 * The start of a number that may not be a safe integer, or an escaped surrogate. A match inside a string only costs time;
 * addresses in user ids are none.
 */
const suspicious = /(?:^|[[,\s]|["\s]:)-?(?:\d{16}|\d+[.eE])|\\u[dD][89a-fA-F]/

/**
 * The value of a JSON text, last of repeated keys winning. Integers beyond ±(2^53-1) become BigInt; other numbers
 * whose text would change become NumberLiteral, unless `numbers` is `plain`, for bodies that are not events.
 * Throws M_NOT_JSON for what is no JSON, M_BAD_JSON for half surrogate pairs, numbers beyond a double and deep nesting.
 */
export function parseJson(
  text: string,
  { maxDepth = maxJsonDepth, numbers = 'exact' }: { maxDepth?: number; numbers?: 'exact' | 'plain' } = {},
): Json {
  if (!text.isWellFormed()) throw badJson(halfPair)
  checkDepth(text, maxDepth)
  const reviver = numbers === 'exact' ? reviveExactly : revivePlainly
  try {
    // What JSON.parse makes is Json by its nature, and so is what the revivers put in.
    return parse(text, suspicious.test(text) ? reviver : undefined) as Json
  } catch (cause) {
    if (cause instanceof SyntaxError) throw notJson('Not valid JSON')
    throw cause
  }
}

const halfPair = 'A string holds half a surrogate pair'

const reviveExactly: Reviver = (key, value, { source }) => {
  checkPart(key, value)
  if (typeof value !== 'number' || source === undefined) return value
  if (/^-?\d+$/.test(source)) return Number.isSafeInteger(value) ? value : BigInt(source)
  return String(value) === source ? value : new NumberLiteral(source)
}

const revivePlainly: Reviver = (key, value) => {
  checkPart(key, value)
  return value
}

function checkPart(key: string, value: unknown): void {
  if (!key.isWellFormed() || (typeof value === 'string' && !value.isWellFormed())) throw badJson(halfPair)
  if (value === Infinity || value === -Infinity) throw badJson('A number is too large')
}

/** Counts brackets in the text, because revivers, and whatever walks the value later, recurse. */
function checkDepth(text: string, maxDepth: number): void {
  if (!hasMoreBrackets(text, maxDepth)) return
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === quote) at = stringEnd(text, at) - 1
    else if (code === openBrace || code === openBracket) {
      if (++depth > maxDepth) throw badJson('Nested too deeply')
    } else if (code === closeBrace || code === closeBracket) depth--
  }
}

function hasMoreBrackets(text: string, limit: number): boolean {
  let left = limit
  for (const bracket of '{[') {
    for (let at = text.indexOf(bracket); at !== -1; at = text.indexOf(bracket, at + 1)) if (--left < 0) return true
  }
  return false
}

/** Whether numbers must be integers within ±(2^53-1): a room version (strict from 6 on), or any such record. */
export interface NumberRule {
  readonly strictCanonicalJson: boolean
}

/** The rule for JSON that is no event, such as server keys: numbers as they are. */
const anyNumber: NumberRule = { strictCanonicalJson: false }

/**
 * The canonical text of a value. Throws M_BAD_JSON for what has no canonical form (half surrogate pairs, infinite
 * numbers, deep nesting; with a strict rule fractions, large integers and -0), TypeError for what is no JSON value.
 */
export function encodeCanonical(value: Json, rule: NumberRule = anyNumber): string {
  if (isPlain(value, 0)) {
    const text = JSON.stringify(value)
    if (!surrogate.test(text)) return text
  }
  return write(value, rule.strictCanonicalJson, 0)
}

/** What may be a half surrogate pair in the output of JSON.stringify, or part of a key that sorts differently. */
const surrogate = /\\ud|[\ud800-\udfff]/

/** Whether JSON.stringify gives the canonical text, but for surrogates: keys are in order, numbers are safe integers. */
function isPlain(value: unknown, depth: number): boolean {
  if (typeof value === 'string' || typeof value === 'boolean' || value === null) return true
  if (typeof value === 'number') return Number.isSafeInteger(value) && !Object.is(value, -0)
  if (typeof value !== 'object' || depth === maxJsonDepth) return false
  if (Array.isArray(value)) {
    for (const item of value as unknown[]) if (!isPlain(item, depth + 1)) return false
    return true
  }
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return false
  let previous = ''
  for (const key in value) {
    if (key < previous || !isPlain((value as Record<string, unknown>)[key], depth + 1)) return false
    previous = key
  }
  return !('toJSON' in value)
}

function write(value: unknown, strict: boolean, depth: number): string {
  switch (typeof value) {
    case 'string':
      return encodeString(value)
    case 'number':
      return encodeNumber(value, strict)
    case 'boolean':
      return value ? 'true' : 'false'
    case 'bigint':
      if (strict) throw badJson('A number is not an integer within ±(2^53-1)')
      return value.toString()
    case 'object':
      return value === null ? 'null' : writeComposite(value, strict, depth)
    default:
      throw new TypeError(`JSON cannot hold ${typeof value}`)
  }
}

function writeComposite(value: object, strict: boolean, depth: number): string {
  if (value instanceof NumberLiteral) {
    if (strict) throw badJson('A number is not an integer within ±(2^53-1)')
    return value.source
  }
  if (depth === maxJsonDepth) throw badJson('Nested too deeply')
  if (Array.isArray(value)) return `[${value.map((item) => write(item, strict, depth + 1)).join(',')}]`
  let members = ''
  for (const key of canonicalKeys(value)) {
    if (members !== '') members += ','
    members += `${encodeString(key)}:${write((value as Record<string, unknown>)[key], strict, depth + 1)}`
  }
  return `{${members}}`
}

function encodeString(text: string): string {
  if (!text.isWellFormed()) throw badJson(halfPair)
  return JSON.stringify(text)
}

function encodeNumber(value: number, strict: boolean): string {
  if (!Number.isFinite(value)) throw badJson('A number is too large')
  if (strict && (!Number.isSafeInteger(value) || Object.is(value, -0))) {
    throw badJson('A number is not an integer within ±(2^53-1)')
  }
  return String(value)
}

/** The keys of an object in canonical order: by code point, which for keys beyond the BMP is not the order of sort(). */
export function canonicalKeys(value: object): string[] {
  const keys = Object.keys(value)
  return surrogate.test(keys.join()) ? keys.sort(compareCodePoints) : keys.sort()
}

/** Order by code point. Surrogates, which stand for what is beyond U+FFFF, go above all other units. */
function compareCodePoints(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let at = 0; at < length; at++) {
    const [unitA, unitB] = [a.charCodeAt(at), b.charCodeAt(at)]
    if (unitA !== unitB) return rank(unitA) - rank(unitB)
  }
  return a.length - b.length
}

function rank(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit
}

/**
 * Where the value of a top-level key stands in the canonical text of an object, as a UTF-16 range; undefined if there
 * is none. Nothing is parsed, so that stored events can be cut and joined.
 */
export function topLevelSpan(canonical: string, key: string): { start: number; end: number } | undefined {
  const wanted = encodeString(key)
  let at = 1
  while (canonical.charCodeAt(at) === quote) {
    const start = stringEnd(canonical, at) + 1
    const end = valueEnd(canonical, start)
    if (start - 1 - at === wanted.length && canonical.startsWith(wanted, at)) return { start, end }
    at = end + 1
  }
  return undefined
}

/** The canonical text of the value of a top-level key, if the object has it. */
export function topLevelText(canonical: string, key: string): string | undefined {
  const span = topLevelSpan(canonical, key)
  return span && canonical.slice(span.start, span.end)
}

const quote = 0x22
const comma = 0x2c
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

/** Where the value that starts at `start` is over. */
function valueEnd(text: string, start: number): number {
  let depth = 0
  for (let at = start; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === quote) at = stringEnd(text, at) - 1
    else if (code === openBrace || code === openBracket) depth++
    else if (code === comma && depth === 0) return at
    else if ((code === closeBrace || code === closeBracket) && depth-- === 0) return at
  }
  return text.length
}

/** Whether a value is a JSON object: no array, no null, no NumberLiteral. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof NumberLiteral)
}
