import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { Heart } from '../../../test/support/heart.ts'
import type { RoomId, UserId } from '../../core/ids.ts'
import { UserSearch } from './user-search.ts'

const [alice, amy]: readonly [UserId, UserId] = ['@alice:hs.test', '@amy:hs.test']
const [bob, bill]: readonly [UserId, UserId] = ['@bob:b.test', '@bill:b.test']

async function called(heart: Heart, roomId: RoomId, userId: UserId, name: string): Promise<void> {
  const content = { membership: 'join', displayname: name }
  await heart.send(roomId, userId, { type: 'm.room.member', stateKey: userId, content })
}

/** As registration does. */
async function register({ database }: Heart, ...users: readonly UserId[]): Promise<void> {
  await database.transaction('register', async (tx) => {
    for (const userId of users) await tx.run('insert into accounts (user_id, created_ts) values (?, 0)', [userId])
  })
}

forEachDatabase(({ freshUrl }) => {
  test('people of other servers are found by those who share a room with them, under the name they have there', async () => {
    await using heart = await Heart.open(await freshUrl())
    await register(heart, alice, amy)
    const search = async (searcher: UserId, term: string): Promise<unknown> => {
      const { results } = (await new UserSearch(heart).search(searcher, term, 10)) as { results: object[] }
      return results
    }
    const [hers, theirs] = [await heart.create(alice), await heart.create(amy)]
    for (const roomId of [hers, theirs]) await heart.member(roomId, bob, 'join')
    await called(heart, hers, bob, 'Robert')
    await called(heart, theirs, bob, 'Bobby')
    expect(await search(alice, 'ROBERT')).toEqual([{ user_id: bob, display_name: 'Robert' }])
    expect(await search(alice, 'bobby')).toEqual([])
    expect(await search(alice, 'b.test')).toEqual([{ user_id: bob, display_name: 'Robert' }])
    await heart.member(hers, bob, 'leave')
    expect(await search(alice, 'b.test')).toEqual([])
  })

  test('people of this server come first, the searcher among them if he is in an open room, and what is more than the limit is left out', async () => {
    await using heart = await Heart.open(await freshUrl())
    await register(heart, alice, amy)
    const roomId = await heart.create(alice)
    for (const userId of [bob, bill, amy]) await heart.member(roomId, userId, 'join')
    const search = async (limit: number): Promise<object> => await new UserSearch(heart).search(alice, 'test', limit)
    const all = [alice, amy, bill, bob].map((user_id) => ({ user_id }))
    expect(await search(4)).toEqual({ results: all, limited: false })
    expect(await search(3)).toEqual({ results: all.slice(0, 3), limited: true })
    expect(await search(1)).toEqual({ results: all.slice(0, 1), limited: true })
    await heart.send(roomId, alice, { type: 'm.room.join_rules', stateKey: '', content: { join_rule: 'invite' } })
    expect(await search(3)).toEqual({ results: all.slice(1), limited: false })
  })
})
