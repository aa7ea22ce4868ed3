import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { startServer } from '../../../test/support/server.ts'

type Json = Record<string, any> // eslint-disable-line -- answers are looked into freely by tests

const at = (roomId: string, rest: string): string => `/rooms/${encodeURIComponent(roomId)}/${rest}`
const forbidden = { status: 403, errcode: 'M_FORBIDDEN' }

forEachDatabase(({ dialect }) => {
  test('the same state set twice is one event, by the same user', async () => {
    await using server = await startServer({ database: dialect })
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await alice.createRoom({
      preset: 'public_chat',
      power_level_content_override: { events: { 'm.room.name': 0 } },
    })
    await bob.post(at(roomId, 'join'))
    const first = await alice.setState(roomId, 'm.room.name', { name: 'Den' })
    expect(await alice.setState(roomId, 'm.room.name', { name: 'Den' })).toBe(first)
    expect(await bob.setState(roomId, 'm.room.name', { name: 'Den' })).not.toBe(first)
  })

  test('an empty state key can be left out, with its slash and without', async () => {
    await using server = await startServer({ database: dialect })
    const alice = await server.register('alice')
    const roomId = await alice.createRoom()
    const ids = []
    for (const path of ['state/m.room.topic', 'state/m.room.topic/']) {
      ids.push((await alice.put(at(roomId, path), { topic: 'tea' }))['event_id'])
      expect(await alice.get(at(roomId, path))).toEqual({ topic: 'tea' })
    }
    expect(ids[1]).toBe(ids[0])
    expect(await alice.get(at(roomId, 'state/m.room.topic?format=event'))).toMatchObject({
      type: 'm.room.topic',
      state_key: '',
      sender: alice.userId,
      room_id: roomId,
      event_id: ids[0],
    })
    expect(await alice.refusal('GET', at(roomId, 'state/m.room.avatar'))).toEqual({
      status: 404,
      errcode: 'M_NOT_FOUND',
    })
  })

  test('who has left sees the room as it was then, and strangers nothing unless the world may', async () => {
    await using server = await startServer({ database: dialect })
    const [alice, bob, carol] = [
      await server.register('alice'),
      await server.register('bob'),
      await server.register('carol'),
    ]
    const roomId = await alice.createRoom({ preset: 'public_chat', name: 'before' })
    await bob.post(at(roomId, 'join'))
    await bob.post(at(roomId, 'leave'))
    await alice.setState(roomId, 'm.room.name', { name: 'after' })
    await alice.setState(roomId, 'm.room.topic', { topic: 'new' })
    await carol.post(at(roomId, 'join'))
    await carol.post(at(roomId, 'leave'))
    expect(await bob.get(at(roomId, 'state/m.room.name'))).toEqual({ name: 'before' })
    expect(await bob.refusal('GET', at(roomId, 'state/m.room.topic'))).toMatchObject({ status: 404 })
    const state = (await bob.get(at(roomId, 'state'))) as unknown as Json[]
    expect(new Set(state.filter(({ type }) => type === 'm.room.member').map((event) => event['state_key']))).toEqual(
      new Set([alice.userId, bob.userId]),
    )
    const { chunk } = await bob.get(at(roomId, 'members'))
    expect(
      Object.fromEntries((chunk as Json[]).map((event) => [event['state_key'], event['content']['membership']])),
    ).toEqual({
      [alice.userId]: 'join',
      [bob.userId]: 'leave',
    })

    const dave = await server.register('dave')
    expect(await bob.refusal('GET', at(roomId, 'joined_members'))).toEqual(forbidden)
    for (const path of ['state', 'state/m.room.name', 'members', 'joined_members']) {
      expect(await dave.refusal('GET', at(roomId, path))).toEqual(forbidden)
    }
    await alice.setState(roomId, 'm.room.history_visibility', { history_visibility: 'world_readable' })
    expect(await dave.get(at(roomId, 'state/m.room.name'))).toEqual({ name: 'after' })
    expect(Object.keys((await dave.get(at(roomId, 'joined_members')))['joined'])).toEqual([alice.userId])
  })

  test('members are listed by their membership, now and at a place before', async () => {
    await using server = await startServer({ database: dialect })
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await alice.createRoom({ preset: 'public_chat' })
    const member = await server.server.services.members.find(roomId as `!${string}`, alice.userId as `@${string}:test`)
    await bob.post(at(roomId, 'join'))
    await bob.post(at(roomId, 'leave'))
    const list = async (query: string): Promise<string[]> =>
      ((await alice.get(at(roomId, `members${query}`)))['chunk'] as Json[])
        .map((event) => event['state_key'] as string)
        .toSorted((a, b) => (a < b ? -1 : 1))
    expect(await list('')).toEqual([alice.userId, bob.userId])
    expect(await list('?membership=join')).toEqual([alice.userId])
    expect(await list('?membership=leave')).toEqual([bob.userId])
    expect(await list('?not_membership=leave')).toEqual([alice.userId])
    expect(await list(`?at=s1_e${member?.stream_id}`)).toEqual([alice.userId])
    expect(await list('?at=s1_e0')).toEqual([alice.userId])
    expect(await alice.refusal('GET', at(roomId, 'members?at=yesterday'))).toEqual({
      status: 400,
      errcode: 'M_INVALID_PARAM',
    })
    expect(await alice.get(at(roomId, 'joined_members'))).toEqual({
      joined: { [alice.userId]: { display_name: 'alice', avatar_url: null } },
    })
  })

  test('a canonical alias must lead to the room', async () => {
    await using server = await startServer({ database: dialect })
    const alice = await server.register('alice')
    const [one, two] = [await alice.createRoom(), await alice.createRoom({ room_alias_name: 'two' })]
    const set = (content: object): Promise<object> =>
      alice.refusal('PUT', at(one, 'state/m.room.canonical_alias'), content)
    const badAlias = { status: 400, errcode: 'M_BAD_ALIAS' }
    expect(await set({ alias: '#two:hs.test' })).toEqual(badAlias)
    expect(await set({ alt_aliases: ['#nothing:hs.test'] })).toEqual(badAlias)
    const noAlias = { status: 400, errcode: 'M_INVALID_PARAM' }
    for (const content of [{ alias: 'two' }, { alias: {} }, { alt_aliases: [5] }, { alt_aliases: '#two' }]) {
      expect(await set(content)).toEqual(noAlias)
    }
    await alice.put('/directory/room/%23one:hs.test', { room_id: one })
    await alice.setState(one, 'm.room.canonical_alias', { alias: '#one:hs.test' })
    await alice.setState(two, 'm.room.canonical_alias', {})
    expect(await alice.get(at(one, 'state/m.room.canonical_alias'))).toEqual({ alias: '#one:hs.test' })
  })

  test('nobody shuts their own server out, turns encryption off or makes the room anew', async () => {
    await using server = await startServer({ database: dialect })
    const alice = await server.register('alice')
    const roomId = await alice.createRoom()
    const put = (type: string, content: object | string): Promise<object> =>
      alice.refusal('PUT', at(roomId, `state/${type}`), content)
    const invalid = { status: 400, errcode: 'M_INVALID_PARAM' }
    for (const acl of [{}, { allow: ['other.test'] }, { allow: ['*'], deny: ['hs.*'] }]) {
      expect(await put('m.room.server_acl', acl)).toEqual(invalid)
    }
    await alice.setState(roomId, 'm.room.server_acl', { allow: ['*'], deny: ['evil.test'] })
    await alice.setState(roomId, 'm.room.encryption', { algorithm: 'm.megolm.v1.aes-sha2' })
    expect(await put('m.room.encryption', {})).toEqual(forbidden)
    expect(await put('m.room.create', { room_version: '11' })).toEqual({ status: 400, errcode: 'M_BAD_JSON' })
    expect(await put('m.room.power_levels', { users: { [alice.userId]: 100 } })).toEqual({
      status: 400,
      errcode: 'M_BAD_JSON',
    })
    expect(await put('m.room.power_levels', '{"users":{"@b:hs.test":9007199254740992}}')).toEqual({
      status: 400,
      errcode: 'M_BAD_JSON',
    })
    expect(await put('constructor', { a: 1.5 })).toEqual({ status: 400, errcode: 'M_BAD_JSON' })
  })

  test('a member event set as state is a change of membership', async () => {
    await using server = await startServer({ database: dialect })
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await alice.createRoom({ preset: 'public_chat' })
    const member = (userId: string): string => at(roomId, `state/m.room.member/${encodeURIComponent(userId)}`)
    await bob.put(member(bob.userId), { membership: 'join', displayname: 'Bobby' })
    expect(await alice.get(member(bob.userId))).toEqual({ membership: 'join', displayname: 'Bobby' })
    expect(await alice.refusal('PUT', member(bob.userId), { membership: 'join' })).toEqual(forbidden)
    await alice.put(member(bob.userId), { membership: 'ban' })
    expect(await bob.get('/joined_rooms')).toEqual({ joined_rooms: [] })
    expect(await alice.refusal('PUT', member(bob.userId), { membership: 'guest' })).toEqual(forbidden)
    expect(await alice.refusal('PUT', member('bob'), { membership: 'invite' })).toEqual({
      status: 400,
      errcode: 'M_BAD_JSON',
    })
  })

  test('everybody takes part in calls for themselves alone, and moderators clear up', async () => {
    await using server = await startServer({ database: dialect })
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await alice.createRoom({ preset: 'public_chat' })
    await bob.post(at(roomId, 'join'))
    const path = (key: string): string => at(roomId, `state/org.matrix.msc3401.call.member/${encodeURIComponent(key)}`)
    await bob.put(path(`_${bob.userId}_PHONE_m.call`), { application: 'm.call' })
    await bob.put(path(bob.userId), { memberships: [] })
    for (const key of [`_${alice.userId}_PHONE_m.call`, alice.userId, 'anything', '']) {
      expect(await bob.refusal('PUT', path(key), {})).toEqual(forbidden)
    }
    await alice.put(path(`_${bob.userId}_PHONE_m.call`), {})
  })
})
