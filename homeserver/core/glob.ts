/**
 * Glob patterns of users and rooms, matched without a RegExp, whose cost a pattern could drive up (T19).
 * https://spec.matrix.org/v1.19/appendices/#glob-style-matching
 */

export type Matcher = (text: string) => boolean

export interface GlobOptions {
  /** Whether `?` stands for one character; if not, for itself. */
  readonly question?: boolean
}

/** Matches whole texts, case and all. */
export function compileGlob(pattern: string, { question = true }: GlobOptions = {}): Matcher {
  if (isLiteral(pattern, question)) return (text) => text === pattern
  const head = pattern.slice(0, -1)
  if (pattern.endsWith('*') && isLiteral(head, question)) return (text) => text.startsWith(head)
  const automaton = compileAutomaton(pattern, question)
  return (text) => runAutomaton(automaton, text, { words: false })
}

/**
 * Matches texts with a part that fits the pattern and starts and ends at word boundaries; case counts.
 * https://spec.matrix.org/v1.19/client-server-api/#conditions-1
 */
export function compileWordGlob(pattern: string): Matcher {
  if (isLiteral(pattern, true)) return (text) => containsWords(text, pattern)
  const automaton = compileAutomaton(pattern, true)
  return (text) => runAutomaton(automaton, text, { words: true })
}

/** Whether the text holds these words, at word boundaries, as they are: nothing in them is a wildcard. */
export function containsWords(text: string, words: string): boolean {
  for (let at = text.indexOf(words); at !== -1;) {
    if (isBoundary(text, at) && isBoundary(text, at + words.length)) return true
    const next = nextBoundary(text, at)
    at = next > text.length ? -1 : text.indexOf(words, next)
  }
  return false
}

function isLiteral(pattern: string, question: boolean): boolean {
  return !pattern.includes('*') && !(question && pattern.includes('?'))
}

/**
 * An automaton whose state n has read n characters of the pattern. 32 states are the bits of one number and step
 * together, so the time is in proportion to the text, whatever the pattern.
 */
interface Automaton {
  readonly blocks: readonly Block[]
  readonly last: number
}

interface Block {
  /** The states that this character leads on from, those of `?` included. */
  readonly on: ReadonlyMap<number, number>
  /** The states that any character leads on from: those of `?`. */
  readonly any: number
  /** The states that any character stays in: those of `*`. */
  readonly stay: number
}

function compileAutomaton(pattern: string, question: boolean): Automaton {
  const characters: string[] = []
  const stays = new Set<number>()
  for (const character of pattern) {
    if (character === '*') stays.add(characters.length)
    else characters.push(character)
  }
  const blocks: Block[] = []
  for (let from = 0; from <= characters.length; from += 32) blocks.push(compileBlock(from))
  return { blocks, last: characters.length }

  function compileBlock(from: number): Block {
    const on = new Map<number, number>()
    let any = 0
    let stay = 0
    for (let index = 0; index < 32; index += 1) {
      const bit = 1 << index
      const character = characters[from + index]
      if (stays.has(from + index)) stay |= bit
      if (question && character === '?') any |= bit
      else if (character !== undefined) setBit(on, character.codePointAt(0) ?? 0, bit)
    }
    for (const code of on.keys()) setBit(on, code, any)
    return { on, any, stay }
  }
}

function setBit(masks: Map<number, number>, code: number, bits: number): void {
  masks.set(code, (masks.get(code) ?? 0) | bits)
}

function runAutomaton({ blocks, last }: Automaton, text: string, { words }: { words: boolean }): boolean {
  const states = blocks.map(() => 0)
  const lastBlock = last >>> 5
  const lastBit = 1 << (last & 31)
  const open = ((blocks[lastBlock]?.stay ?? 0) & lastBit) !== 0
  let place = 0
  for (;;) {
    const boundary = words && isBoundary(text, place)
    if (place === 0 || boundary) states[0] = (states[0] ?? 0) | 1
    const accepted = ((states[lastBlock] ?? 0) & lastBit) !== 0
    if (accepted && (open || boundary || place === text.length)) return true
    if (place === text.length) return false
    const code = text.codePointAt(place) ?? 0
    if (!step(blocks, states, code) && !words) return false
    place += code > 0xffff ? 2 : 1
  }
}

/** Returns whether any state is left. */
function step(blocks: readonly Block[], states: number[], code: number): boolean {
  let carry = 0
  let left = 0
  let index = 0
  for (const { on, any, stay } of blocks) {
    const state = states[index] ?? 0
    const moving = state === 0 ? 0 : state & (on.get(code) ?? any)
    const next = (moving << 1) | carry | (state & stay)
    carry = moving >>> 31
    left |= next
    states[index] = next
    index += 1
  }
  return left !== 0
}

/** The first boundary after `at`, or more than the length of the text. */
function nextBoundary(text: string, at: number): number {
  let next = at + 1
  while (next < text.length && !isBoundary(text, next)) next += 1
  return next
}

/** Everywhere but between two characters of one word. */
function isBoundary(text: string, at: number): boolean {
  return !(isWordCharacter(text.charCodeAt(at - 1)) && isWordCharacter(text.charCodeAt(at)))
}

/** A-Z, a-z, 0-9 and _; other letters part words. Outside of the text the code is NaN, which is none of them. */
function isWordCharacter(code: number): boolean {
  return (code >= 97 && code <= 122) || (code >= 48 && code <= 57) || (code >= 65 && code <= 90) || code === 95
}
