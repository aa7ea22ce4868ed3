/** Texts that mean something to those below us. */
import { expect, test } from '@jest/globals'
import { ConfigError, loadConfig } from '../../homeserver/config/load.ts'
import { endpoints } from '../../homeserver/http/endpoints.ts'
import { registerAdmin } from '../support/admin.ts'
import { forEachDatabase } from '../support/databases.ts'
import { startServer } from '../support/server.ts'

const fill = (path: string): string => path.replaceAll(':userId', '@x:hs.test').replaceAll(/:\w+/g, 'x')

test('T97: what is called __proto__ or constructor changes no object but itself, wherever it is sent', async () => {
  await using server = await startServer()
  const alice = await server.register('alice')
  const { token } = alice
  const names = '"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}'
  const body = `{${names},"content":{${names}},"rooms":{${names}},"filter":{${names}},"messages":{"__proto__":{}}}`
  const takers = endpoints.filter(({ method, paths }) => method !== 'GET' && !/logout|deactivate/.test(paths[0] ?? ''))
  expect(takers.length).toBeGreaterThan(100)
  for (const { method, paths } of takers) {
    const path = fill(paths[0] ?? '')
    alice.token = token
    const { status } = await alice.request(method, path, body)
    expect(`${method} ${path} ${status < 500 || status === 501}`).toBe(`${method} ${path} true`)
    expect(Object.hasOwn(Object.prototype, 'polluted')).toBe(false)
  }
  const text = '__proto__: { polluted: true }\nlimits: { __proto__: { preset: off } }'
  expect(() => loadConfig({ files: [{ name: 'a', text }], env: {}, readFile: () => '' })).toThrow(ConfigError)
  expect(({} as { polluted?: unknown }).polluted).toBeUndefined()
})

forEachDatabase(({ dialect: database }) => {
  test('T98: what is looked for is text, whatever it means in SQL', async () => {
    await using server = await startServer({ database })
    const admin = await registerAdmin(server)
    const alice = await server.register('alice')
    const odd = `100%_\\ '"; drop table accounts; --`
    const roomId = await alice.createRoom({ preset: 'public_chat', name: odd, visibility: 'public' })
    await alice.put(`/profile/${alice.userId}/displayname`, { displayname: odd })
    const users = async (term: string): Promise<string[]> => {
      const found = await alice.post('/user_directory/search', { search_term: term })
      return (found['results'] as { user_id: string }[]).map(({ user_id: id }) => id)
    }
    const rooms = async (term: string): Promise<string[]> => {
      const found = await alice.post('/publicRooms', { filter: { generic_search_term: term } })
      return (found['chunk'] as { room_id: string }[]).map(({ room_id: id }) => id)
    }
    const listed = async (term: string): Promise<number> =>
      (await admin.get(`/_synapse/admin/v2/users?name=${encodeURIComponent(term)}`))['total'] as number
    const named = async (term: string): Promise<number> =>
      (await admin.get(`/_synapse/admin/v1/rooms?search_term=${encodeURIComponent(term)}`))['total_rooms'] as number

    for (const wild of ['%x%', 'a_ice', '_____', "' or '1'='1", "x'; --", '\\%\\', '%%%']) {
      expect([wild, await users(wild), await rooms(wild), await listed(wild), await named(wild)]).toEqual([
        wild,
        [],
        [],
        0,
        0,
      ])
    }
    expect(await rooms('100%_\\')).toEqual([roomId])
    expect(await named('\'"; drop')).toBe(1)
    expect((await alice.get(`/profile/${alice.userId}/displayname`))['displayname']).toBe(odd)
  })
})
