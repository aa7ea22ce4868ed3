/** Reads a long JSON object as it arrives, so that it is never in memory as one text (T45). */
import { setImmediate } from 'node:timers/promises'
import { badJson } from '../../../core/errors.ts'

/** Characters of a single value; events have at most 65,536 bytes. */
const MAX_VALUE = 1_048_576

/** The text of a value of the object, or of one element where the value is a list. */
export interface JsonMember {
  readonly key: string
  readonly text: string
}

/** The values are cut out and not looked at: to parse them is for the caller. Throws `M_BAD_JSON` for an object cut short. */
export async function* readMembers(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<JsonMember> {
  const scanner = new Scanner()
  const decoder = new TextDecoder('utf-8', { fatal: true })
  const decode = (chunk: Uint8Array): string => {
    try {
      return decoder.decode(chunk, { stream: true })
    } catch {
      throw badJson('The JSON is not UTF-8')
    }
  }
  for await (const chunk of chunks) {
    yield* scanner.push(decode(chunk))
    await setImmediate() // what has come already does not keep others waiting
  }
  yield* scanner.end()
  if (!scanner.isComplete) throw badJson('The JSON ends too early')
}

const none = -1
const quote = 0x22
const backslash = 0x5c

/** Knows strings, brackets and separators, and nothing else of JSON. */
class Scanner {
  #text = ''
  /** What has come since. */
  #fresh = ''
  #at = 0
  /** Where the value begins that is being read. */
  #from = none
  #key = ''
  #depth = 0
  #inString = false
  /** Whether the value at depth 1 is a list, whose elements are given one by one. */
  #inList = false

  #isComplete = false

  /** Whether the object has been closed. */
  get isComplete(): boolean {
    return this.#isComplete
  }

  /** A long value that comes drop by drop waits for more: each look at it copies it. */
  *push(chunk: string): Generator<JsonMember> {
    this.#fresh += chunk
    if (this.#fresh.length >= this.#text.length / 16) yield* this.end()
  }

  /** Reads all that has come. */
  *end(): Generator<JsonMember> {
    this.#text += this.#fresh
    this.#fresh = ''
    for (; this.#at < this.#text.length; this.#at++) {
      const member = this.#inString ? this.#endString() : this.#step(this.#text.charAt(this.#at))
      if (member) yield member
    }
    const kept = this.#from === none ? this.#at : this.#from
    this.#text = this.#text.slice(kept)
    this.#at -= kept
    if (this.#from !== none) this.#from = 0
    if (this.#text.length > MAX_VALUE) throw badJson('The JSON holds a value that is too long')
  }

  /** Goes to the quote that closes the string, or to the last character there is. Most of an object are strings. */
  #endString(): undefined {
    const text = this.#text
    let at = this.#at
    for (; this.#inString && at < text.length; at++) {
      const code = text.charCodeAt(at)
      if (code === backslash) at++
      else if (code === quote) this.#inString = false
    }
    this.#at = at - 1
  }

  #step(char: string): JsonMember | undefined {
    switch (char) {
      case '{':
      case '[':
        return this.#open(char)
      case '}':
      case ']':
        return this.#close()
      case ',':
        return this.#isBetween ? this.#cut() : undefined
      case ':':
        if (this.#depth === 1) this.#key = this.#cut()?.text.slice(1, -1) ?? ''
        return undefined
      case ' ':
      case '\n':
      case '\r':
      case '\t':
        return undefined
      default:
        if (char === '"') this.#inString = true
        if (this.#from === none) this.#from = this.#at
        return undefined
    }
  }

  get #isBetween(): boolean {
    return this.#depth === 1 || (this.#depth === 2 && this.#inList)
  }

  #open(char: string): undefined {
    if (this.#depth === 1 && char === '[') this.#inList = true
    else if (this.#depth > 0 && this.#from === none) this.#from = this.#at
    this.#depth++
  }

  #close(): JsonMember | undefined {
    const member = this.#isBetween ? this.#cut() : undefined
    if (this.#depth === 2) this.#inList = false
    if (--this.#depth === 0) this.#isComplete = true
    return member
  }

  #cut(): JsonMember | undefined {
    if (this.#from === none) return undefined
    const text = this.#text.slice(this.#from, this.#at).trimEnd()
    this.#from = none
    return { key: this.#key, text }
  }
}
