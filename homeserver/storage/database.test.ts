import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../test/support/databases.ts'
import { Database } from './database.ts'

forEachDatabase(({ freshUrl }) => {
  test('however many write the same row or make the next one at once, all of them get through', async () => {
    await using database = await Database.open({ url: await freshUrl() })
    await database.transaction('prepare', async (tx) => {
      await tx.run('create table counters (id integer primary key, count integer not null)')
      await tx.run('insert into counters (id, count) values (1, 0)')
    })
    const add = async (): Promise<void> =>
      await database.transaction('count', async (tx) => {
        const { count = 0 } = (await tx.row<{ count: number }>('select count from counters where id = 1')) ?? {}
        await tx.run('update counters set count = ? where id = 1', [count + 1])
      })
    await Promise.all(Array.from({ length: 100 }, add))
    expect(await database.row('select count from counters')).toEqual({ count: 100 })

    const append = async (): Promise<void> =>
      await database.transaction('append', async (tx) => {
        const { last = 0 } = (await tx.row<{ last: number }>('select max(id) as last from counters')) ?? {}
        await tx.run('insert into counters (id, count) values (?, 0)', [last + 1])
      })
    await Promise.all(Array.from({ length: 100 }, append))
    expect(await database.row('select max(id) as last from counters')).toEqual({ last: 101 })
  })

  test('a transaction that goes on after a statement of it has failed says so, or has written what it says', async () => {
    await using database = await Database.open({ url: await freshUrl() })
    await database.transaction('prepare', (tx) => tx.run('create table notes (id integer primary key)'))
    const outcome = await database
      .transaction('take no notice', async (tx) => {
        await tx.run('insert into notes (id) values (1)')
        await tx.run('insert into nowhere (id) values (1)').catch(() => undefined)
      })
      .then(
        () => 1,
        () => 0,
      )
    expect(await database.rows('select id from notes')).toHaveLength(outcome)
  })
})
