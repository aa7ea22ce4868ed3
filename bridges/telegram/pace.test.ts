import { expect, test } from '@jest/globals'
import { FakeClock } from '../../homeserver/platform/fake-clock.ts'
import { Pace, TooEarlyError } from './pace.ts'

const opened = () => {
  const clock = new FakeClock()
  const pace = new Pace({ clock, groupPerMinute: 20 })
  /** How long a message to this chat has to wait; 0 if it went. */
  const waitOf = (chat: string): number => {
    try {
      return pace.take(chat)
    } catch (error) {
      if (error instanceof TooEarlyError) return error.ms
      throw error
    }
  }
  /** How many messages go in this time, each as soon as it may. */
  const sentIn = async (ms: number, chat: string): Promise<number> => {
    let sent = 0
    for (const end = clock.now() + ms; clock.now() < end;) {
      const wait = waitOf(chat)
      if (wait === 0) sent++
      else await clock.advance(wait)
    }
    return sent
  }
  return { clock, pace, waitOf, sentIn }
}

test('a group gets five messages at once and then 20 in a minute, and what is refused is not counted', async () => {
  const { waitOf, sentIn, clock } = opened()
  expect([1, 2, 3, 4, 5, 6].map(() => waitOf('-1'))).toEqual([0, 0, 0, 0, 0, 3000])
  expect(waitOf('-1')).toBe(3000)
  await clock.advance(2999)
  expect(waitOf('-1')).toBe(1)
  await clock.advance(1)
  expect(await sentIn(60_000, '-1')).toBe(20)
})

test('chats do not wait for each other, until the bot sends too many to all of them', async () => {
  const { waitOf, clock } = opened()
  for (let sent = 0; sent < 5; sent++) waitOf('-1')
  expect(waitOf('-1')).toBe(3000)
  expect(['-2', '-3', '-4', '-5', '-6'].map(waitOf)).toEqual([0, 0, 0, 0, 0])
  expect(['-7', '8', '-1'].map(waitOf)).toEqual([34, 68, 3000])
  await clock.advance(68)
  expect(waitOf('-9')).toBe(34) // one after the other, each at its own time
})

test('a person gets one in a second', async () => {
  const { sentIn, clock } = opened()
  expect(await sentIn(1000, '7')).toBe(3)
  await clock.advance(0)
  expect(await sentIn(10_000, '7')).toBe(10)
})

test('a chat that Telegram does not want to hear of rests so long, and then goes on without a burst', async () => {
  const { pace, waitOf, clock } = opened()
  pace.pause('-1', 31_000)
  expect([waitOf('-1'), waitOf('-2')]).toEqual([31_000, 0])
  await clock.advance(31_000)
  expect([waitOf('-1'), waitOf('-1')]).toEqual([0, 3000])
})
