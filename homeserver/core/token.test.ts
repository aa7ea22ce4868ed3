import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import {
  formatPaginationToken,
  formatSyncToken,
  parsePaginationToken,
  parseSyncToken,
  positionOf,
  startToken,
  streamNames,
  type SyncToken,
} from './token.ts'

const position = fc.nat({ max: Number.MAX_SAFE_INTEGER })
const writers = fc.dictionary(fc.stringMatching(/^[A-Za-z0-9_]{1,8}$/), position, { minKeys: 1, maxKeys: 3 })
const positions = fc.record(Object.fromEntries(streamNames.map((name) => [name, position])))
const exceptions = fc.option(fc.record({ events: writers, to_device: writers }), { nil: undefined })
const token = fc
  .tuple(positions, exceptions)
  .map(([streams, some]) => ({ ...streams, ...(some && { writers: some }) }) as SyncToken) // all stream names are in

describe('sync tokens', () => {
  test('are short', () => {
    expect(formatSyncToken(startToken)).toBe('s1_e0')
    expect(formatSyncToken({ ...startToken, events: 12, typing: 3, writers: { events: { w2: 9, w3: 10 } } })).toBe(
      's1_e12-w2:9-w3:10.t3',
    )
  })

  test('come back from their text as they were', () => {
    fc.assert(fc.property(token, (given) => expect(parseSyncToken(formatSyncToken(given))).toEqual(given)))
  })

  test('keep what is known of a text with streams of a later version', () => {
    expect(parseSyncToken('s1_e5.zz9-w:3.d4')).toEqual({ ...startToken, events: 5, to_device: 4 })
  })

  test.each([
    '',
    's1_',
    's2_e5',
    'e5',
    's1_e',
    's1_e-5',
    's1_e5.',
    's1_e5 ',
    's1_e5-w',
    's1_e9999999999999999',
    's1_e1.5',
  ])('%j is none', (text) => expect(parseSyncToken(text)).toBeUndefined())

  test('tell the position of a writer, which is the common one unless an exception is named', () => {
    const some: SyncToken = { ...startToken, events: 7, writers: { events: { w2: 5 } } }
    expect([positionOf(some, 'events', 'w2'), positionOf(some, 'events', 'toString')]).toEqual([5, 7])
  })
})

describe('pagination tokens', () => {
  test('come back from their text as they were', () => {
    const place = fc.oneof(fc.record({ depth: position, stream: fc.maxSafeInteger() }), fc.record({ stream: position }))
    fc.assert(fc.property(place, (given) => expect(parsePaginationToken(formatPaginationToken(given))).toEqual(given)))
  })

  test('may be sync tokens', () => {
    expect(parsePaginationToken('s1_e12.r3')).toEqual({ stream: 12 })
    expect(parsePaginationToken('t4_-7')).toEqual({ depth: 4, stream: -7 })
  })

  test.each(['', 't', 't5', 't5_', 't-5_3', 't5_3_1', 't9999999999999999_1', 'x5_3'])('%j is none', (text) =>
    expect(parsePaginationToken(text)).toBeUndefined(),
  )
})

test('no text crashes the parsers (P17)', () => {
  const near = fc.stringMatching(/^[st][0-9]{0,2}_?[a-z0-9.:_-]*$/)
  fc.assert(
    fc.property(fc.oneof(fc.string(), near), (text) => {
      const parsed = parseSyncToken(text)
      if (parsed) expect(parseSyncToken(formatSyncToken(parsed))).toEqual(parsed)
      parsePaginationToken(text)
    }),
  )
})
