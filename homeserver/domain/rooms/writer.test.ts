import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { Heart } from '../../../test/support/heart.ts'
import { FakeClock } from '../../platform/fake-clock.ts'

forEachDatabase(({ freshUrl }) => {
  test('rooms that one user makes at the same moment are different rooms', async () => {
    await using heart = await Heart.open(await freshUrl(), { clock: new FakeClock() })
    const rooms = await Promise.all(Array.from({ length: 5 }, () => heart.create('@alice:hs.test')))
    expect(new Set(rooms).size).toBe(5)
  })
})
