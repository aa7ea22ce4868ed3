import { expect, test } from '@jest/globals'
import { TestAppservice } from '../../../test/support/appservice.ts'
import type { Client } from '../../../test/support/client.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { startServer, type TestServer } from '../../../test/support/server.ts'
import { FakeClock } from '../../platform/fake-clock.ts'

const encoded = encodeURIComponent
const ghost = '@_irc_bob:hs.test'

type Json = Record<string, any> // eslint-disable-line -- events are looked into freely

/** A user of the service, made by the service. */
async function makeGhost(irc: Client, username = '_irc_bob'): Promise<void> {
  await irc.post('/register', { type: 'm.login.application_service', username, inhibit_login: true })
}

async function join(client: Client, roomId: string, as?: string): Promise<void> {
  await client.post(`/rooms/${encoded(roomId)}/join${as === undefined ? '' : `?user_id=${encoded(as)}`}`)
}

const saying =
  (body: string) =>
  ({ content }: Json): boolean =>
    content['body'] === body

const bodiesOf = (service: TestAppservice): unknown[] =>
  service.events.flatMap(({ type, content }) => (type === 'm.room.message' ? [content['body']] : []))

/** Turns the hands until it is so. */
async function turning<T>(clock: FakeClock, isSo: Promise<T>): Promise<T> {
  let isOver = false
  const end = isSo.finally(() => (isOver = true))
  while (!isOver) await clock.advance(500)
  return await end
}

