import { randomBytes } from 'node:crypto'
import { expect, test } from '@jest/globals'
import { signingKeyFromSeed } from '../../core/signing.ts'
import { FakeClock } from '../../platform/fake-clock.ts'
import type { Client } from '../../../test/support/client.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { startServer, type TestServer } from '../../../test/support/server.ts'
import { addWaitingEvents } from '../../../test/support/waiting-events.ts'

const unstable = '/_matrix/client/unstable/org.matrix.msc4140'
const stable = '/_matrix/client/v1'
const type = 'com.example.test'
const at = (roomId: string, rest: string): string => `/rooms/${encodeURIComponent(roomId)}/${rest}`
const delayed = (ms: number | string): string => `?org.matrix.msc4140.delay=${ms}`

interface Waiting {
  readonly delay_id: string
  readonly [key: string]: unknown
}

async function waiting(client: Client, query = ''): Promise<Waiting[]> {
  return (await client.get(`${unstable}/delayed_events${query}`))['delayed_events'] as Waiting[]
}

/** Leaves state here and gives the id of it. */
async function leave(client: Client, roomId: string, key: string, ms: number, content: object = {}): Promise<string> {
  const answer = await client.put(at(roomId, `state/${type}/${key}${delayed(ms)}`), content)
  return answer['delay_id'] as string
}

async function state(client: Client, roomId: string, key: string, of = type): Promise<unknown> {
  const { status, body } = await client.request('GET', at(roomId, `state/${of}/${encodeURIComponent(key)}`))
  return status === 200 ? body : undefined
}

/** A room in which everybody may set the state of these tests. */
async function openRoom(owner: Client, ...others: Client[]): Promise<string> {
  const roomId = await owner.createRoom({
    preset: 'public_chat',
    power_level_content_override: { events: { [type]: 0 } },
  })
  for (const other of others) await other.post(`/join/${encodeURIComponent(roomId)}`)
  return roomId
}

/** Turns the clock, and lets what that woke come to its end. */
async function pass(clock: FakeClock, { server }: TestServer, ms: number): Promise<void> {
  await clock.advance(ms)
  for (let round = 0; round < 4; round++) {
    await server.settle()
    await clock.advance(0)
  }
}

