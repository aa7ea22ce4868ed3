import { expect, jest, test } from '@jest/globals'
import { forEachDatabase } from '../support/databases.ts'
import { soak } from './soak.ts'

jest.setTimeout(180_000) // every kill is a start of the program

forEachDatabase(({ freshUrl }) => {
  test('cases 1, 2, 6, 10 and 45: whatever fails and whoever dies, all messages arrive, once and in order', async () => {
    const figures = await soak({ databaseUrl: await freshUrl(), messages: 60, groups: 3, kills: 2 })
    expect(figures).toMatchObject({ toMatrix: 60, toTelegram: 60, lost: 0, doubled: 0, disordered: 0 })
    expect(figures.faults).toBeGreaterThan(0)
  })
})
