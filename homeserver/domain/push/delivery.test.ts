import { expect, test } from '@jest/globals'
import type { Client } from '../../../test/support/client.ts'
import { type Dialect, forEachDatabase } from '../../../test/support/databases.ts'
import { PushGateway } from '../../../test/support/push-gateway.ts'
import { startServer, type TestServer } from '../../../test/support/server.ts'
import { signingKeyFromSeed } from '../../core/signing.ts'
import { FakeClock } from '../../platform/fake-clock.ts'
import { Database } from '../../storage/database.ts'

const encoded = encodeURIComponent
const local = 'outgoing: { allow_ranges: [127.0.0.0/8] }\n'

interface Place {
  readonly server: TestServer
  readonly alice: Client
  readonly bob: Client
  /** A room of the two, of which Bob has read everything. */
  readonly roomId: string
}

async function addPusher(client: Client, url: string, more: object = {}): Promise<void> {
  await client.post('/pushers/set', {
    kind: 'http',
    app_id: 'org.example.app',
    pushkey: `key of ${client.userId}`,
    app_display_name: 'App',
    device_display_name: 'Telephone',
    lang: 'en',
    data: { url, custom: 'yes' },
    ...more,
  })
}

async function join(client: Client, roomId: string): Promise<void> {
  await client.post(`/rooms/${encoded(roomId)}/join`)
}

async function read(client: Client, roomId: string, eventId: string): Promise<void> {
  await client.post(`/rooms/${encoded(roomId)}/receipt/m.read/${encoded(eventId)}`)
}

async function inhabit(server: TestServer): Promise<Place> {
  const [alice, bob] = [await server.register('alice'), await server.register('bob')]
  const roomId = await alice.createRoom({ preset: 'public_chat', name: 'Kitchen', room_alias_name: 'kitchen' })
  await join(bob, roomId)
  return { server, alice, bob, roomId }
}

/** Turns the hands until the gateway has been told so much: the server needs real time for what it does in between. */
async function turnUntil(clock: FakeClock, gateway: PushGateway, count: number): Promise<number> {
  const begun = clock.monotonic()
  while (gateway.told.length < count) await clock.advance(500)
  return clock.monotonic() - begun
}

