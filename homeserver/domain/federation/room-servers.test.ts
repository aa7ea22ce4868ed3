import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { Heart } from '../../../test/support/heart.ts'
import { RoomServers } from './room-servers.ts'

forEachDatabase(({ freshUrl }) => {
  test('a server is in a room from its first member to its last', async () => {
    await using heart = await Heart.open(await freshUrl())
    const servers = new RoomServers(heart)
    const roomId = await heart.create('@alice:hs.test')
    expect([...(await servers.serversIn(roomId))]).toEqual(['hs.test'])
    expect([...(await servers.serversIn('!elsewhere'))]).toEqual([])

    await heart.member(roomId, '@bob:b.test:8448', 'join')
    await heart.member(roomId, '@ben:b.test:8448', 'join')
    expect(await servers.isIn(roomId, 'b.test:8448')).toBe(true)
    await heart.member(roomId, '@bob:b.test:8448', 'leave')
    expect([...(await servers.serversIn(roomId))].sort()).toEqual(['b.test:8448', 'hs.test'])
    await heart.member(roomId, '@ben:b.test:8448', 'ban', '@alice:hs.test')
    expect([...(await servers.serversIn(roomId))]).toEqual(['hs.test'])
  })

  test('a user who is invited brings no server into the room', async () => {
    await using heart = await Heart.open(await freshUrl())
    const servers = new RoomServers(heart)
    const roomId = await heart.create('@alice:hs.test')
    await servers.serversIn(roomId)
    await heart.member(roomId, '@bob:b.test', 'invite', '@alice:hs.test')
    expect(await servers.isIn(roomId, 'b.test')).toBe(false)
  })
})
