import { expect, test } from '@jest/globals'
import { startServer } from '../../../test/support/server.ts'

test.each(['__proto__', 'constructor', 'toString', 'valueOf'])(
  'state of type %s tells strangers nothing',
  async (type) => {
    await using server = await startServer()
    const alice = await server.register('alice')
    const roomId = await alice.createRoom({ preset: 'public_chat', visibility: 'public', name: 'Kitchen' })
    await alice.setState(roomId, type, { name: 'Bank', joined_members: 1_000_000 })
    const { chunk } = await alice.get('/publicRooms')
    expect(chunk).toMatchObject([{ room_id: roomId, name: 'Kitchen', num_joined_members: 1 }])
  },
)
