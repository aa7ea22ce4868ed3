import { expect, test } from '@jest/globals'
import { registerAdmin } from '../../../test/support/admin.ts'
import type { Client } from '../../../test/support/client.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { startServer } from '../../../test/support/server.ts'

const encoded = encodeURIComponent

async function joined(client: Client): Promise<string[]> {
  return (await client.get('/joined_rooms'))['joined_rooms'] as string[]
}

async function roomOf(client: Client, alias: string): Promise<string> {
  return (await client.get(`/directory/room/${encoded(alias)}`))['room_id'] as string
}

const state = (roomId: string, type: string): string => `/rooms/${encoded(roomId)}/state/${type}/`

forEachDatabase(({ dialect }) => {
  test('new users come into the default rooms and their space, which are made once', async () => {
    const config = 'rooms: { auto_join: ["#welcome:hs.test", "#talk:hs.test"], space: "#home:hs.test" }'
    await using server = await startServer({ database: dialect, config })
    const [alice, bob] = await Promise.all([server.register('alice'), server.register('bob')])
    const rooms = await Promise.all(
      ['#home:hs.test', '#welcome:hs.test', '#talk:hs.test'].map((alias) => roomOf(alice, alias)),
    )
    expect(new Set(rooms).size).toBe(3)
    expect(new Set(await joined(alice))).toEqual(new Set(rooms))
    expect(new Set(await joined(bob))).toEqual(new Set(rooms))
    const { rooms: inSpace } = await alice.get(`/_matrix/client/v1/rooms/${encoded(rooms[0] ?? '')}/hierarchy`)
    expect((inSpace as { name: string }[]).map(({ name }) => name)).toEqual(
      expect.arrayContaining(['Home', 'Welcome', 'Talk']),
    )
  })

  test('voice rooms are made in the space, by configuration and by administrators; everybody may join their calls', async () => {
    const config = 'rooms: { voice: ["#lounge:hs.test"], space: "#home:hs.test" }'
    await using server = await startServer({ database: dialect, config })
    const [alice, admin] = [await server.register('alice'), await registerAdmin(server)]
    const [lounge, home] = [await roomOf(alice, '#lounge:hs.test'), await roomOf(alice, '#home:hs.test')]
    expect(new Set(await joined(alice))).toEqual(new Set([lounge, home]))
    const { room_id: kitchen } = await admin.post('/_domovoi/admin/v1/voice_rooms', { name: 'Kitchen' })
    await alice.post(`/join/${encoded(kitchen)}`)
    const { rooms: inSpace } = await alice.get(`/_matrix/client/v1/rooms/${encoded(home)}/hierarchy`)
    expect((inSpace as { name: string; room_type?: string }[]).map((room) => [room.name, room.room_type])).toEqual([
      ['Home', 'm.space'],
      ['Lounge', 'org.matrix.msc3417.call'],
      ['Kitchen', 'org.matrix.msc3417.call'],
    ])
    for (const room of [lounge, kitchen]) {
      const key = `_${alice.userId}_${alice.deviceId}_m.call`
      await alice.setState(room, 'org.matrix.msc3401.call.member', { application: 'm.call', call_id: '' }, key)
      expect(await alice.get(`${state(room, 'm.space.parent')}${encoded(home)}`)).toMatchObject({ canonical: true })
    }
    const refused = await alice.refusal('POST', '/_domovoi/admin/v1/voice_rooms', { name: 'x' })
    expect(refused).toEqual({ status: 403, errcode: 'M_FORBIDDEN' })
  })

  test('administrators have power there, others have not', async () => {
    await using server = await startServer({ database: dialect, config: 'rooms: { auto_join: ["#welcome:hs.test"] }' })
    const alice = await server.register('alice')
    const admin = await registerAdmin(server)
    const roomId = await roomOf(alice, '#welcome:hs.test')
    await admin.put(state(roomId, 'm.room.topic'), { topic: 'Say hello' })
    expect(await alice.refusal('PUT', state(roomId, 'm.room.topic'), { topic: 'x' })).toMatchObject({ status: 403 })
  })

  test('a room that cannot be entered keeps nobody from an account and the others', async () => {
    const config = 'rooms: { auto_join: ["#gone:elsewhere.test", "#welcome:hs.test"] }'
    await using server = await startServer({ database: dialect, config })
    expect(await joined(await server.register('alice'))).toHaveLength(1)
  })
})