forEachDatabase(({ dialect: database }) => {
  const start = (service: TestAppservice, config = '', parts = {}): Promise<TestServer> =>
    startServer({ database, config: [service.config, config], parts })

  test('a service hears what happens in rooms of its users, from their invitation to when they leave, and nothing else', async () => {
    await using service = await TestAppservice.start()
    await using server = await start(service)
    const irc = service.client(server)
    await makeGhost(irc)
    const alice = await server.register('alice')
    const other = await alice.createRoom()
    await alice.send(other, 'of no concern')
    const roomId = await alice.createRoom({ preset: 'public_chat' })
    await alice.send(roomId, 'before')
    await alice.post(`/rooms/${encoded(roomId)}/invite`, { user_id: ghost })
    await alice.send(roomId, 'between')
    await join(irc, roomId, ghost)
    await alice.send(roomId, 'one')
    await irc.put(`/rooms/${encoded(roomId)}/send/m.room.message/t1?user_id=${ghost}`, { body: 'own' })
    await irc.post(`/rooms/${encoded(roomId)}/leave?user_id=${ghost}`)
    await alice.send(roomId, 'after')
    await join(irc, roomId, ghost)
    await alice.send(roomId, 'two')
    const last = await service.event(saying('two'))
    expect(bodiesOf(service)).toEqual(['one', 'own', 'two'])
    expect(last).toEqual({
      content: { msgtype: 'm.text', body: 'two' },
      event_id: expect.any(String),
      origin_server_ts: expect.any(Number),
      room_id: roomId,
      sender: alice.userId,
      type: 'm.room.message',
      unsigned: { age: expect.any(Number) },
    })
    const memberships = service.events.flatMap(({ type, state_key: key, content }) =>
      type === 'm.room.member' && key === ghost ? [content['membership']] : [],
    )
    expect(memberships).toEqual(['invite', 'join', 'leave', 'join'])
    expect(service.transactions.map(({ path }) => path.split('/').at(-1))).toEqual(
      service.transactions.map((_, index) => String(index + 1)),
    )
    for (const { authorization, query } of service.transactions) {
      expect(authorization).toBe('Bearer hs_token-of-irc')
      expect(query.size).toBe(0)
    }
  })

  test('rooms and aliases of its namespaces concern a service as well, and where its sender is', async () => {
    await using service = await TestAppservice.start('irc', {
      namespaces: { users: [], aliases: [{ regex: '#_irc_.*', exclusive: false }], rooms: [] },
      'org.domovoi.legacy_authorization': true,
    })
    await using server = await start(service)
    const alice = await server.register('alice')
    const roomId = await alice.createRoom({ preset: 'public_chat' })
    await alice.send(roomId, 'before')
    const alias = encoded('#_irc_kitchen:hs.test')
    await alice.put(`/directory/room/${alias}`, { room_id: roomId })
    await alice.send(roomId, 'named')
    await service.event(saying('named'))
    await alice.ok('DELETE', `/directory/room/${alias}`)
    await alice.send(roomId, 'unnamed')
    await join(service.client(server), roomId)
    await alice.send(roomId, 'with the bot')
    await service.event(saying('with the bot'))
    expect(bodiesOf(service)).toEqual(['named', 'with the bot'])
    expect(service.transactions[0]?.query.get('access_token')).toBe('hs_token-of-irc')
    await service.register({
      namespaces: { rooms: [{ regex: `${roomId}$`, exclusive: false }] },
      sender_localpart: 'new',
    })
  })

  test('T87: what is refused is sent again, the same and in order, and nothing comes before it', async () => {
    await using service = await TestAppservice.start()
    const clock = new FakeClock()
    await using server = await start(service, '', { clock })
    const irc = service.client(server)
    const alice = await server.register('alice')
    const roomId = await alice.createRoom({ preset: 'public_chat' })
    await join(irc, roomId)
    await service.event(({ type }) => type === 'm.room.member')
    let failures = 2
    service.answer = ({ path }) => (path.includes('/transactions/') && failures-- > 0 ? { status: 500 } : {})
    const before = service.transactions.length
    await alice.send(roomId, 'one')
    await service.until(() => service.transactions.length > before)
    await alice.send(roomId, 'two')
    await alice.send(roomId, 'three')
    await turning(clock, service.event(saying('three')))
    expect(bodiesOf(service)).toEqual(['one', 'two', 'three'])
    const [first, second, third, fourth] = service.transactions.slice(before)
    expect([second?.path, third?.path]).toEqual([first?.path, first?.path])
    expect(third?.body['events'].map(({ content }: { content: object }) => content)).toEqual(
      first?.body['events'].map(({ content }: { content: object }) => content),
    )
    expect(fourth?.body['events']).toHaveLength(2)
  })

  test('T87: pauses between failures grow to an hour, and end as soon as the service asks for something', async () => {
    await using service = await TestAppservice.start()
    const clock = new FakeClock()
    await using server = await start(service, '', { clock })
    service.answer = () => ({ status: 503 })
    const irc = service.client(server)
    await irc.createRoom()
    const times: number[] = []
    while (times.length < 16) {
      await clock.advance(500)
      while (times.length < service.transactions.length) times.push(clock.monotonic())
    }
    // The hands go on while the server works, so pauses seem longer, never shorter.
    const pauses = times.map((time, index) => time - (times[index - 1] ?? 0)).slice(1)
    expect(pauses[0]).toBeGreaterThanOrEqual(500)
    expect(pauses.at(-1)).toBeGreaterThanOrEqual(3_599_000)
    service.answer = () => ({})
    const before = clock.monotonic()
    await clock.advance(5_000)
    await irc.get('/account/whoami')
    await turning(
      clock,
      service.event(({ type }) => type === 'm.room.create'),
    )
    expect(clock.monotonic() - before).toBeLessThan(3_000_000)
  })

  test('a redacted event that waits is told as what is left of it', async () => {
    await using service = await TestAppservice.start()
    const clock = new FakeClock()
    await using server = await start(service, '', { clock })
    const alice = await server.register('alice')
    const roomId = await alice.createRoom({ preset: 'public_chat' })
    await join(service.client(server), roomId)
    await service.event(({ type }) => type === 'm.room.member')
    let failures = 1
    const before = service.transactions.length
    service.answer = () => (failures > 0 ? { status: 500 } : {})
    const eventId = await alice.send(roomId, 'secret')
    await service.until(() => service.transactions.length > before)
    await alice.put(`/rooms/${encoded(roomId)}/redact/${encoded(eventId)}/t1`, {})
    failures = 0
    await turning(
      clock,
      service.event(({ type }) => type === 'm.room.redaction'),
    )
    const told = service.events.find(({ event_id: id }) => id === eventId)
    expect(told).toMatchObject({ content: {}, unsigned: { redacted_because: { type: 'm.room.redaction' } } })
  })

  test('a slow service delays neither senders nor other services', async () => {
    await using slow = await TestAppservice.start('slow')
    await using quick = await TestAppservice.start('quick')
    slow.answer = () => undefined
    const config = `appservices: ['${slow.registrationPath}', '${quick.registrationPath}']`
    await using server = await startServer({ database, config })
    const alice = await server.register('alice')
    const roomId = await alice.createRoom({ preset: 'public_chat' })
    await join(slow.client(server), roomId)
    await join(quick.client(server), roomId)
    for (let n = 0; n < 20; n++) await alice.send(roomId, `message ${n}`)
    await quick.event(saying('message 19'))
    expect(bodiesOf(quick)).toHaveLength(20)
    expect(slow.transactions).toHaveLength(1)
  })

  test('services that want it hear who types, who has read and who is online, under both names', async () => {
    await using service = await TestAppservice.start('irc', { receive_ephemeral: true })
    await using server = await start(service, 'presence: local')
    const irc = service.client(server)
    await makeGhost(irc)
    const alice = await server.register('alice')
    const [roomId, other] = [await alice.createRoom({ preset: 'public_chat' }), await alice.createRoom()]
    await join(irc, roomId, ghost)
    const eventId = await irc
      .put(`/rooms/${encoded(roomId)}/send/m.room.message/t1?user_id=${ghost}`, { body: 'hello' })
      .then(({ event_id: id }) => id as string)
    const heard = (): Json[] => service.transactions.flatMap(({ body }) => body['ephemeral'] ?? [])
    await alice.put(`/rooms/${encoded(other)}/typing/${alice.userId}`, { typing: true })
    await alice.put(`/rooms/${encoded(roomId)}/typing/${alice.userId}`, { typing: true })
    await service.until(() => heard().some(({ type }) => type === 'm.typing'))
    await alice.post(`/rooms/${encoded(roomId)}/receipt/m.read.private/${encoded(eventId)}`)
    await alice.post(`/rooms/${encoded(roomId)}/receipt/m.read/${encoded(eventId)}`)
    await alice.put(`/presence/${alice.userId}/status`, { presence: 'unavailable', status_msg: 'away' })
    await service.until(() => heard().some(({ content }) => content['status_msg'] === 'away'))
    await service.until(() => heard().some(({ type }) => type === 'm.receipt'))
    expect(heard().filter(({ type }) => type === 'm.typing')).toEqual([
      { type: 'm.typing', room_id: roomId, content: { user_ids: [alice.userId] } },
    ])
    expect(heard().filter(({ type }) => type === 'm.receipt')).toEqual([
      {
        type: 'm.receipt',
        room_id: roomId,
        content: { [eventId]: { 'm.read': { [alice.userId]: { ts: expect.any(Number) } } } },
      },
    ])
    expect(heard().find(({ content }) => content['status_msg'] === 'away')).toMatchObject({
      type: 'm.presence',
      sender: alice.userId,
    })
    for (const { body } of service.transactions)
      expect(body['de.sorunome.msc2409.ephemeral']).toEqual(body['ephemeral'])
  })
})
