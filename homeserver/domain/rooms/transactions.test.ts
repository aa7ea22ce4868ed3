import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { Heart } from '../../../test/support/heart.ts'
import type { EventId } from '../../core/ids.ts'
import { FakeClock } from '../../platform/fake-clock.ts'
import { Transactions } from './transactions.ts'

const alice = '@alice:hs.test'
const HOUR_MS = 3_600_000

forEachDatabase(({ freshUrl }) => {
  test('a transaction id means one event for a day, also after a restart, and can then be used again', async () => {
    const clock = new FakeClock()
    await using heart = await Heart.open(await freshUrl(), { clock })
    const roomId = await heart.create(alice)
    const send = async (transactions: Transactions): Promise<EventId> =>
      await transactions.once(alice, 'DEV', roomId, '1', () =>
        heart.send(roomId, alice, { transaction: { device: 'DEV', id: '1' } }),
      )
    const [before, after] = [new Transactions(heart), new Transactions(heart)]
    const first = await send(before)
    expect(await Promise.all([send(before), send(after)])).toEqual([first, first])

    await clock.advance(25 * HOUR_MS)
    const second = await send(new Transactions(heart))
    expect(second).not.toBe(first)
    expect(await send(new Transactions(heart))).toBe(second)
  })
})
