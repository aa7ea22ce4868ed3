import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { startServer } from '../../../test/support/server.ts'

forEachDatabase(({ dialect }) => {
  test('T39: the list of public rooms tells no name that was redacted', async () => {
    await using server = await startServer({ database: dialect })
    const alice = await server.register('alice')
    const roomId = await alice.createRoom({ preset: 'public_chat', visibility: 'public' })
    const name = await alice.setState(roomId, 'm.room.name', { name: 'an ugly name' })
    const topic = await alice.setState(roomId, 'm.room.topic', { topic: 'an old topic' })
    await alice.setState(roomId, 'm.room.topic', { topic: 'the topic' })
    for (const [n, event] of [name, topic].entries()) {
      await alice.put(`/rooms/${encodeURIComponent(roomId)}/redact/${encodeURIComponent(event)}/r${n}`, {})
    }
    const [room] = (await alice.get('/publicRooms'))['chunk'] as Record<string, unknown>[]
    expect(room).toMatchObject({ room_id: roomId, topic: 'the topic' })
    expect(room).not.toHaveProperty('name')
  })
  test('T39: the list of members tells no name that was redacted', async () => {
    await using server = await startServer({ database: dialect })
    const alice = await server.register('alice')
    const roomId = await alice.createRoom()
    const member = { membership: 'join', displayname: 'an ugly name', avatar_url: 'mxc://hs.test/ugly' }
    const event = await alice.setState(roomId, 'm.room.member', member, alice.userId)
    const path = `/rooms/${encodeURIComponent(roomId)}`
    expect(JSON.stringify(await alice.get(`${path}/joined_members`))).toContain('ugly')
    await alice.put(`${path}/redact/${encodeURIComponent(event)}/r`, {})
    expect(await alice.get(`${path}/joined_members`)).toEqual({
      joined: { [alice.userId]: { avatar_url: null, display_name: null } },
    })
  })
})