forEachDatabase(({ dialect: database, freshUrl }) => {
  test('messages are sent in the order of their times, no earlier, and only their sender learns their ids', async () => {
    const clock = new FakeClock()
    await using server = await startServer({ database, parts: { clock } })
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await openRoom(alice, bob)
    const { next_batch: since } = await alice.sync()
    const send = (n: number, body?: object) =>
      alice.put(at(roomId, `send/${type}/${n}${delayed(1000 - n * 100)}`), body)
    const ids = [await send(1, { n: 1 }), await send(2, { n: 2 }), await send(3, { n: 3 })].map(
      (one) => one['delay_id'],
    )
    expect(await send(2)).toEqual({ delay_id: ids[1] })
    expect((await waiting(alice)).map(({ content }) => content)).toEqual([{ n: 3 }, { n: 2 }, { n: 1 }])
    expect(await waiting(bob)).toEqual([])
    await pass(clock, server, 699)
    expect(await waiting(alice)).toHaveLength(3)
    await pass(clock, server, 201)
    expect(await waiting(alice)).toEqual([])
    const seen = async (client: Client) => {
      const { rooms } = await client.sync({ since: since as string })
      const events = rooms.join[roomId].timeline.events as {
        content: { n: number }
        unsigned: Record<string, unknown>
      }[]
      return events.map(({ content, unsigned }) => [content.n, unsigned['org.matrix.msc4140.delay_id']])
    }
    expect(await seen(alice)).toEqual([
      [3, ids[2]],
      [2, ids[1]],
      [1, ids[0]],
    ])
    expect((await seen(bob)).map(([, id]) => id)).toEqual([undefined, undefined, undefined])
  })

  test('state can be restarted, sent and cancelled by whoever knows its id', async () => {
    const clock = new FakeClock()
    await using server = await startServer({ database, parts: { clock } })
    const alice = await server.register('alice')
    const anybody = server.client()
    const roomId = await openRoom(alice)
    const [one, two, three] = [
      await leave(alice, roomId, '1', 1000, { a: 1 }),
      await leave(alice, roomId, '2', 100_000, { a: 2 }),
      await leave(alice, roomId, '3', 1000),
    ]
    await pass(clock, server, 900)
    expect(await anybody.post(`${unstable}/delayed_events/${one}/restart`)).toEqual({})
    expect(await anybody.post(`${stable}/delayed_events/${two}/send`)).toEqual({})
    expect(await anybody.post(`${unstable}/delayed_events/${three}`, { action: 'cancel' })).toEqual({})
    expect(await state(alice, roomId, '2')).toEqual({ a: 2 })
    expect(await waiting(alice)).toMatchObject([
      { delay_id: one, type, state_key: '1', delay: 1000, content: { a: 1 } },
    ])
    await pass(clock, server, 999)
    expect(await state(alice, roomId, '1')).toBeUndefined()
    await pass(clock, server, 1)
    expect(await state(alice, roomId, '1')).toEqual({ a: 1 })
    expect(await state(alice, roomId, '3')).toBeUndefined()
    // What is done already is well; what cannot be undone is a conflict, and unstably not there.
    await anybody.post(`${unstable}/delayed_events/${two}/send`)
    await anybody.post(`${unstable}/delayed_events/${three}/cancel`)
    const refusal = (path: string, body: object = {}) => anybody.refusal('POST', path, body)
    const notFound = { status: 404, errcode: 'M_NOT_FOUND' }
    expect(await refusal(`${unstable}/delayed_events/${two}/cancel`)).toEqual(notFound)
    expect(await refusal(`${stable}/delayed_events/${two}/cancel`)).toEqual({ status: 409, errcode: 'M_UNKNOWN' })
    expect(await refusal(`${stable}/delayed_events/${three}/send`)).toEqual({ status: 409, errcode: 'M_UNKNOWN' })
    expect(await refusal(`${stable}/delayed_events/${two}/restart`)).toEqual(notFound)
    expect(await refusal(`${stable}/delayed_events/nothing/restart`)).toEqual(notFound)
    expect(await refusal(`${unstable}/delayed_events/${one}/explode`)).toEqual({
      status: 404,
      errcode: 'M_UNRECOGNIZED',
    })
    expect((await refusal(`${unstable}/delayed_events/${one}`)).errcode).toBe('M_MISSING_PARAM')
    expect((await refusal(`${unstable}/delayed_events/${one}`, { action: 'no' })).errcode).toBe('M_INVALID_PARAM')
    anybody.token = 'nonsense'
    expect((await refusal(`${unstable}/delayed_events/${one}/restart`)).status).toBe(401)
  })

  test('state that somebody else sets in the meantime stays; what its own user sets does not', async () => {
    const clock = new FakeClock()
    await using server = await startServer({ database, parts: { clock } })
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await openRoom(alice, bob)
    const [other] = [await leave(alice, roomId, 'other', 1000), await leave(alice, roomId, 'own', 1000)]
    await bob.setState(roomId, type, { by: 'bob' }, 'other')
    await alice.setState(roomId, type, { by: 'alice' }, 'own')
    expect((await waiting(alice)).map(({ state_key: key }) => key)).toEqual(['own'])
    await pass(clock, server, 1000)
    expect(await state(alice, roomId, 'other')).toEqual({ by: 'bob' })
    expect(await state(alice, roomId, 'own')).toEqual({})
    expect((await alice.refusal('POST', `${unstable}/delayed_events/${other}/restart`)).status).toBe(404)
  })

  test('what the room refuses in the end is told to its user, and not tried again', async () => {
    const clock = new FakeClock()
    await using server = await startServer({ database, parts: { clock } })
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await openRoom(alice, bob)
    const id = await leave(bob, roomId, 'mine', 1000)
    await alice.post(at(roomId, 'kick'), { user_id: bob.userId })
    expect((await bob.refusal('POST', `${unstable}/delayed_events/${id}/send`)).status).toBe(403)
    expect(await waiting(bob)).toHaveLength(1)
    await pass(clock, server, 1000)
    const error = { errcode: 'M_FORBIDDEN', error: expect.any(String) as unknown }
    expect(await waiting(bob, '?status=finalised')).toMatchObject([{ delay_id: id, error, finalised: { error } }])
    expect(await bob.get(`${stable}/delayed_events/${id}`)).toMatchObject({ error })
    expect((await alice.refusal('GET', `${stable}/delayed_events/${id}`)).status).toBe(404)
  })

  test('what waits survives the server, and whoever is in a call has some time to come back', async () => {
    const clock = new FakeClock()
    const member = 'org.matrix.msc3401.call.member'
    const config = `database: { url: '${await freshUrl()}' }`
    const parts = { clock, signingKeys: [signingKeyFromSeed('test', randomBytes(32))] } as const
    const first = await startServer({ config, parts })
    const alice = await first.register('alice')
    const roomId = await alice.createRoom()
    const key = `_${alice.userId}_DEVICE_m.call`
    await alice.setState(roomId, member, { application: 'm.call' }, key)
    await alice.put(at(roomId, `state/${member}/${encodeURIComponent(key)}${delayed(8000)}`), {})
    await leave(alice, roomId, 'other', 8000, { n: 1 })
    await first[Symbol.asyncDispose]()
    await clock.advance(20_000)

    await using server = await startServer({ config, parts })
    const back = Object.assign(server.client(), { token: alice.token, userId: alice.userId })
    await pass(clock, server, 0)
    expect(await state(back, roomId, 'other')).toEqual({ n: 1 })
    await pass(clock, server, 7999)
    expect(await state(back, roomId, key, member)).toEqual({ application: 'm.call' })
    await pass(clock, server, 1)
    expect(await state(back, roomId, key, member)).toEqual({})
  })

  test('of ten thousand events that wait only the one is sent whose time has come', async () => {
    const clock = new FakeClock()
    const url = await freshUrl()
    await using server = await startServer({ config: `database: { url: '${url}' }`, parts: { clock } })
    const alice = await server.register('alice')
    const roomId = await openRoom(alice)
    const id = await leave(alice, roomId, 'now', 1000, { n: 1 })
    await addWaitingEvents(url, 10_000, clock.now() + 1001)
    await pass(clock, server, 1000)
    expect(await state(alice, roomId, 'now')).toEqual({ n: 1 })
    expect(await alice.get(`${stable}/delayed_events/${id}`)).toMatchObject({ origin_server_ts: clock.now() })
    expect(await server.server.services.delayedEvents.scheduled('@user7:hs.test')).toHaveLength(100)
  })

  test('an account that ends takes along what it left here', async () => {
    const clock = new FakeClock()
    await using server = await startServer({ database, parts: { clock } })
    const alice = await server.register('alice')
    const roomId = await openRoom(alice)
    const id = await leave(alice, roomId, 'mine', 1000)
    const auth = { type: 'm.login.password', identifier: { type: 'm.id.user', user: 'alice' } }
    await alice.post('/account/deactivate', { auth: { ...auth, password: 'password of alice' } })
    await server.server.background.settle()
    expect(await server.server.services.delayedEvents.find(id)).toBeUndefined()
  })
})

