import { expect, test } from '@jest/globals'
import type { Client } from '../../../test/support/client.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { startServer } from '../../../test/support/server.ts'

type Json = Record<string, any> // eslint-disable-line -- answers are looked into freely by tests

async function stateOf(client: Client, roomId: string, type: string, stateKey = ''): Promise<Json> {
  return await client.get(`/rooms/${encodeURIComponent(roomId)}/state/${type}/${encodeURIComponent(stateKey)}`)
}

forEachDatabase(({ dialect }) => {
  test('a private room is for the invited, a public one for everybody', async () => {
    await using server = await startServer({ database: dialect })
    const alice = await server.register('alice')
    const [closed, open] = await Promise.all([alice.createRoom(), alice.createRoom({ visibility: 'public' })])
    expect(await stateOf(alice, closed, 'm.room.join_rules')).toEqual({ join_rule: 'invite' })
    expect(await stateOf(alice, closed, 'm.room.guest_access')).toEqual({ guest_access: 'can_join' })
    expect(await stateOf(alice, open, 'm.room.join_rules')).toEqual({ join_rule: 'public' })
    const guestAccess = `/rooms/${encodeURIComponent(open)}/state/m.room.guest_access`
    expect(await alice.refusal('GET', guestAccess)).toEqual({ status: 404, errcode: 'M_NOT_FOUND' })
    expect(await stateOf(alice, closed, 'm.room.power_levels')).toMatchObject({ invite: 0 })
    expect(await stateOf(alice, open, 'm.room.power_levels')).toMatchObject({ invite: 50 })
    expect(await stateOf(alice, open, 'm.room.history_visibility')).toEqual({ history_visibility: 'shared' })
    expect(await alice.get(`/directory/list/room/${encodeURIComponent(open)}`)).toEqual({ visibility: 'public' })
    expect(await alice.get('/joined_rooms')).toEqual({ joined_rooms: expect.arrayContaining([closed, open]) })
  })

  test('name, topic and alias become state, and win over the initial state', async () => {
    await using server = await startServer({ database: dialect })
    const alice = await server.register('alice')
    const roomId = await alice.createRoom({
      name: 'Kitchen',
      topic: 'Who cooks?',
      room_alias_name: 'kitchen',
      initial_state: [
        { type: 'm.room.topic', content: { topic: 'Shenanigans' } },
        { type: 'm.room.join_rules', content: { join_rule: 'knock' } },
        { type: 'org.example.test', state_key: 'a', content: { n: 1 } },
      ],
    })
    expect(await stateOf(alice, roomId, 'm.room.name')).toEqual({ name: 'Kitchen' })
    expect(await stateOf(alice, roomId, 'm.room.topic')).toEqual({
      topic: 'Who cooks?',
      'm.topic': { 'm.text': [{ body: 'Who cooks?' }] },
    })
    expect(await stateOf(alice, roomId, 'm.room.join_rules')).toEqual({ join_rule: 'knock' })
    expect(await stateOf(alice, roomId, 'org.example.test', 'a')).toEqual({ n: 1 })
    expect(await stateOf(alice, roomId, 'm.room.canonical_alias')).toEqual({ alias: '#kitchen:hs.test' })
    expect(await alice.get('/directory/room/%23kitchen:hs.test')).toEqual({ room_id: roomId, servers: ['hs.test'] })
    expect(await alice.refusal('POST', '/createRoom', { room_alias_name: 'kitchen' })).toEqual({
      status: 400,
      errcode: 'M_ROOM_IN_USE',
    })
  })

  test('the room id of version 12 is the hash of its create event, and creators stand in no power levels', async () => {
    await using server = await startServer({ database: dialect })
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await alice.createRoom({ preset: 'trusted_private_chat', invite: [bob.userId], is_direct: true })
    const state = (await alice.get(`/rooms/${encodeURIComponent(roomId)}/state`)) as unknown as Json[]
    expect(state.find(({ type }) => type === 'm.room.create')?.['event_id'].slice(1)).toBe(roomId.slice(1))
    expect(await stateOf(alice, roomId, 'm.room.create')).toEqual({
      room_version: '12',
      additional_creators: [bob.userId],
    })
    const levels = await stateOf(alice, roomId, 'm.room.power_levels')
    expect(levels['users']).toEqual({})
    expect(levels['events']['m.room.tombstone']).toBe(150)
    expect(await stateOf(alice, roomId, 'm.room.member', bob.userId)).toEqual({
      membership: 'invite',
      displayname: 'bob',
      is_direct: true,
    })
  })

  test('before version 12 the creator stands in the power levels, and so do all of a trusted chat', async () => {
    await using server = await startServer({ database: dialect })
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await alice.createRoom({
      room_version: '10',
      preset: 'trusted_private_chat',
      invite: [bob.userId],
      creation_content: { 'm.federate': false, room_version: '1', creator: '@mallory:hs.test' },
    })
    expect(await stateOf(alice, roomId, 'm.room.create')).toEqual({
      room_version: '10',
      creator: alice.userId,
      'm.federate': false,
    })
    expect((await stateOf(alice, roomId, 'm.room.power_levels'))['users']).toEqual({
      [alice.userId]: 100,
      [bob.userId]: 100,
    })
  })

  test('power levels are overridden key by key, and everybody may still join calls', async () => {
    await using server = await startServer({ database: dialect })
    const alice = await server.register('alice')
    const roomId = await alice.createRoom({ power_level_content_override: { invite: 0, events: { 'm.room.name': 0 } } })
    const levels = await stateOf(alice, roomId, 'm.room.power_levels')
    expect(levels).toMatchObject({ invite: 0, ban: 50 })
    expect(levels['events']).toMatchObject({
      'm.room.name': 0,
      'm.room.power_levels': 100,
      'org.matrix.msc3401.call.member': 0,
    })
    const quiet = await alice.createRoom({ power_level_content_override: { events_default: 50 } })
    const events = (await stateOf(alice, quiet, 'm.room.power_levels'))['events']
    expect(events).not.toHaveProperty(['org.matrix.msc3401.call.member'])
  })

  test('a room of every version can be made and spoken in', async () => {
    await using server = await startServer({ database: dialect })
    const alice = await server.register('alice')
    for (let version = 1; version <= 12; version++) {
      const roomId = await alice.createRoom({ room_version: String(version), name: 'Room' })
      await alice.send(roomId, 'hello')
      expect(await stateOf(alice, roomId, 'm.room.name')).toEqual({ name: 'Room' })
    }
  })

  test('what cannot be a room is refused precisely, and makes none', async () => {
    await using server = await startServer({ database: dialect })
    const alice = await server.register('alice')
    for (const [what, options, errcode] of [
      ['an unknown version', { room_version: 'ahfgwj' }, 'M_UNSUPPORTED_ROOM_VERSION'],
      ['a version that is a number', { room_version: 1 }, 'M_BAD_JSON'],
      ['an unknown preset', { preset: 'open_house' }, 'M_INVALID_PARAM'],
      ['an invite of what is no user id', { invite: ['bob'] }, 'M_INVALID_PARAM'],
      ['a name that is no text', { name: 5 }, 'M_BAD_JSON'],
      ['an alias with a colon', { room_alias_name: 'a:b' }, 'M_INVALID_PARAM'],
      ['a fraction in initial state', { initial_state: [{ type: 'a', content: { n: 1.5 } }] }, 'M_BAD_JSON'],
      [
        'power of its own for the creator',
        { power_level_content_override: { users: { '@alice:hs.test': 100 } } },
        'M_BAD_JSON',
      ],
      ['creators that are no users', { creation_content: { additional_creators: ['bob'] } }, 'M_INVALID_ROOM_STATE'],
      ['a second create event', { initial_state: [{ type: 'm.room.create', content: {} }] }, 'M_INVALID_ROOM_STATE'],
    ] as const) {
      const refusal = await alice.refusal('POST', '/createRoom', options)
      expect([what, refusal]).toEqual([what, { status: 400, errcode }])
    }
    expect(await alice.get('/joined_rooms')).toEqual({ joined_rooms: [] })
  })

  test('nobody is invited by e-mail address, or from another server', async () => {
    await using server = await startServer({ database: dialect })
    const alice = await server.register('alice')
    const byMail = { invite_3pid: [{ id_server: 'i', id_access_token: 't', medium: 'email', address: 'a@b.c' }] }
    expect(await alice.refusal('POST', '/createRoom', byMail)).toEqual({ status: 403, errcode: 'M_THREEPID_DENIED' })
    const remote = { invite: ['@zoe:elsewhere.test'] }
    expect(await alice.refusal('POST', '/createRoom', remote)).toEqual({ status: 403, errcode: 'M_FORBIDDEN' })
  })
})
