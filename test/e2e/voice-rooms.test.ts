/** Voice rooms as Element makes and shows them: what matrix-js-sdk says of one, and its own session in its call. */
import { expect, jest, test } from '@jest/globals'
import { RoomType, Visibility } from 'matrix-js-sdk'
import { logger } from 'matrix-js-sdk/lib/logger.js'
import { startServer } from '../support/server.ts'
import { Element, silent, until } from './element.ts'

jest.setTimeout(120_000)
Object.assign(logger, silent, { log: silent.debug })

test('who has no power in a voice room joins its call, and both see both', async () => {
  await using server = await startServer({ config: 'rooms: { voice: ["#lounge:hs.test"], space: "#home:hs.test" }' })
  await using alice = await Element.start(server, 'alice', 'register')
  await using bob = await Element.start(server, 'bob', 'register')
  const { room_id: lounge } = await alice.client.getRoomIdForAlias('#lounge:hs.test')
  // as Element's dialog for a video room does
  const { room_id: own } = await alice.client.createRoom({
    name: 'Corner',
    visibility: Visibility.Private,
    invite: [bob.userId],
    creation_content: { type: RoomType.UnstableCall },
    power_level_content_override: {
      events: { 'org.matrix.msc3401.call.member': 0, 'org.matrix.msc3401.call': 200 },
    },
  })
  await bob.join(own)
  for (const roomId of [lounge, own]) {
    const sessions = [alice, bob].map(({ client, userId }) => {
      const room = client.getRoom(roomId)
      if (!room) throw new Error(`${userId} does not know ${roomId}`)
      expect(room.isCallRoom()).toBe(true)
      const [deviceId, session] = [client.getDeviceId() ?? '', client.matrixRTC.getRoomSession(room)]
      session.joinRTCSession(
        { userId, deviceId, memberId: `${userId}:${deviceId}` },
        [],
        { type: 'livekit', livekit_service_url: 'https://hs.test/livekit/jwt' },
        { manageMediaKeys: false, callIntent: 'audio' },
      )
      return { userId, session }
    })
    for (const { userId, session } of sessions) {
      await until(`${userId} sees two in the call`, () => session.memberships.length === 2)
    }
    await Promise.all(sessions.map(({ session }) => session.leaveRoomSession()))
  }
})
