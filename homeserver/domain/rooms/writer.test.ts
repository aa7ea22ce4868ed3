import { randomBytes } from 'node:crypto'
import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { Heart } from '../../../test/support/heart.ts'
import { FakeClock } from '../../platform/fake-clock.ts'
import type { PushEvaluation } from './commit.ts'

const alice = '@alice:hs.test'

/** Fails for the events of one type, as a database may that finds something wrong with them. */
const failing = (): PushEvaluation => ({
  evaluate: (_, built) =>
    built.some(({ pdu }) => pdu.type === 'test.bad')
      ? Promise.reject(new Error('something is wrong with it'))
      : Promise.resolve(built.map(() => null)),
})

forEachDatabase(({ freshUrl }) => {
  test('rooms that one user makes at the same moment are different rooms', async () => {
    await using heart = await Heart.open(await freshUrl(), { clock: new FakeClock() })
    const rooms = await Promise.all(Array.from({ length: 5 }, () => heart.create('@alice:hs.test')))
    expect(new Set(rooms).size).toBe(5)
  })

  test('an event that cannot be written takes down what was built on it, and nothing of other rooms', async () => {
    await using heart = await Heart.open(await freshUrl(), { push: failing })
    const [room, other] = [await heart.create(alice), await heart.create(alice)]
    const outcomes = await Promise.allSettled([
      heart.send(room, alice, 'before'),
      heart.send(other, alice, 'elsewhere'),
      heart.send(room, alice, { type: 'test.bad' }),
      heart.send(room, alice, 'after'),
      heart.send(other, alice, 'elsewhere again'),
    ])
    expect(outcomes.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'rejected',
      'rejected',
      'fulfilled',
    ])
    await heart.send(room, alice, 'the room goes on')
  })

  test('a relation of any length is no trouble', async () => {
    await using heart = await Heart.open(await freshUrl())
    const room = await heart.create(alice)
    const target = await heart.send(room, alice, 'target')
    const relation = { rel_type: randomBytes(10_000).toString('base64'), event_id: target }
    await heart.send(room, alice, { content: { body: 'related', 'm.relates_to': relation } })
  })
})
