/**
 * Splits text into the words that are indexed and searched. Databases do it by dictionaries of single languages and by
 * the locale of the cluster; here both get the same words, whatever the language: docs/adr/0007-search.md.
 */
import type { SearchUnit } from '../../storage/search.ts'

/** Scripts that put no spaces between words. */
const dense = String.raw`\p{scx=Han}\p{scx=Hira}\p{scx=Kana}\p{scx=Thai}\p{scx=Laoo}\p{scx=Khmr}\p{scx=Mymr}`
const character = String.raw`[\p{L}\p{M}\p{N}]`
const runs = new RegExp(`[${character}&&[${dense}]]+|[${character}--[${dense}]]+`, 'gv')
const startsDense = new RegExp(`^[${dense}]`, 'v')
const quotedOrPlain = /"([^"]*)"?|[^"]+/g

/** A longer word is cut; what is longer is mostly no word. Far below what a database takes. */
const MAX_WORD = 64
/** Words and phrases of one search. */
const MAX_UNITS = 16
/** Letters from which on a word is also the beginning of longer words. */
const MIN_PREFIX = 3

/** The words of a text in order, without case and accents. Text without spaces becomes all its pairs of characters. */
export function wordsOf(text: string): string[] {
  return runsOf(text).flatMap(wordsOfRun)
}

/** What must be found: every word, or what begins with it; exactly what stands between quotes, in this order. */
export function unitsOf(term: string): SearchUnit[] {
  const units: SearchUnit[] = []
  for (const [plain, quoted] of term.matchAll(quotedOrPlain)) {
    if (quoted === undefined) units.push(...runsOf(plain).map(unitOfRun))
    else units.push({ words: withoutLast(runsOf(quoted)), isPrefix: false })
  }
  return units.filter(({ words }) => words.length > 0).slice(0, MAX_UNITS)
}

/** Words as they stand in the texts because of which the texts were found. */
export function highlightsOf(term: string, texts: readonly string[]): string[] {
  const wanted = runsOf(term)
  const found = new Set<string>()
  for (const text of texts) {
    for (const [word] of text.matchAll(runs)) {
      const parts = runsOf(word)
      for (const run of wanted) {
        if (isDense(run) && parts.some((part) => part.includes(run))) found.add(run)
        else if (parts.some((part) => part === run || (isPrefix(run) && part.startsWith(run)))) found.add(word)
      }
    }
  }
  return [...found]
}

function runsOf(text: string): string[] {
  return fold(text).match(runs) ?? []
}

/** й is a letter of its own, not an и with an accent. */
const accents = /(?<!\u0438)[\u0300-\u036f]/g
const beyondAscii = /[^\0-\x7f]/

function fold(text: string): string {
  const lower = text.toLowerCase()
  return beyondAscii.test(lower) ? lower.normalize('NFKD').toLowerCase().replace(accents, '').normalize('NFC') : lower
}

function wordsOfRun(run: string): string[] {
  if (!isDense(run)) return [run.slice(0, MAX_WORD)]
  const characters = Array.from(run)
  // The last one has no partner, and is found as one character all the same.
  return characters.map((each, index) => each + (characters[index + 1] ?? ''))
}

function unitOfRun(run: string): SearchUnit {
  const words = withoutLast([run])
  return { words, isPrefix: isDense(run) ? wordsOfRun(run).length === 1 : isPrefix(run) }
}

/** Pairs of characters at the end of what is searched may go on in what is found. */
function withoutLast(searched: readonly string[]): string[] {
  const words = searched.flatMap(wordsOfRun)
  const last = wordsOfRun(searched.at(-1) ?? '')
  return last.length > 1 ? words.slice(0, -1) : words
}

function isDense(run: string): boolean {
  return startsDense.test(run)
}

function isPrefix(run: string): boolean {
  return run.length >= MIN_PREFIX
}
