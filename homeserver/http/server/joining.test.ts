import { describe, expect, test } from '@jest/globals'
import { hasOpenssl } from '../../../test/support/certificates.ts'
import type { Client } from '../../../test/support/client.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { startTwo } from '../../../test/support/federation.ts'

const describeTls = hasOpenssl ? describe : describe.skip
const at = (roomId: string, action: string): string => `/rooms/${encodeURIComponent(roomId)}/${action}`
const via = (server: string): string => `?via=${server}`
const join = async (client: Client, roomId: string, server: string): Promise<unknown> =>
  await client.post(`/join/${encodeURIComponent(roomId)}${via(server)}`)

const membersOf = async (client: Client, roomId: string): Promise<string[]> => {
  const { joined } = await client.get(at(roomId, 'joined_members'))
  return Object.keys(joined as object).toSorted()
}

describeTls('over TLS', () => {
  forEachDatabase(({ dialect }) => {
    test.each(['1', '6', '10', '11', '12'])(
      'a user joins a public room of version %s of another server',
      async (version) => {
        const { federation, hs1, hs2 } = await startTwo(dialect)
        await using _ = federation
        const alice = await hs1.server.register('alice')
        const bob = await hs2.server.register('bob')
        const roomId = await alice.createRoom({ preset: 'public_chat', name: 'Hall', room_version: version })
        expect(await join(bob, roomId, 'hs1.test')).toEqual({ room_id: roomId })

        const both = [alice.userId, bob.userId]
        expect(await membersOf(alice, roomId)).toEqual(both)
        expect(await membersOf(bob, roomId)).toEqual(both)
        const { rooms } = await bob.sync()
        const room = rooms.join[roomId]
        const types = [...room.state.events, ...room.timeline.events].map((event: { type: string }) => event.type)
        expect(types).toEqual(expect.arrayContaining(['m.room.create', 'm.room.name', 'm.room.power_levels']))
        await bob.send(roomId, 'hello')
      },
    )
  })
})
