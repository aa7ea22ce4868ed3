/** How a log line looks, and what it never shows (T95). */

export type Fields = Readonly<Record<string, unknown>>

export interface LogLine {
  readonly at: string
  readonly level: string
  readonly subsystem: string
  readonly request: string | undefined
  readonly message: string
  readonly fields: Fields
}

const mask = '[redacted]'
const secretNames =
  /pass(word|phrase|wd)|token|secret|authorization|cookie|macaroon|signature|(private|api|access|seed)_?key/i
/** Tokens that travel in query strings and headers show up inside texts, such as the message of an error. */
const secretTexts = /((?:access_token|token|secret|password|signature)=|Bearer )[^&\s"']+/gi

const maxText = 2000
const maxDepth = 6
const maxItems = 100

/** A copy fit for a log: secrets blanked, errors told in full, long, deep and cyclic values cut. */
export function redact(value: unknown, depth = 0): unknown {
  switch (typeof value) {
    case 'string':
      return cut(value)
    case 'bigint':
      return value.toString()
    case 'symbol':
    case 'function':
      return `[${typeof value}]`
    case 'object':
      return value === null ? null : redactObject(value, depth)
    default:
      return value
  }
}

function redactObject(value: object, depth: number): unknown {
  if (depth >= maxDepth) return '[deep]'
  if (value instanceof Error) return redactError(value, depth)
  if (Array.isArray(value)) {
    const items = value.slice(0, maxItems).map((item) => redact(item, depth + 1))
    return value.length > maxItems ? [...items, `[${value.length - maxItems} more]`] : items
  }
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`
  if (value instanceof Map || value instanceof Set) return `[${value.size} entries]`
  if ('toJSON' in value && typeof value.toJSON === 'function') return redact(value.toJSON(), depth + 1)
  const entries = Object.entries(value).slice(0, maxItems)
  return Object.fromEntries(entries.map(([key, item]) => [key, secretNames.test(key) ? mask : redact(item, depth + 1)]))
}

function redactError(error: Error, depth: number): unknown {
  const { name, message, stack, cause } = error
  const code = 'code' in error ? error.code : undefined
  return {
    name,
    message: cut(message),
    ...(code === undefined ? {} : { code: redact(code, depth + 1) }),
    ...(stack === undefined ? {} : { stack: cut(stack) }),
    ...(cause === undefined ? {} : { cause: redact(cause, depth + 1) }),
  }
}

function cut(text: string): string {
  const short = text.length > maxText ? `${text.slice(0, maxText)}… (${text.length} characters)` : text
  return short.replace(secretTexts, `$1${mask}`)
}

export function jsonLine({ at, level, subsystem, request, message, fields }: LogLine): string {
  const safe = redact(fields) as Fields // an object goes in, so an object comes out
  return `${JSON.stringify({ ts: at, level, subsystem, msg: message, req_id: request, ...safe })}\n`
}

export function humanLine({ at, level, subsystem, request, message, fields }: LogLine): string {
  let line = `${at.slice(11, 23)} ${level.toUpperCase().padEnd(5)} ${subsystem}: ${message}`
  if (request !== undefined) line += ` req=${request}`
  let traces = ''
  for (const [key, value] of Object.entries(redact(fields) as Fields)) {
    if (value === undefined) continue
    if (isToldError(value)) {
      line += ` ${key}=${JSON.stringify(`${value.name}: ${value.message}`)}`
      traces += traceOf(value)
    } else line += ` ${key}=${typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value)}`
  }
  return `${line}\n${traces}`
}

interface ToldError {
  readonly name: string
  readonly message: string
  readonly stack: string
  readonly cause?: unknown
}

function isToldError(value: unknown): value is ToldError {
  return typeof value === 'object' && value !== null && 'stack' in value && typeof value.stack === 'string'
}

function traceOf(error: ToldError): string {
  const own = `    ${error.stack.replaceAll('\n', '\n    ')}\n`
  return isToldError(error.cause) ? `${own}    caused by\n${traceOf(error.cause)}` : own
}
