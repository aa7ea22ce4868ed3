import { stat } from 'node:fs/promises'
import { expect, test } from '@jest/globals'
import { hasCode, messageOf } from './caught.ts'

test('a file that is not there is told by its code', async () => {
  const error: unknown = await stat('/nowhere').catch((thrown: unknown) => thrown)
  expect([hasCode(error, 'ENOENT'), hasCode(error, 'EXDEV', 'ENOENT'), hasCode(error, 'EXDEV')]).toEqual([
    true,
    true,
    false,
  ])
})

test.each([undefined, null, 'ENOENT', 7, {}, new Error('ENOENT')])('%p has no code', (thrown) => {
  expect(hasCode(thrown, 'ENOENT', 'undefined')).toBe(false)
})

test('whatever was thrown says something', () => {
  expect([new TypeError('wrong'), 'text', undefined].map(messageOf)).toEqual(['wrong', 'text', 'undefined'])
})
