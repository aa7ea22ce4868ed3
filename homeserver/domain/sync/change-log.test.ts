import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { ChangeLog } from './change-log.ts'

test('what changed since a position is known as far as memory reaches back', () => {
  const log = new ChangeLog(10, 2)
  log.record('a', 11)
  log.record('b', 12)
  log.record('a', 13)
  expect(log.changedSince(11)).toEqual(['b', 'a'])
  expect(log.changedSince(12)).toEqual(['a'])
  expect(log.changedSince(9)).toBeUndefined()
  expect(log.hasChanged('c', 10)).toBe(false)
  expect(log.hasChanged('c', 9)).toBe(true)
})

test('the log is bounded and never denies a change', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('a', 'b', 'c', 'd', 'e')), fc.nat(30), (keys, since) => {
      const log = new ChangeLog(0, 2)
      for (const [index, key] of keys.entries()) log.record(key, index + 1)
      const truth = new Set(keys.slice(since))
      const told = log.changedSince(since)
      if (told) expect(new Set(told)).toEqual(truth)
      for (const key of truth) expect(log.hasChanged(key, since)).toBe(true)
    }),
  )
})
