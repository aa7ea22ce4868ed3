import { expect, test } from '@jest/globals'
import { freshDatabaseUrl } from '../../../test/support/databases.ts'
import { Heart } from '../../../test/support/heart.ts'
import { FakeClock } from '../../platform/fake-clock.ts'
import { Notifier } from './notifier.ts'

const alice = '@alice:hs.test'
const bob = '@bob:hs.test'
const timeoutMs = 30_000
const { signal } = new AbortController()

async function setUp(): Promise<{ heart: Heart; clock: FakeClock; notifier: Notifier }> {
  const clock = new FakeClock()
  const heart = await Heart.open(await freshDatabaseUrl('sqlite'), { clock })
  const { bus, streams, members } = heart
  return { heart, clock, notifier: new Notifier({ bus, streams, members, clock }) }
}

test('a long poll wakes for news of a room the user is in, and for no other', async () => {
  const { heart, clock, notifier } = await setUp()
  await using _ = heart
  const [hers, his] = [await heart.create(alice), await heart.create(bob)]
  await heart.members.roomsOf(alice)
  const since = heart.streams.positions()
  const waiting = notifier.wait({ userId: alice, since, timeoutMs, signal })
  await heart.send(his, bob)
  await clock.advance(1)
  expect(notifier.waiting).toBe(1)
  await heart.send(hers, alice)
  expect(await waiting).toBe(true)
  expect(notifier.waiting).toBe(0)
  expect(clock.pending).toBe(0)
})

test('a long poll wakes when the user himself is concerned', async () => {
  const { heart, notifier } = await setUp()
  await using _ = heart
  const roomId = await heart.create(alice)
  const waiting = notifier.wait({ userId: bob, since: heart.streams.positions(), timeoutMs, signal })
  await heart.member(roomId, bob, 'invite', alice)
  expect(await waiting).toBe(true)
})

test('what came between reading and waiting is not missed', async () => {
  const { heart, notifier } = await setUp()
  await using _ = heart
  const roomId = await heart.create(alice)
  await heart.members.roomsOf(alice)
  const since = heart.streams.positions()
  await heart.send(roomId, alice)
  expect(await notifier.wait({ userId: alice, since, timeoutMs, signal })).toBe(true)
  expect(await notifier.wait({ userId: bob, since, timeoutMs: 0, signal })).toBe(false)
})

test('a long poll ends when its time is up or its client is gone', async () => {
  const { heart, clock, notifier } = await setUp()
  await using _ = heart
  await heart.members.roomsOf(alice)
  const since = heart.streams.positions()
  const inTime = notifier.wait({ userId: alice, since, timeoutMs, signal })
  await clock.advance(timeoutMs)
  expect(await inTime).toBe(false)
  const leaving = new AbortController()
  const given = notifier.wait({ userId: alice, since, timeoutMs, signal: leaving.signal })
  await clock.advance(1)
  leaving.abort(new Error('gone'))
  await expect(given).rejects.toThrow('gone')
  expect([notifier.waiting, clock.pending]).toEqual([0, 0])
})
