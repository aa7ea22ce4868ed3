import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../test/support/databases.ts'
import { Database } from './database.ts'
import { GroupCommit } from './group-commit.ts'

forEachDatabase(({ freshUrl }) => {
  test('what arrives together is written together, and a failure hits only its own item', async () => {
    await using database = await Database.open({ url: await freshUrl() })
    const batches: number[][] = []
    const commits = new GroupCommit<number, number>({
      database,
      name: 'test',
      write: (_, items) => {
        batches.push([...items])
        if (items.includes(3)) throw new Error('three')
        return Promise.resolve(items.map((item) => item * 2))
      },
    })
    const results = await Promise.allSettled([1, 2, 3, 4].map((item) => commits.add(item)))
    expect(results.map((result) => (result.status === 'fulfilled' ? result.value : 'failed'))).toEqual([
      2,
      4,
      'failed',
      8,
    ])
    expect(batches.filter((batch) => batch.length > 1)).toHaveLength(1)
    expect(await commits.add(5)).toBe(10)
  })
})
