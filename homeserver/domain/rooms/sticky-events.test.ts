import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { Heart } from '../../../test/support/heart.ts'
import { PeerRoom } from '../../../test/support/peer-room.ts'
import type { UserId } from '../../core/ids.ts'
import { roomVersions } from '../../core/room-version.ts'
import { signingKeyFromSeed } from '../../core/signing.ts'
import { FakeClock } from '../../platform/fake-clock.ts'
import { Background } from '../../platform/lifecycle.ts'
import { StickyEvents } from './sticky-events.ts'

const alice: UserId = '@alice:hs.test'
const mallory: UserId = '@mallory:peer.test'
const signer = { serverName: 'peer.test', key: signingKeyFromSeed('peer', Buffer.alloc(32, 3)) }

forEachDatabase(({ freshUrl }) => {
  test.each(['goes on', 'was started anew meanwhile'])(
    'what a room does not allow sticks as soon as it does, if the server %s',
    async (how) => {
      const clock = new FakeClock()
      const background = new Background({ clock })
      let sticky: StickyEvents | undefined
      let restart: () => unknown = () => undefined
      await using heart = await Heart.open(await freshUrl(), {
        clock,
        companions: (parts) => {
          const renew = (): StickyEvents => (sticky = new StickyEvents({ ...parts, clock, background }))
          restart = renew
          renew()
          return Promise.resolve([
            {
              write: async (tx, events) => await sticky?.write(tx, events),
              keptBack: (tx, events) => sticky?.keptBack(tx, events),
            },
          ])
        },
      })
      const room = new PeerRoom(roomVersions['12'], signer)
      room.member(mallory, 'join')
      const before = room.fork()
      const join = room.member(alice, 'join')
      const others = [...room.events.values()].filter((each) => each !== join)
      await heart.writer.storeOutliers(room.roomId, room.version, others)
      const state = [...before.state.values()]
      await heart.writer.adopt({ roomId: room.roomId, version: room.version, event: join, state })
      const receive = async (event: Parameters<typeof heart.writer.receive>[1]) =>
        (await heart.writer.receive(room.roomId, event)).status
      const stuck = async () => {
        await background.settle()
        const range = { after: 0, upto: heart.streams.position('sticky_events'), limit: 10 }
        return ((await sticky?.list([room.roomId], range)) ?? []).map(({ event }) => event.eventId)
      }

      const old = room.fork()
      expect(await receive(room.member(mallory, 'ban', { sender: room.creator }))).toBe('accepted')
      const also = { msc4354_sticky: { duration_ms: 600_000 }, origin_server_ts: clock.now() }
      const late = room.add({ type: 'm.test', sender: mallory, also }, old)
      expect(await receive(late)).toBe('soft-failed')
      if (how !== 'goes on') restart()
      expect(await receive(room.member(mallory, 'leave', { sender: room.creator }))).toBe('accepted')
      expect(await stuck()).toEqual([])
      expect(await receive(room.member(mallory, 'join'))).toBe('accepted')
      expect(await stuck()).toEqual([late.eventId])
    },
  )

  test('an event that was long on its way, or comes from a clock that is ahead, lasts no longer for that', async () => {
    const clock = new FakeClock()
    const background = new Background({ clock })
    let sticky: StickyEvents | undefined
    await using heart = await Heart.open(await freshUrl(), {
      clock,
      companions: (parts) => Promise.resolve([(sticky = new StickyEvents({ ...parts, clock, background }))]),
    })
    const roomId = await heart.create(alice)
    const send = (sentAt: number) =>
      heart.send(roomId, alice, { type: 'm.test', stickyMs: 60_000, timestamp: clock.now() + sentAt })
    const [, late, ahead] = [await send(-60_000), await send(-50_000), await send(3_600_000)]
    const stuck = async () => {
      const range = { after: 0, upto: heart.streams.position('sticky_events'), limit: 10 }
      return ((await sticky?.list([roomId], range)) ?? []).map(({ event }) => event.eventId)
    }
    expect(await stuck()).toEqual([late, ahead])
    await clock.advance(10_000)
    expect(await stuck()).toEqual([ahead])
    await clock.advance(50_000)
    expect(await stuck()).toEqual([])
  })
})
