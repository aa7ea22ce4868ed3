import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { UserId } from '../../core/ids.ts'
import { decodeNotified, encodeNotified, isIn, notifiesNobody } from './push-column.ts'

const users = Array.from({ length: 9 }, (_, n): UserId => `@user${n}:hs.test`)

test('whoever was notified or highlighted is found again, and nobody else of those who were asked', () => {
  const chosen = fc.record({ asked: fc.subarray(users), n: fc.subarray(users), h: fc.subarray(users) })
  fc.assert(
    fc.property(chosen, ({ asked, n, h }) => {
      const notified = asked.filter((user) => n.includes(user))
      const highlighted = notified.filter((user) => h.includes(user))
      const text = encodeNotified(asked, notified, highlighted)
      const read = decodeNotified(text ?? notifiesNobody)
      expect(asked.filter((user) => isIn(read.n, user))).toEqual(notified)
      expect(asked.filter((user) => isIn(read.h, user))).toEqual(highlighted)
    }),
  )
})

test('a large room takes no more space than a small one', () => {
  const many = Array.from({ length: 1000 }, (_, n): UserId => `@user${n}:hs.test`)
  expect(encodeNotified(many, many, [])).toBe('{"n":{"not":[]}}')
  expect(encodeNotified(many, many.slice(1), many.slice(0, 1))).toBe(
    '{"n":{"not":["@user0:hs.test"]},"h":["@user0:hs.test"]}',
  )
})
