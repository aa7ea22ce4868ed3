import { expect, test } from '@jest/globals'
import type { Client } from '../../../test/support/client.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { startServer } from '../../../test/support/server.ts'

type Json = Record<string, any> // eslint-disable-line -- answers are looked into freely by tests

const at = (roomId: string, rest: string): string => `/rooms/${encodeURIComponent(roomId)}/${rest}`

async function upgrade(client: Client, roomId: string, version: string, more: object = {}): Promise<string> {
  const answer = await client.post(at(roomId, 'upgrade'), { new_version: version, ...more })
  return answer['replacement_room'] as string
}

async function stateOf(client: Client, roomId: string, type: string, stateKey = ''): Promise<Json> {
  return await client.get(at(roomId, `state/${type}/${encodeURIComponent(stateKey)}`))
}

forEachDatabase(({ dialect }) => {
  test('a replaced room lives on in another version, under its aliases, and is closed itself', async () => {
    await using server = await startServer({ database: dialect })
    const [alice, bob, eve] = [
      await server.register('alice'),
      await server.register('bob'),
      await server.register('eve'),
    ]
    const old = await alice.createRoom({
      room_version: '10',
      visibility: 'public',
      room_alias_name: 'hall',
      name: 'Hall',
      topic: 'Meet here',
      creation_content: { type: 'm.space', 'm.federate': false },
      initial_state: [
        { type: 'm.room.encryption', content: { algorithm: 'm.megolm.v1.aes-sha2' } },
        { type: 'm.space.child', state_key: '!child:hs.test', content: { via: ['hs.test'] } },
      ],
    })
    await bob.post(at(old, 'join'))
    await alice.post(at(old, 'ban'), { user_id: eve.userId, reason: 'spam' })
    const replacement = await upgrade(alice, old, '12')

    expect(await stateOf(alice, old, 'm.room.tombstone')).toMatchObject({ replacement_room: replacement })
    expect(await bob.refusal('PUT', at(old, 'send/m.room.message/1'), { body: 'x' })).toMatchObject({ status: 403 })
    expect(await stateOf(alice, replacement, 'm.room.create')).toEqual({
      room_version: '12',
      type: 'm.space',
      'm.federate': false,
      predecessor: { room_id: old },
    })
    for (const type of ['m.room.name', 'm.room.topic', 'm.room.encryption', 'm.room.join_rules']) {
      expect(await stateOf(alice, replacement, type)).toEqual(await stateOf(alice, old, type))
    }
    expect(await stateOf(alice, replacement, 'm.space.child', '!child:hs.test')).toEqual({ via: ['hs.test'] })
    expect(await stateOf(alice, replacement, 'm.room.member', eve.userId)).toEqual({
      membership: 'ban',
      reason: 'spam',
    })
    expect(await alice.get('/directory/room/%23hall:hs.test')).toMatchObject({ room_id: replacement })
    expect(await alice.get(`/directory/list/room/${encodeURIComponent(replacement)}`)).toEqual({ visibility: 'public' })
    await bob.post('/join/%23hall:hs.test')
  })

  test('those who make the new room stand in its power levels only where creators need that', async () => {
    await using server = await startServer({ database: dialect })
    const [alice, bob, carol] = [
      await server.register('alice'),
      await server.register('bob'),
      await server.register('carol'),
    ]
    const old = await alice.createRoom({ room_version: '11', preset: 'public_chat' })
    await bob.post(at(old, 'join'))
    const users = { [alice.userId]: 100, [bob.userId]: 100, [carol.userId]: 50 }
    await alice.setState(old, 'm.room.power_levels', { users })
    const twelve = await upgrade(alice, old, '12', { additional_creators: [bob.userId] })
    expect((await stateOf(alice, twelve, 'm.room.create'))['additional_creators']).toEqual([bob.userId])
    const levels = await stateOf(alice, twelve, 'm.room.power_levels')
    expect(levels['users']).toEqual({ [carol.userId]: 50 })
    expect(levels['events']['m.room.tombstone']).toBe(150)

    const eleven = await upgrade(alice, twelve, '11')
    expect((await stateOf(alice, eleven, 'm.room.power_levels'))['users']).toEqual(users)
  })

  test('who may replace a room and not much else still does it whole', async () => {
    await using server = await startServer({ database: dialect })
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const old = await alice.createRoom({ room_version: '9', preset: 'public_chat', name: 'Den' })
    await bob.post(at(old, 'join'))
    const levels = await stateOf(alice, old, 'm.room.power_levels')
    const changed = {
      ...levels,
      ban: '50', // what old rooms take for a level, new ones do not
      users: { ...levels['users'], [bob.userId]: 50 },
      events: { ...levels['events'], 'm.room.tombstone': 50 },
    }
    await alice.setState(old, 'm.room.power_levels', changed)
    const replacement = await upgrade(bob, old, '11')
    expect(await stateOf(bob, replacement, 'm.room.power_levels')).toEqual({ ...changed, ban: 50 })
    expect(await stateOf(bob, replacement, 'm.room.name')).toEqual({ name: 'Den' })
  })

  test('who comes into the new room finds the settings of the old one', async () => {
    await using server = await startServer({ database: dialect })
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const old = await alice.createRoom({ preset: 'public_chat' })
    await bob.post(at(old, 'join'))
    const own = `/user/${bob.userId}`
    const id = encodeURIComponent(old)
    await bob.put(`${own}/rooms/${id}/tags/m.favourite`, { order: 0.5 })
    await bob.put(`${own}/account_data/m.direct`, { [alice.userId]: [old] })
    await bob.put(`/pushrules/global/room/${id}`, { actions: [] })
    const replacement = await upgrade(alice, old, '12')
    await bob.post(at(replacement, 'join'))
    await server.server.settle()
    expect(await bob.get(`${own}/rooms/${encodeURIComponent(replacement)}/tags`)).toEqual({
      tags: { 'm.favourite': { order: 0.5 } },
    })
    expect(await bob.get(`${own}/account_data/m.direct`)).toEqual({ [alice.userId]: [old, replacement] })
    expect(await bob.get(`/pushrules/global/room/${encodeURIComponent(replacement)}`)).toMatchObject({ actions: [] })
    const rules = (await alice.get('/pushrules/'))['global']['room']
    expect(rules).toEqual([])
  })

  test('T42: a room that says it replaces another one gets nothing of it unless that one says so, too', async () => {
    await using server = await startServer({ database: dialect })
    const [alice, mallory] = [await server.register('alice'), await server.register('mallory')]
    const old = await alice.createRoom({ preset: 'public_chat', room_alias_name: 'home' })
    const tagsIn = (roomId: string) => `/user/${alice.userId}/rooms/${encodeURIComponent(roomId)}/tags`
    await alice.put(`${tagsIn(old)}/m.favourite`, {})
    const claims = { preset: 'public_chat', room_version: '11', creation_content: { predecessor: { room_id: old } } }
    const [trap, heir] = [await mallory.createRoom(claims), await mallory.createRoom(claims)]
    for (const id of [trap, heir]) await alice.post(at(id, 'join'))
    await server.server.settle()
    for (const id of [trap, heir]) expect(await alice.get(tagsIn(id))).toEqual({ tags: {} })
    expect(await mallory.get('/directory/room/%23home%3Ahs.test')).toMatchObject({ room_id: old })

    // Who is there already when the old room names the new one finds it then.
    await alice.setState(old, 'm.room.tombstone', { body: 'moved', replacement_room: heir })
    await server.server.settle()
    expect(await alice.get(tagsIn(heir))).toEqual({ tags: { 'm.favourite': {} } })
    expect(await alice.get(tagsIn(trap))).toEqual({ tags: {} })
  })

  test('a room is replaced by members with the power to do so, in a version there is', async () => {
    await using server = await startServer({ database: dialect })
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const old = await alice.createRoom({ preset: 'public_chat' })
    const tried = (client: Client, version: string): Promise<object> =>
      client.refusal('POST', at(old, 'upgrade'), { new_version: version })
    expect(await tried(bob, '12')).toEqual({ status: 403, errcode: 'M_FORBIDDEN' })
    await bob.post(at(old, 'join'))
    expect(await tried(bob, '12')).toEqual({ status: 403, errcode: 'M_FORBIDDEN' })
    expect(await tried(alice, '99')).toEqual({ status: 400, errcode: 'M_UNSUPPORTED_ROOM_VERSION' })
    expect(await alice.refusal('POST', at('!no:hs.test', 'upgrade'), { new_version: '12' })).toEqual({
      status: 404,
      errcode: 'M_NOT_FOUND',
    })
  })
})
