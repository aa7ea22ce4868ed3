import { expect, test } from '@jest/globals'
import type { Client } from '../../../test/support/client.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { startServer, type TestServer } from '../../../test/support/server.ts'
import type { UserId } from '../../core/ids.ts'
import type { PresenceNews } from '../../domain/ephemeral/presence-log.ts'
import { type Bell, MemoryBus } from '../../platform/bus.ts'
import { FakeClock } from '../../platform/fake-clock.ts'

interface World extends AsyncDisposable {
  readonly server: TestServer
  readonly clock: FakeClock
  readonly alice: Client
  /** Shares a room with alice. */
  readonly bob: Client
  readonly stranger: Client
  /** What was announced since the last call. */
  heard(): string[]
  /** Lets the clock go on, and what follows from that end. */
  advance(ms: number): Promise<void>
}

const path = (user: Client): string => `/presence/${user.userId}/status`

forEachDatabase(({ dialect }) => {
  async function world(config = ''): Promise<World> {
    const [clock, bus, bells] = [new FakeClock(), new MemoryBus(), [] as Bell[]]
    bus.subscribe((bell) => void (bell.stream === 'presence' && bells.push(bell)))
    const server = await startServer({ database: dialect, config, parts: { clock, bus } })
    const [alice, bob, stranger] = [
      await server.register('alice'),
      await server.register('bob'),
      await server.register('stranger'),
    ]
    const roomId = await alice.createRoom({ preset: 'public_chat' })
    await bob.post(`/rooms/${encodeURIComponent(roomId)}/join`)
    return {
      server,
      clock,
      alice,
      bob,
      stranger,
      heard: () => {
        const rows = bells.splice(0).flatMap(({ payload }) => (payload as PresenceNews).rows)
        return rows.map((row) => `${row.user_id} ${row.state}${row.currently_active ? ' active' : ''}`)
      },
      async advance(ms) {
        await clock.advance(ms)
        await server.server.settle()
      },
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    }
  }

  const seenBy = async ({ server }: World, reader: Client, since: number): Promise<string[]> => {
    const rows = await server.server.services.presence.listSince(reader.userId as UserId, since, 1000)
    return rows.map((row) => `${row.user_id} ${row.state}`)
  }

  test('presence is set, and seen by those who share a room', async () => {
    await using here = await world()
    const { alice, bob, stranger } = here
    expect(await alice.get(path(alice))).toEqual({ presence: 'offline' })
    await alice.put(path(alice), { presence: 'online', status_msg: 'here\u0000' })
    const online = { presence: 'online', status_msg: 'here', currently_active: true, last_active_ago: 0 }
    expect(await alice.get(path(alice))).toEqual(online)
    await here.advance(1_000)
    expect(await bob.get(path(alice))).toEqual({ ...online, last_active_ago: 1_000 })
    const forbidden = { status: 403, errcode: 'M_FORBIDDEN' }
    expect(await stranger.refusal('GET', path(alice))).toEqual(forbidden)
    expect(await stranger.refusal('GET', '/presence/@nobody:hs.test/status')).toEqual(forbidden)
    for (const since of [0, 1]) {
      await alice.put(path(alice), { presence: since === 0 ? 'online' : 'unavailable' })
      const expected = `@alice:hs.test ${since === 0 ? 'online' : 'unavailable'}`
      expect(await seenBy(here, bob, since)).toEqual([expected])
      expect(await seenBy(here, alice, since)).toEqual([expected])
      expect(await seenBy(here, stranger, since)).toEqual([])
    }
    await here.advance(1_000)
    await alice.put(path(alice), { presence: 'offline' })
    expect(await seenBy(here, bob, 0)).toEqual([])
    expect(await bob.get(path(alice))).toEqual({ presence: 'offline', last_active_ago: 1_000 })
  })

  test('presence that is refused changes nothing', async () => {
    await using here = await world()
    const { alice, bob } = here
    expect(await bob.refusal('PUT', path(alice), { presence: 'online' })).toEqual({
      status: 403,
      errcode: 'M_FORBIDDEN',
    })
    const invalid = { status: 400, errcode: 'M_INVALID_PARAM' }
    expect(await alice.refusal('PUT', path(alice), { presence: 'busy?' })).toEqual(invalid)
    expect(await alice.refusal('PUT', path(alice), {})).toMatchObject({ status: 400 })
    const long = { presence: 'online', status_msg: 'x'.repeat(2_049) }
    expect(await alice.refusal('PUT', path(alice), long)).toEqual(invalid)
    expect(await alice.get(path(alice))).toEqual({ presence: 'offline' })
    expect(here.heard()).toEqual([])
  })

  test('syncs keep a user online without writing each time, and for a while after', async () => {
    await using here = await world()
    const { presence } = here.server.server.services
    const alice = here.alice.userId as UserId
    await here.alice.put(path(here.alice), { presence: 'online', status_msg: 'kept' })
    await here.alice.put(path(here.alice), { presence: 'offline', status_msg: 'kept' })
    await here.advance(10_000)
    here.heard()
    for (let n = 0; n < 20; n++) {
      const end = presence.beginSync(alice, 'A')
      await here.advance(1_000)
      await here.advance(29_000)
      end()
    }
    expect(here.heard()).toEqual([`${alice} online active`])
    expect(await here.bob.get(path(here.alice))).toMatchObject({ presence: 'online', status_msg: 'kept' })
    await here.advance(29_000)
    expect(here.heard()).toEqual([])
    await here.advance(6_000)
    expect(here.heard()).toEqual([`${alice} offline`])
    await here.advance(10_000)
    expect(here.heard()).toEqual([])
  })

  test('the first sync tells that the user is online, so that the next has nothing of that to tell', async () => {
    await using here = await world()
    const first = await here.alice.sync()
    const content = { presence: 'online', last_active_ago: 0, currently_active: true }
    expect(first['presence'].events).toEqual([{ type: 'm.presence', sender: here.alice.userId, content }])
    expect(here.heard()).toEqual([`${here.alice.userId} online active`])
    await here.advance(1_000)
    expect(here.heard()).toEqual([])
    expect((await here.alice.sync({ since: first['next_batch'] }))['presence']).toBeUndefined()
  })

  test('the device that is most present counts', async () => {
    await using here = await world()
    const { presence } = here.server.server.services
    const alice = here.alice.userId as UserId
    presence.beginSync(alice, 'phone', 'unavailable')
    presence.beginSync(alice, 'hidden', 'offline')
    await here.advance(1_000)
    expect(here.heard()).toEqual([`${alice} unavailable`])
    const end = presence.beginSync(alice, 'desk', 'online')
    await here.advance(1_000)
    expect(here.heard()).toEqual([`${alice} online active`])
    end()
    await here.advance(36_000)
    expect(here.heard()).toEqual([`${alice} unavailable`])
  })

  test('idle users are less and less present, and come back by what they do', async () => {
    await using here = await world()
    const { presence } = here.server.server.services
    const alice = here.alice.userId as UserId
    presence.beginSync(alice, here.alice.deviceId)
    await here.advance(1_000)
    await here.advance(65_000)
    expect(here.heard()).toEqual([`${alice} online active`, `${alice} online`])
    await here.advance(300_000)
    expect(here.heard()).toEqual([`${alice} unavailable`])
    const { joined_rooms: rooms } = await here.alice.get('/joined_rooms')
    await here.alice.put(`/rooms/${encodeURIComponent(rooms[0])}/typing/${alice}`, { typing: true })
    await here.advance(1_000)
    expect(here.heard()).toEqual([`${alice} online active`])
  })

  test('other servers tell of their own users that share a room, until they fall silent', async () => {
    await using here = await world()
    const { presence } = here.server.server.services
    const report = { state: 'online', lastActiveAgo: 5, currentlyActive: true, statusMsg: null } as const
    await presence.receive('@carol:other.test', report)
    await presence.receive(here.alice.userId as UserId, report)
    expect(here.heard()).toEqual([])
  })

  test.each(['off'])('with presence %s everybody is offline, and nobody is told otherwise', async (mode) => {
    await using here = await world(`presence: '${mode}'`)
    await here.alice.put(path(here.alice), { presence: 'online' })
    here.server.server.services.presence.beginSync(here.alice.userId as UserId, 'A')()
    await here.advance(10_000)
    expect(await here.stranger.get(path(here.alice))).toEqual({ presence: 'offline' })
    expect(here.heard()).toEqual([])
    expect(await seenBy(here, here.bob, 0)).toEqual([])
  })
})
