import { randomInt } from 'node:crypto'
import { expect, test } from '@jest/globals'
import { hasTone, isSilent, strengthOf, toneFrom } from './tone.ts'

test('a tone is told from silence, from noise and from other tones', () => {
  const tone = toneFrom(12_345, 24_000, 440)
  expect(strengthOf(tone, 440)).toBeGreaterThan(7_900)
  expect(hasTone(tone, 440)).toBe(true)
  expect(hasTone(toneFrom(0, 24_000, 1_000), 440)).toBe(false)
  expect(hasTone(new Int16Array(24_000), 440)).toBe(false)
  const noise = Int16Array.from({ length: 24_000 }, () => randomInt(-8_000, 8_000))
  expect(hasTone(noise, 440)).toBe(false)
  expect([new Int16Array(480), tone].map(isSilent)).toEqual([true, false])
})
