import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { startServer } from '../../../test/support/server.ts'

const room = encodeURIComponent('!room:hs.test')

forEachDatabase(({ dialect }) => {
  test('tags are added, changed and removed one by one', async () => {
    await using server = await startServer({ database: dialect })
    const alice = await server.register('alice')
    const tags = `/user/${alice.userId}/rooms/${room}/tags`
    expect(await alice.get(tags)).toEqual({ tags: {} })
    await Promise.all([
      alice.put(`${tags}/m.favourite`, { order: 0.25, 'org.example': [] }),
      alice.put(`${tags}/u.Work`, {}),
      alice.put(`${tags}/__proto__`, {}),
    ])
    await alice.put(`${tags}/u.Work`, { order: 1 })
    await alice.ok('DELETE', `${tags}/__proto__`)
    await alice.ok('DELETE', `${tags}/u.Missing`)
    const expected = { tags: { 'm.favourite': { order: 0.25, 'org.example': [] }, 'u.Work': { order: 1 } } }
    expect(await alice.get(tags)).toEqual(expected)
    expect(await alice.get(`/user/${alice.userId}/rooms/${room}/account_data/m.tag`)).toEqual(expected)
  })

  test('a malformed tag is refused, and others cannot see tags', async () => {
    await using server = await startServer({ database: dialect })
    const [alice, bob] = await Promise.all([server.register('alice'), server.register('bob')])
    const tags = `/user/${alice.userId}/rooms/${room}/tags`
    expect(await alice.refusal('PUT', `${tags}/u.a`, { order: 'first' })).toEqual({
      status: 400,
      errcode: 'M_BAD_JSON',
    })
    expect(await bob.refusal('GET', tags)).toEqual({ status: 403, errcode: 'M_FORBIDDEN' })
    await alice.put(`/user/${alice.userId}/rooms/${room}/account_data/m.tag`, { tags: 'none' })
    expect(await alice.get(tags)).toEqual({ tags: {} })
  })
})
