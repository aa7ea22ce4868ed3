import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { compileGlob, compileWordGlob, containsWords } from './glob.ts'

/** The definition itself, exponential and plain to see. */
function naive(pattern: readonly string[], text: readonly string[]): boolean {
  const [first, ...rest] = pattern
  if (first === undefined) return text.length === 0
  if (first === '*') return naive(rest, text) || (text.length > 0 && naive(pattern, text.slice(1)))
  return text.length > 0 && (first === '?' || first === text[0]) && naive(rest, text.slice(1))
}

function naiveWords(pattern: string, text: string): boolean {
  const characters = Array.from(text)
  const inWord = (at: number): boolean => /^\w$/.test(characters[at] ?? '')
  const boundaries = [...characters.keys(), characters.length].filter((at) => !(inWord(at - 1) && inWord(at)))
  return boundaries.some((start) =>
    boundaries.some((end) => start <= end && naive(Array.from(pattern), characters.slice(start, end))),
  )
}

const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?', ' ', '😀'), maxLength: 8 })
const text = fc.string({ unit: fc.constantFrom('a', 'b', ' ', '_', '😀', 'é'), maxLength: 8 })

describe('whole texts', () => {
  test('match as the definition says', () => {
    fc.assert(
      fc.property(pattern, text, (glob, value) => {
        expect(compileGlob(glob)(value)).toBe(naive(Array.from(glob), Array.from(value)))
      }),
      { numRuns: 3000 },
    )
  })

  test('a question mark may stand for itself', () => {
    const match = compileGlob('a?*', { question: false })
    expect(['a?', 'a?b', 'ab'].map(match)).toEqual([true, true, false])
  })
})

describe('parts of texts', () => {
  test('match as the definition says', () => {
    fc.assert(
      fc.property(pattern, text, (glob, value) => {
        expect(compileWordGlob(glob)(value)).toBe(naiveWords(glob, value))
      }),
      { numRuns: 3000 },
    )
  })

  test('start and end at word boundaries', () => {
    const match = compileWordGlob('ex*ple')
    expect(['An example event.', 'exple', 'An exciting triple-whammy', 'examples', 'an_example'].map(match)).toEqual([
      true,
      true,
      true,
      false,
      false,
    ])
  })

  test('as plain words have no wildcards', () => {
    expect(containsWords('a*c', 'a*c')).toBe(true)
    expect(containsWords('abc', 'a*c')).toBe(false)
    expect(containsWords('canned can', 'can')).toBe(true)
    expect(containsWords('cans', 'can')).toBe(false)
  })
})

describe('patterns made to be slow are not', () => {
  const long = 'a'.repeat(65_536)
  test.each([
    ['*?'.repeat(500), long],
    ['?'.repeat(1000) + 'b', long],
    ['a*'.repeat(500) + 'b', long],
    [`*${'?a'.repeat(500)}b`, long],
    [`${'a'.repeat(200)}b`, long],
    [`b${'a'.repeat(1000)}`, long],
    ['a '.repeat(500) + 'b', 'a '.repeat(30_000)],
    [`${'a '.repeat(100)}?b`, 'a '.repeat(30_000)],
    ['*?*?*', 'a.'.repeat(30_000)],
  ])('%#', (glob, value) => {
    const start = performance.now()
    compileGlob(glob)(value)
    compileWordGlob(glob)(value)
    expect(performance.now() - start).toBeLessThan(2_000)
  })

  test('a server ACL of 10,000 entries', () => {
    const matchers = Array.from({ length: 10_000 }, () => compileGlob('*?*?*x'))
    const start = performance.now()
    for (const match of matchers) match('matrix.some-server.example.org')
    expect(performance.now() - start).toBeLessThan(1_000)
  })
})
