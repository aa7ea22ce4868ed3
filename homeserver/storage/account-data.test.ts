import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../test/support/databases.ts'
import {
  accountDataUsage,
  findAccountData,
  listAccountData,
  listAccountDataOfUsers,
  listRoomAccountData,
  setAccountData,
} from './account-data.ts'
import { Database } from './database.ts'
import { migrate } from './migrate.ts'

forEachDatabase(({ freshUrl }) => {
  test('deleted account data is told to those who may have it', async () => {
    await using database = await Database.open({ url: await freshUrl() })
    await migrate(database)
    const alice = { user_id: '@alice:hs.test', room_id: '', type: 'a' } as const
    const room = { ...alice, room_id: '!room:hs.test' } as const
    await database.transaction('test', (tx) =>
      setAccountData(tx, [
        { ...alice, content: '{"value":1}', stream_id: 1 },
        { ...room, content: '{"value":2}', stream_id: 2 },
      ]),
    )
    expect(await findAccountData(database, alice)).toBe('{"value":1}')
    await database.transaction('test', (tx) => setAccountData(tx, [{ ...alice, content: '', stream_id: 3 }]))
    expect(await findAccountData(database, alice)).toBeUndefined()
    expect(await listAccountData(database, alice.user_id, undefined, 3)).toEqual([
      { ...room, content: '{"value":2}', stream_id: 2 },
    ])
    expect(await listAccountData(database, alice.user_id, 0, 3)).toHaveLength(2)
    expect(await listAccountData(database, alice.user_id, 2, 3)).toEqual([{ ...alice, content: '{}', stream_id: 3 }])
    expect(await listRoomAccountData(database, alice.user_id, room.room_id)).toHaveLength(1)
    expect(await listAccountDataOfUsers(database, 'a', [alice.user_id])).toEqual(new Map())
    expect(await accountDataUsage(database, alice.user_id)).toEqual({ entries: 2, characters: 11 })
  })
})
