import { expect, test } from '@jest/globals'
import { Database } from '../../homeserver/storage/database.ts'
import { forEachDatabase } from './databases.ts'

forEachDatabase(({ dialect, freshUrl }) => {
  test('a fresh database is empty, whatever was written to another', async () => {
    const [one, other] = await Promise.all([freshUrl(), freshUrl()])
    for (const url of [one, other]) {
      await using db = await Database.open({ url })
      expect(db.dialect).toBe(dialect)
      await db.transaction('make a table', (tx) => tx.run('create table notes (words text)'))
      expect(await db.rows('select * from notes')).toEqual([])
      await db.transaction('write', (tx) => tx.run('insert into notes values (?)', ['hello']))
    }
  })
})
