import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { startServer } from '../../../test/support/server.ts'

const path = (alias: string) => `/directory/room/${encodeURIComponent(alias)}`

forEachDatabase(({ dialect }) => {
  test('an alias leads to its room until who made it removes it, and with it the canonical alias goes', async () => {
    await using server = await startServer({ database: dialect })
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const room = await alice.createRoom({ preset: 'public_chat', room_alias_name: 'tea' })
    expect(await bob.get(path('#tea:hs.test'))).toEqual({ room_id: room, servers: ['hs.test'] })
    expect(await alice.refusal('PUT', path('#tea:hs.test'), { room_id: room })).toEqual({
      status: 409,
      errcode: 'M_UNKNOWN',
    })
    expect(await alice.refusal('POST', '/createRoom', { room_alias_name: 'tea' })).toEqual({
      status: 400,
      errcode: 'M_ROOM_IN_USE',
    })
    expect(await bob.refusal('DELETE', path('#tea:hs.test'))).toEqual({ status: 403, errcode: 'M_FORBIDDEN' })
    expect(await alice.get(`/rooms/${room}/aliases`)).toEqual({ aliases: ['#tea:hs.test'] })
    await alice.ok('DELETE', path('#tea:hs.test'))
    expect(await bob.refusal('GET', path('#tea:hs.test'))).toEqual({ status: 404, errcode: 'M_NOT_FOUND' })
    expect(await alice.get(`/rooms/${room}/state/m.room.canonical_alias`)).toEqual({})
  })

  test('aliases of other servers, malformed ones and those of unknown rooms are refused', async () => {
    await using server = await startServer({ database: dialect })
    const alice = await server.register('alice')
    const room = await alice.createRoom()
    const put = (alias: string, roomId: string) => alice.refusal('PUT', path(alias), { room_id: roomId })
    expect(await put('#tea:elsewhere.test', room)).toEqual({ status: 400, errcode: 'M_INVALID_PARAM' })
    expect(await put('tea', room)).toEqual({ status: 400, errcode: 'M_INVALID_PARAM' })
    expect(await put('#tea:hs.test', 'room')).toEqual({ status: 400, errcode: 'M_INVALID_PARAM' })
    expect(await put('#tea:hs.test', '!nowhere:hs.test')).toEqual({ status: 404, errcode: 'M_NOT_FOUND' })
  })

  test('the list of public rooms is walked in pages both ways, and searched by name and type', async () => {
    await using server = await startServer({ database: dialect })
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const rooms: string[] = []
    for (const name of ['One', 'Two', 'Three %']) {
      rooms.push(await alice.createRoom({ visibility: 'public', name, topic: `about ${name}` }))
    }
    const space = await alice.createRoom({ visibility: 'public', name: 'Space', creation_content: { type: 'm.space' } })
    await bob.post(`/rooms/${rooms[1]}/join`)

    const all = (await bob.get('/publicRooms'))['chunk'] as { room_id: string; num_joined_members: number }[]
    expect(all).toHaveLength(4)
    expect(all[0]).toMatchObject({ room_id: rooms[1], num_joined_members: 2, name: 'Two', join_rule: 'public' })
    const seen: string[] = []
    let page = await bob.get('/publicRooms?limit=2')
    expect(page['prev_batch']).toBeUndefined()
    seen.push(...page['chunk'].map((room: { room_id: string }) => room.room_id))
    const back = await bob.get(`/publicRooms?limit=2&since=${page['next_batch']}`)
    seen.push(...back['chunk'].map((room: { room_id: string }) => room.room_id))
    expect(seen).toEqual(all.map((room) => room.room_id))
    expect(back['next_batch']).toBeUndefined()
    page = await bob.get(`/publicRooms?limit=2&since=${back['prev_batch']}`)
    expect(page['chunk'].map((room: { room_id: string }) => room.room_id)).toEqual(seen.slice(0, 2))

    const search = async (filter: object) =>
      (await bob.post('/publicRooms', { filter }))['chunk'].map((room: { room_id: string }) => room.room_id)
    expect(await search({ generic_search_term: '%' })).toEqual([rooms[2]])
    expect(await search({ generic_search_term: 'ABOUT t' })).toEqual([rooms[1], rooms[2]])
    expect(await search({ room_types: ['m.space'] })).toEqual([space])
    expect(await search({ room_types: [null], generic_search_term: 'one' })).toEqual([rooms[0]])
    expect(await bob.refusal('GET', '/publicRooms?since=garbage')).toEqual({ status: 400, errcode: 'M_INVALID_PARAM' })
  })

  test('a space shows its children in their order, and only those the user may know of', async () => {
    await using server = await startServer({ database: dialect })
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const make = (name: string, options: object = {}) => alice.createRoom({ preset: 'public_chat', name, ...options })
    const space = await make('Space', { creation_content: { type: 'm.space' } })
    const inner = await make('Inner', { creation_content: { type: 'm.space' } })
    const [a, b] = [await make('A'), await make('B')]
    const hidden = await alice.createRoom({ name: 'Hidden' })
    const child = (parent: string, room: string, order: string, more: object = {}) =>
      alice.setState(parent, 'm.space.child', { via: ['hs.test'], order, ...more }, room)
    await child(space, inner, '2')
    await child(space, b, '1', { suggested: true })
    await child(space, hidden, '0')
    await child(inner, a, '1')
    await child(inner, space, '2') // a circle

    const names = async (client: typeof bob, query = '') =>
      (await client.get(`/_matrix/client/v1/rooms/${space}/hierarchy${query}`))['rooms'].map(
        (room: { name: string }) => room.name,
      )
    expect(await names(alice)).toEqual(['Space', 'Hidden', 'B', 'Inner', 'A'])
    expect(await names(bob)).toEqual(['Space', 'B', 'Inner', 'A'])
    expect(await names(bob, '?max_depth=1')).toEqual(['Space', 'B', 'Inner'])
    expect(await names(bob, '?suggested_only=true')).toEqual(['Space', 'B'])
    const first = await bob.get(`/_matrix/client/v1/rooms/${space}/hierarchy?limit=2`)
    expect(await names(bob, `?limit=2&from=${first['next_batch']}`)).toEqual(['Inner', 'A'])
    expect(await bob.refusal('GET', `/_matrix/client/v1/rooms/${hidden}/hierarchy`)).toEqual({
      status: 403,
      errcode: 'M_FORBIDDEN',
    })
  })

  test('T75: a summary tells of a private room only to those who may join it', async () => {
    await using server = await startServer({ database: dialect })
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const room = await alice.createRoom({ name: 'Private' })
    const summary = `/_matrix/client/v1/room_summary/${room}`
    expect(await alice.get(summary)).toMatchObject({ name: 'Private', membership: 'join', room_version: '12' })
    expect(await bob.refusal('GET', summary)).toEqual({ status: 404, errcode: 'M_NOT_FOUND' })
    await alice.post(`/rooms/${room}/invite`, { user_id: bob.userId })
    expect(await bob.get(summary)).toMatchObject({ membership: 'invite', num_joined_members: 1 })
    expect(await server.client().refusal('GET', summary)).toEqual({ status: 404, errcode: 'M_NOT_FOUND' })
    const open = await alice.createRoom({ preset: 'public_chat', room_alias_name: 'open' })
    const byAlias = `/_matrix/client/v1/room_summary/${encodeURIComponent('#open:hs.test')}`
    expect(await server.client().get(byAlias)).toMatchObject({ room_id: open, join_rule: 'public' })
  })

  test('people are found by those who share a room with them or could meet them in an open one', async () => {
    await using server = await startServer({ database: dialect })
    const [alice, bob, eve] = [
      await server.register('alice'),
      await server.register('bob'),
      await server.register('eve'),
    ]
    await alice.put(`/profile/${alice.userId}/displayname`, { displayname: 'Alice Liddell' })
    const search = async (client: typeof bob, term: string) =>
      (await client.post('/user_directory/search', { search_term: term }))['results'].map(
        (user: { user_id: string }) => user.user_id,
      )
    expect(await search(bob, 'liddell')).toEqual([])
    const room = await alice.createRoom()
    await alice.post(`/rooms/${room}/invite`, { user_id: bob.userId })
    await bob.post(`/rooms/${room}/join`)
    expect(await search(bob, 'LIDDELL')).toEqual([alice.userId])
    expect(await search(eve, 'liddell')).toEqual([])
    expect(await bob.get(`/_matrix/client/v1/mutual_rooms?user_id=${alice.userId}`)).toMatchObject({ joined: [room] })
    await alice.createRoom({ preset: 'public_chat' })
    expect(await search(eve, 'liddell')).toEqual([alice.userId])
  })
})