forEachDatabase(({ dialect, freshUrl }) => {
  const start = (config = local): Promise<TestServer> => startServer({ database: dialect, config })

  test('a gateway is told of a message with all there is to say about it', async () => {
    await using gateway = await PushGateway.start()
    await using server = await start()
    const { alice, bob, roomId } = await inhabit(server)
    await alice.put(`/profile/${encoded(alice.userId)}/displayname`, { displayname: 'Alice' })
    await server.server.settle()
    await addPusher(bob, gateway.url)
    const eventId = await alice.send(roomId, 'good morning')
    expect(await gateway.next(0)).toEqual({
      event_id: eventId,
      room_id: roomId,
      type: 'm.room.message',
      sender: alice.userId,
      sender_display_name: 'Alice',
      room_name: 'Kitchen',
      room_alias: '#kitchen:hs.test',
      prio: 'high',
      content: { msgtype: 'm.text', body: 'good morning' },
      counts: { unread: 1 },
      devices: [
        {
          app_id: 'org.example.app',
          pushkey: `key of ${bob.userId}`,
          pushkey_ts: expect.any(Number),
          data: { custom: 'yes' },
          tweaks: { sound: 'default' },
        },
      ],
    })
  })

  test('who wants ids alone is told of nothing more', async () => {
    await using gateway = await PushGateway.start()
    await using server = await start()
    const { alice, bob, roomId } = await inhabit(server)
    const data = { url: gateway.url, format: 'event_id_only', 'org.matrix.msc4076.disable_badge_count': true }
    await addPusher(bob, gateway.url, { data })
    const eventId = await alice.send(roomId, 'good morning')
    const { devices, ...rest } = await gateway.next(0)
    expect(rest).toEqual({ event_id: eventId, room_id: roomId, prio: 'high' })
    expect(devices[0]).not.toHaveProperty('tweaks')
    expect(devices[0].data).toEqual({ format: 'event_id_only', 'org.matrix.msc4076.disable_badge_count': true })
  })

  test('what may wait has a low priority, a mention a high one', async () => {
    await using gateway = await PushGateway.start()
    await using server = await start()
    const { alice, bob, roomId } = await inhabit(server)
    const carol = await server.register('carol')
    await join(carol, roomId)
    await addPusher(bob, gateway.url)
    await alice.send(roomId, 'hello')
    expect(await gateway.next(0)).toMatchObject({ prio: 'low', devices: [{ tweaks: {} }], counts: { unread: 1 } })
    await alice.send(roomId, { body: 'hello', 'm.mentions': { user_ids: [bob.userId] } })
    expect(await gateway.next(1)).toMatchObject({
      prio: 'high',
      devices: [{ tweaks: { sound: 'default', highlight: true } }],
      counts: { unread: 2 },
    })
  })

  test('a gateway is told of invites, and of nothing else in a room the user is not in', async () => {
    await using gateway = await PushGateway.start()
    await using server = await start()
    const { alice, bob } = await inhabit(server)
    const carol = await server.register('carol')
    await addPusher(bob, gateway.url)
    const roomId = await alice.createRoom({ invite: [bob.userId, carol.userId] })
    await join(carol, roomId)
    expect(await gateway.next(0)).toMatchObject({
      type: 'm.room.member',
      room_id: roomId,
      user_is_target: true,
      prio: 'high',
      content: { membership: 'invite' },
      counts: { unread: 1 },
    })
    await alice.send(roomId, 'only for Carol')
    await join(bob, roomId)
    const eventId = await alice.send(roomId, 'for all')
    expect((await gateway.next(1))['event_id']).toBe(eventId)
  })

  test('nobody is told of what he says, does not want to hear, or while the pusher is off', async () => {
    await using gateway = await PushGateway.start()
    await using server = await start()
    const { alice, bob, roomId } = await inhabit(server)
    const carol = await server.register('carol')
    await join(carol, roomId)
    await addPusher(bob, gateway.url)
    await bob.send(roomId, 'my own')
    await bob.put(`/user/${encoded(bob.userId)}/account_data/m.ignored_user_list`, {
      ignored_users: { [carol.userId]: {} },
    })
    await carol.send(roomId, 'from somebody ignored')
    await bob.put(`/pushrules/global/room/${encoded(roomId)}`, { actions: [] })
    await alice.send(roomId, 'muted')
    await bob.ok('DELETE', `/pushrules/global/room/${encoded(roomId)}`)
    await addPusher(bob, gateway.url, { enabled: false })
    await alice.send(roomId, 'while it is off')
    await addPusher(bob, gateway.url, { enabled: true })
    const eventId = await alice.send(roomId, 'hello')
    expect((await gateway.next(0))['event_id']).toBe(eventId)
  })

  test('each pusher of a user is told, until its session ends', async () => {
    await using gateway = await PushGateway.start()
    await using server = await start()
    const { alice, bob, roomId } = await inhabit(server)
    const desk = await server.client().login('bob', 'password of bob')
    await addPusher(bob, gateway.url, { pushkey: 'telephone' })
    await addPusher(desk, gateway.url, { pushkey: 'desk' })
    await alice.send(roomId, 'one')
    const keys = (await gateway.until(2)).map(({ devices }) => devices[0].pushkey as string)
    expect(keys.toSorted()).toEqual(['desk', 'telephone'])
    await desk.post('/logout')
    await alice.send(roomId, 'two')
    await alice.send(roomId, 'three')
    expect((await gateway.until(4)).slice(2).map(({ devices }) => devices[0].pushkey)).toEqual([
      'telephone',
      'telephone',
    ])
  })

  test('reading elsewhere sets the number at the icon, down to nothing', async () => {
    await using gateway = await PushGateway.start()
    await using server = await start()
    const { alice, bob, roomId } = await inhabit(server)
    await addPusher(bob, gateway.url)
    const [first, second] = [await alice.send(roomId, 'one'), await alice.send(roomId, 'two')]
    await gateway.until(2)
    await read(bob, roomId, first)
    const device = { app_id: 'org.example.app', data: { custom: 'yes' } }
    expect(await gateway.next(2)).toMatchObject({ prio: 'low', counts: { unread: 1 }, devices: [device] })
    await read(bob, roomId, second)
    expect(await gateway.next(3)).toMatchObject({ counts: { unread: 0 }, devices: [device] })
    await alice.send(roomId, 'three')
    expect(await gateway.next(4)).toMatchObject({ counts: { unread: 1 } })
  })

  test.each([
    ['says so', { body: { rejected: ['key of @bob:hs.test'] } }],
    ['is gone', { status: 410 }],
  ])('a pusher goes when its gateway %s', async (_, answer) => {
    await using gateway = await PushGateway.start()
    await using server = await start()
    const { alice, bob, roomId } = await inhabit(server)
    gateway.answer = () => answer
    const removed = Promise.withResolvers<void>()
    server.server.services.pushers.subscribe(() => {
      if (gateway.told.length > 0) removed.resolve()
    })
    await addPusher(bob, gateway.url)
    await alice.send(roomId, 'hello')
    await removed.promise
    expect((await bob.get('/pushers'))['pushers']).toEqual([])
  })

  test('a gateway that rejects the keys of others rejects nothing of ours', async () => {
    await using gateway = await PushGateway.start()
    await using server = await start()
    const { alice, bob, roomId } = await inhabit(server)
    gateway.answer = () => ({ body: { rejected: ['another key', 7] } })
    await addPusher(bob, gateway.url)
    const sent = [await alice.send(roomId, 'one'), await alice.send(roomId, 'two')]
    await gateway.until(2)
    expect(gateway.events).toEqual(sent)
  })

  test('T83: a pusher leads to no private address and follows no redirect', async () => {
    await using inside = await PushGateway.start()
    await using outside = await PushGateway.start()
    await using server = await start('')
    const { alice, bob, roomId } = await inhabit(server)
    const failures = (): boolean =>
      server.server.services.metrics.text().includes('push_requests_total{result="failed"} 1')
    await addPusher(bob, inside.url)
    await alice.send(roomId, 'hello')
    while (!failures()) await alice.get('/account/whoami')
    expect(inside.connections).toBe(0)

    await using lenient = await start()
    const others = await inhabit(lenient)
    outside.answer = () => ({ status: 302, headers: { location: inside.url } })
    await addPusher(others.bob, outside.url)
    await others.alice.send(others.roomId, 'hello')
    await outside.until(2) // it counts as a failure, so it is tried again
    expect(inside.connections).toBe(0)
  })

  const startAt = (clock: FakeClock): Promise<TestServer> =>
    startServer({ database: dialect, config: local, parts: { clock } })

  test('what fails is told again, in order', async () => {
    const clock = new FakeClock()
    await using gateway = await PushGateway.start()
    await using server = await startAt(clock)
    const { alice, bob, roomId } = await inhabit(server)
    gateway.answer = () => ({ status: 502 })
    await addPusher(bob, gateway.url)
    const sent = [await alice.send(roomId, 'one'), await alice.send(roomId, 'two')]
    await gateway.until(1)
    for (let tries = 2; tries < 6; tries++) await turnUntil(clock, gateway, tries)
    expect(new Set(gateway.events)).toEqual(new Set([sent[0]]))
    const refused = gateway.told.length
    gateway.answer = () => ({})
    await turnUntil(clock, gateway, refused + 2)
    expect(gateway.events.slice(refused)).toEqual(sent)
  })

  test('T83: a gateway that hangs is left alone after a while', async () => {
    const clock = new FakeClock()
    await using gateway = await PushGateway.start()
    await using server = await startAt(clock)
    const { alice, bob, roomId } = await inhabit(server)
    gateway.answer = () => undefined
    await addPusher(bob, gateway.url)
    const eventId = await alice.send(roomId, 'one')
    await gateway.until(1)
    gateway.answer = () => ({})
    expect(await turnUntil(clock, gateway, 2)).toBeGreaterThanOrEqual(20_000)
    expect(gateway.events).toEqual([eventId, eventId])
  })

  test('after long failing nothing is told that was read or redacted meanwhile', async () => {
    const clock = new FakeClock()
    await using gateway = await PushGateway.start()
    await using server = await startAt(clock)
    const { alice, bob, roomId } = await inhabit(server)
    gateway.answer = () => ({ status: 502 })
    await addPusher(bob, gateway.url)
    const seen = await alice.send(roomId, 'read')
    await gateway.until(1)
    await read(bob, roomId, seen)
    const redacted = await alice.send(roomId, 'redacted')
    await alice.put(`/rooms/${encoded(roomId)}/redact/${encoded(redacted)}/txn`, {})
    const many: string[] = []
    for (let n = 0; n < 120; n++) many.push(await alice.send(roomId, `${n}`))
    gateway.answer = () => ({})
    // The next try succeeds, and what follows waits for no clock: turned on, it would pass the day after which nothing is told.
    await turnUntil(clock, gateway, 2)
    await gateway.until(1 + many.length)
    expect(gateway.events).toEqual([seen, ...many])
  }, 240_000)

  test('what a gateway has refused for a day is told no more', async () => {
    const clock = new FakeClock()
    await using gateway = await PushGateway.start()
    await using server = await startAt(clock)
    const { alice, bob, roomId } = await inhabit(server)
    await addPusher(bob, gateway.url)
    const old = await alice.send(roomId, 'old')
    gateway.answer = ({ event_id: id }) => (id === old ? { status: 502 } : {})
    await gateway.until(1)
    await clock.advance(24 * 3_600_000)
    const fresh = await alice.send(roomId, 'fresh')
    while (gateway.events.at(-1) !== fresh) {
      await clock.advance(60_000)
      await alice.get('/_matrix/client/versions') // gives the server time, or this day would pass as well
    }
    expect(new Set(gateway.events)).toEqual(new Set([old, fresh]))
  }, 240_000)

  test('restarts lose nothing and repeat nothing', async () => {
    await using gateway = await PushGateway.start()
    const url = await freshUrl()
    const restart = async (): Promise<TestServer> => await startOn(url, dialect)
    let roomId = ''
    const sent: string[] = []
    {
      await using server = await restart()
      const { alice, bob, ...place } = await inhabit(server)
      roomId = place.roomId
      await addPusher(bob, gateway.url)
      sent.push(await alice.send(roomId, 'one'))
      await gateway.until(1)
      gateway.answer = () => ({ status: 502 })
      sent.push(await alice.send(roomId, 'two'), await alice.send(roomId, 'three'))
      await gateway.until(2)
    }
    gateway.answer = () => ({})
    const before = gateway.told.length
    await forgetProgress(url)
    await using server = await restart()
    const alice = await server.client().login('alice', 'password of alice')
    await gateway.until(before + 2)
    sent.push(await alice.send(roomId, 'four'))
    await gateway.until(before + 3)
    expect(gateway.events.slice(0, 1)).toEqual(sent.slice(0, 1))
    expect(gateway.events.slice(before)).toEqual(sent.slice(1))
  })
})

/** As a crash leaves it that comes before the place of all pushers was kept. */
async function forgetProgress(url: string): Promise<void> {
  await using database = await Database.open({ url })
  await database.transaction('forget', (tx) => tx.run('update push_progress set position = 0'))
}

const signingKeys = [signingKeyFromSeed('test', Buffer.alloc(32, 1))] as const

async function startOn(url: string, dialect: Dialect): Promise<TestServer> {
  return await startServer({
    database: dialect,
    config: `${local}database: { url: '${url}' }\n`,
    parts: { signingKeys: [...signingKeys] },
  })
}
