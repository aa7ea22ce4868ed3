/** Calls as people make them: Element Call itself, in Chromium, through our service and the real SFU. */
import { describe, jest, test } from '@jest/globals'
import { logger } from 'matrix-js-sdk/lib/logger.js'
import { Element, silent, until } from '../../e2e/element.ts'
import { callFlags } from '../../support/call-sound.ts'
import { BrowsedServer, chromiumMissing } from '../../support/chromium.ts'
import { type CallMode, ElementCall } from '../../support/element-call.ts'
import { callPorts, livekit, livekitMissing } from '../../support/livekit.ts'

jest.setTimeout(300_000)
// sessions take this logger, whatever their client has
Object.assign(logger, silent, { log: silent.debug })

const missing = livekitMissing ?? chromiumMissing
const withCalls = missing ? describe.skip : describe

/** Resolves when the user's client sees so many in the call of the room. */
async function sees({ client, userId }: Element, roomId: string, count: number): Promise<void> {
  const room = client.getRoom(roomId)
  if (!room) throw new Error(`${userId} does not know ${roomId}`)
  const session = client.matrixRTC.getRoomSession(room)
  await until(`${userId} sees ${count} in the call`, () => session.memberships.length === count, 120_000)
}

withCalls(`Element Call${missing ? ` (${missing})` : ''}`, () => {
  test.each<CallMode>(['compatibility', 'matrix_2_0'])(
    'in the mode %s two people hear each other in an encrypted room, and nobody is left in the call afterwards',
    async (mode) => {
      const config = `public_url: https://hs.test\n${await callPorts()}`
      await using browsed = await BrowsedServer.start(config, { flags: callFlags, parts: { livekit } })
      await using alice = await Element.start(browsed.server, 'alice', 'register')
      await using bob = await Element.start(browsed.server, 'bob', 'register')
      const roomId = await alice.createEncryptedRoom([bob.userId])
      await bob.join(roomId)
      await until('alice sees bob', () => alice.client.getRoom(roomId)?.getMember(bob.userId)?.membership === 'join')

      await using hers = await ElementCall.open(browsed, alice, roomId, mode)
      await hers.join()
      await sees(bob, roomId, 1)
      {
        await using his = await ElementCall.open(browsed, bob, roomId, mode)
        await his.join()
        await sees(alice, roomId, 2)
        await Promise.all([hers.hears(), his.hears()])
        await hers.hangUp()
        await sees(bob, roomId, 1)
      } // his browser crashes
      await sees(alice, roomId, 0)
    },
  )
})
