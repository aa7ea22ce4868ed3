import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../../test/support/databases.ts'
import type { RoomId, UserId } from '../../core/ids.ts'
import { MemoryBus } from '../../platform/bus.ts'
import { FakeClock } from '../../platform/fake-clock.ts'
import { Background } from '../../platform/lifecycle.ts'
import { Database } from '../../storage/database.ts'
import { type MembershipRow, setMemberships } from '../../storage/memberships.ts'
import { migrate } from '../../storage/migrate.ts'
import { Streams } from '../../storage/streams.ts'
import { Members } from '../rooms/members.ts'
import { Presence } from './presence.ts'

const member = (roomId: RoomId, userId: UserId, nid: number): MembershipRow => ({
  room_id: roomId,
  user_id: userId,
  membership: 'join',
  sender: userId,
  event_nid: nid,
  event_id: `$${nid}`,
  stream_id: nid,
  display_name: null,
  avatar_url: null,
  forgotten: 0,
})

forEachDatabase(({ freshUrl }) => {
  async function running(
    database: Database,
    clock: FakeClock,
    mode: 'local' | 'full' = 'full',
  ): Promise<{ presence: Presence; background: Background; stop: () => Promise<void> }> {
    const bus = new MemoryBus()
    const streams = await Streams.open(database, bus, { clock })
    const [background, abort] = [new Background({ clock }), new AbortController()]
    const members = new Members({ database, bus, serverName: 'hs.test' })
    const presence = new Presence({ database, bus, streams, clock, background, members, mode })
    await presence.start(abort.signal)
    const stop = async (): Promise<void> => {
      abort.abort()
      await presence.stop()
      await background.stop()
    }
    return { presence, background, stop }
  }

  async function rooms(): Promise<{ database: Database; clock: FakeClock; close: () => Promise<void> }> {
    const database = await Database.open({ url: await freshUrl() })
    await migrate(database)
    await database.transaction('test', (tx) =>
      setMemberships(tx, [
        member('!room:hs.test', '@alice:hs.test', 1),
        member('!room:hs.test', '@bob:hs.test', 2),
        member('!room:hs.test', '@carol:other.test', 3),
        member('!far:other.test', '@dave:other.test', 4),
      ]),
    )
    return { database, clock: new FakeClock(), close: () => database.close() }
  }

  test('who was there before a restart is there after it, and goes unless a device comes back', async () => {
    const { database, clock, close } = await rooms()
    const before = await running(database, clock)
    await before.presence.set('@alice:hs.test', 'A', 'online', 'kept')
    await before.presence.set('@bob:hs.test', 'B', 'online')
    await before.stop()

    const { presence, background, stop } = await running(database, clock)
    const seen = async (): Promise<object[]> =>
      (await presence.listSince('@bob:hs.test', 0, 1_000)).map((row) => [row.user_id, row.state, row.status_msg])
    expect(await seen()).toHaveLength(2)
    presence.beginSync('@alice:hs.test', 'A')
    await clock.advance(36_000)
    await background.settle()
    expect(await seen()).toEqual([['@alice:hs.test', 'online', 'kept']])
    await stop()
    await close()
  })

  test('another server tells of its users that share a room, if this server wants to know', async () => {
    const { database, clock, close } = await rooms()
    const report = { state: 'online', lastActiveAgo: 0, currentlyActive: true, statusMsg: null } as const
    for (const mode of ['local', 'full'] as const) {
      const { presence, stop } = await running(database, clock, mode)
      for (const userId of ['@carol:other.test', '@dave:other.test', '@alice:hs.test'] as const) {
        await presence.receive(userId, report)
      }
      const seen = await presence.listSince('@alice:hs.test', 0, 1_000)
      expect(seen.map((row) => row.user_id)).toEqual(mode === 'full' ? ['@carol:other.test'] : [])
      await stop()
    }
    await close()
  })

  test('changes are read from memory as from the table, one for each user', async () => {
    const { database, clock, close } = await rooms()
    const { presence, stop } = await running(database, clock)
    for (let n = 0; n < 3; n++) {
      await presence.set('@alice:hs.test', 'A', n % 2 === 0 ? 'online' : 'unavailable')
      await presence.set('@bob:hs.test', 'B', n % 2 === 0 ? 'unavailable' : 'online')
    }
    const other = await running(database, clock)
    for (const [since, upto] of [
      [1, 6],
      [3, 4],
      [6, 6],
    ] as const) {
      const changes = await presence.listSince('@alice:hs.test', since, upto)
      expect(changes).toHaveLength(upto === since ? 0 : upto - since >= 2 ? 2 : 1)
      if (upto === 6) expect(await other.presence.listSince('@alice:hs.test', since, upto)).toEqual(changes)
    }
    await Promise.all([stop(), other.stop()])
    await close()
  })
})
