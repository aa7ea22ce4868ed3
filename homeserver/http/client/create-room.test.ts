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
    expect(await stateOf(alice, open, 'm.room.guest_access')).toEqual({ guest_access: 'forbidden' })
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
})