test('what is too far away, too much, or no delay at all is refused in the words that clients know', async () => {
  const clock = new FakeClock()
  await using server = await startServer({ config: 'calls: { max_delay: 1h }', parts: { clock } })
  const [alice, bob] = [await server.register('alice'), await server.register('bob')]
  const roomId = await openRoom(alice)
  const { capabilities } = await alice.get('/capabilities')
  expect(capabilities['org.matrix.msc4140.delayed_events']).toEqual({ max_delay_ms: 3_600_000, max_scheduled: 100 })
  const put = (path: string, body: object = {}) => alice.request('PUT', path, body)
  const tooLong = await put(at(roomId, `send/${type}/1${delayed(3_600_001)}`))
  expect(tooLong).toMatchObject({
    status: 400,
    body: {
      errcode: 'M_UNKNOWN',
      'org.matrix.msc4140.errcode': 'M_MAX_DELAY_EXCEEDED',
      'org.matrix.msc4140.max_delay': 3_600_000,
      max_delay: 3_600_000,
    },
  })
  const own = at(roomId, `delayed_event/${type}`)
  const body = { delay: 3_600_001, content: {} }
  expect((await put(`${unstable}${own}/2`, body)).body['errcode']).toBe('ORG.MATRIX.MSC4140_MAX_DELAY_EXCEEDED')
  expect((await put(`${own}/2`, body)).body).toMatchObject({ errcode: 'M_MAX_DELAY_EXCEEDED', max_delay: 3_600_000 })
  for (const delay of [0, -1, 1.5, '1']) {
    expect((await put(`${own}/3`, { ...body, delay })).body['errcode']).toBe('M_INVALID_PARAM')
  }
  for (const delay of ['0', '-1', '1.5', 'soon']) {
    expect((await put(at(roomId, `send/${type}/4${delayed(delay)}`))).body['errcode']).toBe('M_INVALID_PARAM')
  }
  expect((await put(`${own}/5`, { content: {} })).body['errcode']).toBe('M_MISSING_PARAM')
  expect((await put(at(roomId, `send/${type}/6${delayed(1000)}`), { n: 1.5 })).body['errcode']).toBe('M_BAD_JSON')
  const large = await put(at(roomId, `send/${type}/7${delayed(1000)}`), { text: 'x'.repeat(65_536) })
  expect(large.body['errcode']).toBe('M_TOO_LARGE')
  expect(await bob.refusal('PUT', `${own}/8`, { delay: 1000, content: {} })).toEqual({
    status: 403,
    errcode: 'M_FORBIDDEN',
  })

  const made = await put(`${own}/9`, { delay: 90_000, state_key: 'key', content: { n: 1 } })
  expect((await put(`${own}/9`, { delay: 90_000, state_key: 'key', content: { n: 1 } })).body).toEqual(made.body)
  for (let n = 1; n < 100; n++) await leave(alice, roomId, String(n), 100_000)
  const tooMany = await put(at(roomId, `state/${type}/100${delayed(100_000)}`))
  expect(tooMany.status).toBe(429)
  expect(tooMany.body).toMatchObject({ errcode: 'M_LIMIT_EXCEEDED', retry_after_ms: 90_000 })
  expect(tooMany.headers.get('retry-after')).toBe('90')
})
