import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../test/support/databases.ts'
import { type Client } from '../../test/support/client.ts'
import { FakeSfu } from '../../test/support/fake-sfu.ts'
import { startServer, type TestServer } from '../../test/support/server.ts'
import { sfuRoomOf } from '../domain/rtc/names.ts'
import { FakeClock } from '../platform/fake-clock.ts'

const sfuGet = '/livekit/jwt/sfu/get'
const getToken = '/livekit/jwt/get_token'
const slot = 'm.call#ROOM'

/** `Client.request` puts anything else below /_matrix. */
async function post(server: TestServer, path: string, body: unknown, method = 'POST') {
  const response = await fetch(server.url + path, {
    method,
    ...(method === 'POST' ? { body: typeof body === 'string' ? body : JSON.stringify(body) } : {}),
  })
  const text = await response.text()
  return { status: response.status, headers: response.headers, body: text === '' ? {} : JSON.parse(text) }
}

const openId = (client: Client) => client.post(`/user/${client.userId}/openid/request_token`)

async function legacyBody(client: Client, room: string) {
  return { room, openid_token: await openId(client), device_id: client.deviceId }
}

async function body(client: Client, room: string, change: object = {}) {
  const member = { id: 'm1', claimed_user_id: client.userId, claimed_device_id: client.deviceId }
  return { room_id: room, slot_id: slot, openid_token: await openId(client), member, ...change }
}

forEachDatabase(({ dialect }) => {
  test('rtc 4: /sfu/get lets a member into the room of its SFU, with no more rights than that', async () => {
    await using sfu = await FakeSfu.start()
    await using server = await startServer({ database: dialect, config: sfu.config })
    const alice = await server.register('alice')
    const room = await alice.createRoom()
    const answer = await post(server, sfuGet, await legacyBody(alice, room))
    expect(answer).toMatchObject({ status: 200, body: { url: sfu.publicUrl, jwt: expect.any(String) } })
    const { sub, video, exp, nbf } = await sfu.claims(answer.body.jwt)
    expect(sub).toBe(`${alice.userId}:${alice.deviceId}`)
    expect(exp - nbf).toBe(3600)
    const name = sfuRoomOf(room as `!${string}`, slot)
    expect(video).toEqual({
      room: name,
      roomJoin: true,
      roomCreate: false,
      canPublish: true,
      canSubscribe: true,
      canUpdateOwnMetadata: true,
    })
    expect(sfu.calls).toEqual([
      {
        method: 'CreateRoom',
        body: { name, empty_timeout: 300, departure_timeout: 20, max_participants: 0 },
        video: { roomCreate: true },
      },
    ])
  })

  test('rtc 5: /get_token knows members by hashes, and refuses what is missing or claimed falsely', async () => {
    await using sfu = await FakeSfu.start()
    await using server = await startServer({ database: dialect, config: sfu.config })
    const [alice, bob] = await Promise.all([server.register('alice'), server.register('bob')])
    const room = await alice.createRoom()
    const good = await body(alice, room)
    const { status, body: granted } = await post(server, getToken, good)
    expect(status).toBe(200)
    const { sub, video } = await sfu.claims(granted.jwt)
    expect(sub).toMatch(/^[A-Za-z0-9+/]{43}$/)
    expect(video.room).toBe(sfuRoomOf(room as `!${string}`, slot))

    const { member } = good
    const unauthorized = { errcode: 'M_UNAUTHORIZED', error: 'The request could not be authorised' }
    const claiming = { ...good, member: { ...member, claimed_user_id: bob.userId } }
    expect(await post(server, getToken, claiming)).toMatchObject({ status: 401, body: unauthorized })
    for (const bad of [
      {},
      { ...good, room_id: undefined },
      { ...good, slot_id: '' },
      { ...good, member: { ...member, id: undefined } },
      { ...good, member: { ...member, claimed_device_id: 'a\0' } },
      { ...good, member: 'x' },
      { ...good, openid_token: { access_token: 'x' } },
      { ...good, delay_id: 'x' },
      { ...good, delay_timeout: 1000 },
    ]) {
      expect(await post(server, getToken, bad)).toMatchObject({ status: 400, body: { errcode: 'M_BAD_JSON' } })
    }
    expect(await post(server, getToken, '{')).toMatchObject({ status: 400, body: { errcode: 'M_NOT_JSON' } })
    expect(await post(server, getToken, '', 'GET')).toMatchObject({ status: 405 })
  })

  test('rtc 6: an OpenID token that is made up or has expired opens nothing', async () => {
    const clock = new FakeClock()
    await using sfu = await FakeSfu.start()
    await using server = await startServer({ database: dialect, config: sfu.config, parts: { clock } })
    const alice = await server.register('alice')
    const room = await alice.createRoom()
    const request = await legacyBody(alice, room)
    const refused = { status: 401, body: { errcode: 'M_UNAUTHORIZED' } }
    const madeUp = { ...request, openid_token: { ...request.openid_token, access_token: 'made up' } }
    expect(await post(server, sfuGet, madeUp)).toMatchObject(refused)
    const accessToken = { ...request, openid_token: { ...request.openid_token, access_token: alice.token } }
    expect(await post(server, sfuGet, accessToken)).toMatchObject(refused)
    const elsewhere = { ...request, openid_token: { ...request.openid_token, matrix_server_name: 'other.test' } }
    expect(await post(server, sfuGet, elsewhere)).toMatchObject(refused)
    await clock.advance(3_600_000)
    expect(await post(server, sfuGet, request)).toMatchObject(refused)
    expect(sfu.calls).toEqual([])
  })

  test('rtc 7: whoever is not in the room is refused in the same words, whatever the reason', async () => {
    await using sfu = await FakeSfu.start()
    await using server = await startServer({ database: dialect, config: sfu.config })
    const [alice, bob] = await Promise.all([server.register('alice'), server.register('bob')])
    const room = await alice.createRoom({ preset: 'public_chat' })
    const refusals: { status: number; error?: string }[] = []
    const ask = async (room: string) => {
      const { status, body: refusal } = await post(server, sfuGet, await legacyBody(bob, room))
      refusals.push({ status, ...refusal })
    }
    await ask(room)
    await ask('!unknown:hs.test')
    await ask('no room id')
    await bob.post(`/rooms/${room}/join`)
    await bob.post(`/rooms/${room}/leave`)
    await ask(room)
    await alice.post(`/rooms/${room}/ban`, { user_id: bob.userId })
    await ask(room)
    const refusal = { status: 403, errcode: 'M_FORBIDDEN', error: expect.any(String) }
    expect(refusals).toEqual(refusals.map(() => refusal))
    expect(new Set(refusals.map(({ error }) => error)).size).toBe(1)
  })

  test('rtc 26: whoever is removed from the room is removed from its call, and put out when coming back', async () => {
    await using sfu = await FakeSfu.start()
    await using server = await startServer({ database: dialect, config: sfu.config })
    const [alice, bob] = await Promise.all([server.register('alice'), server.register('bob')])
    const room = await alice.createRoom({ preset: 'public_chat' })
    await bob.post(`/rooms/${room}/join`)
    await post(server, sfuGet, await legacyBody(bob, room))
    const name = sfuRoomOf(room as `!${string}`, slot)
    const identity = `${bob.userId}:${bob.deviceId}`
    sfu.rooms.set(name, [identity])
    await alice.post(`/rooms/${room}/kick`, { user_id: bob.userId })
    await server.server.settle()
    expect(sfu.rooms.get(name)).toEqual([])

    sfu.rooms.set(name, [identity, 'a stranger'])
    for (const [at, one] of [identity, 'a stranger'].entries()) {
      const participant = { sid: `PA_${at}`, identity: one }
      await sfu.tell(server.url, { event: 'participant_joined', id: `EV_${at}`, room: { name }, participant })
    }
    await server.server.settle()
    expect(sfu.rooms.get(name)).toEqual([])
  })

  test('those of whom no webhook told are found by a look from time to time', async () => {
    await using sfu = await FakeSfu.start()
    await using server = await startServer({ database: dialect, config: sfu.config })
    const alice = await server.register('alice')
    const room = await alice.createRoom()
    await post(server, sfuGet, await legacyBody(alice, room))
    const name = sfuRoomOf(room as `!${string}`, slot)
    const identity = `${alice.userId}:${alice.deviceId}`
    sfu.rooms.set(name, [identity, 'a stranger'])
    sfu.rooms.set('of somebody else', ['somebody'])
    await server.server.services.calls?.look()
    expect(Object.fromEntries(sfu.rooms)).toEqual({ [name]: [identity], 'of somebody else': ['somebody'] })
  })
})

test('rtc 1: transports are told in both keys, at both paths and in the well-known file, and to users only', async () => {
  await using sfu = await FakeSfu.start()
  await using server = await startServer({ config: [sfu.config, 'public_url: https://chat.test/'] })
  const alice = await server.register('alice')
  const known = [{ type: 'livekit', livekit_service_url: 'https://chat.test/livekit/jwt', url: sfu.publicUrl }]
  const stable = '/_matrix/client/v1/rtc/transports'
  const unstable = '/_matrix/client/unstable/org.matrix.msc4143/rtc/transports'
  for (const path of [stable, unstable]) {
    expect(await alice.get(path)).toEqual({
      rtc_transports: known,
      transports: [...known, { type: 'm.livekit', url: sfu.publicUrl }],
    })
    expect(await server.client().refusal('GET', path)).toEqual({ status: 401, errcode: 'M_MISSING_TOKEN' })
  }
  const wellKnown = await alice.get('/.well-known/matrix/client')
  expect(wellKnown['org.matrix.msc4143.rtc_foci']).toEqual(known)
  const { unstable_features: features } = await alice.get('/_matrix/client/versions')
  expect(features).toMatchObject({ 'org.matrix.msc4143': true, 'io.element.msc4195': true })
})

test('rtc 1: where there are no calls nothing says that there are', async () => {
  await using server = await startServer()
  const alice = await server.register('alice')
  const unrecognized = { status: 404, errcode: 'M_UNRECOGNIZED' }
  const unstable = '/_matrix/client/unstable'
  expect(await alice.refusal('GET', '/_matrix/client/v1/rtc/transports')).toEqual(unrecognized)
  expect(await alice.refusal('GET', `${unstable}/org.matrix.msc4143/rtc/transports`)).toEqual(unrecognized)
  expect(await alice.refusal('POST', `${unstable}/io.element.msc4195/rtc/livekit/get_token`, {})).toEqual(unrecognized)
  expect(await post(server, sfuGet, {})).toMatchObject({ status: 404, body: { errcode: 'M_UNRECOGNIZED' } })
  expect(await alice.get('/.well-known/matrix/client')).not.toHaveProperty(['org.matrix.msc4143.rtc_foci'])
  const { unstable_features: features } = await alice.get('/_matrix/client/versions')
  expect(features).not.toHaveProperty(['org.matrix.msc4143'])
})

test('rtc 3: browsers may ask from anywhere, and may read refusals', async () => {
  await using sfu = await FakeSfu.start()
  await using server = await startServer({ config: sfu.config })
  const options = await fetch(server.url + getToken, { method: 'OPTIONS' })
  expect(options.ok).toBe(true)
  expect(options.headers.get('access-control-allow-headers')).toContain('Content-Type')
  for (const headers of [
    options.headers,
    (await post(server, getToken, {})).headers,
    (await post(server, sfuGet, '{')).headers,
  ]) {
    expect(headers.get('access-control-allow-origin')).toBe('*')
    expect(headers.get('access-control-allow-methods')).toContain('POST')
  }
})

test('rtc 9: users of old and new clients in one Matrix room meet in one room of the SFU', async () => {
  await using sfu = await FakeSfu.start()
  await using server = await startServer({ config: sfu.config })
  const alice = await server.register('alice')
  const room = await alice.createRoom()
  const old = await post(server, sfuGet, await legacyBody(alice, room))
  const later = await post(server, getToken, await body(alice, room))
  const hosted = await alice.post('/_matrix/client/v1/rtc/livekit/get_token', {
    url: sfu.publicUrl,
    room_id: room,
    slot_id: slot,
    member_id: 'm2',
  })
  const tokens = [old.body.jwt, later.body.jwt, hosted['jwt']] as string[]
  const claims = await Promise.all(tokens.map((jwt) => sfu.claims(jwt)))
  expect(new Set(claims.map(({ video }) => video.room)).size).toBe(1)
  expect(new Set(claims.map(({ sub }) => sub)).size).toBe(3)
})

test('rtc 13: a webhook counts only if our SFU has signed this very body, and once', async () => {
  await using sfu = await FakeSfu.start()
  await using server = await startServer({ config: sfu.config })
  const alice = await server.register('alice')
  const room = await alice.createRoom()
  await post(server, sfuGet, await legacyBody(alice, room))
  const name = sfuRoomOf(room as `!${string}`, slot)
  const event = (id: string) => ({
    event: 'participant_joined',
    id,
    room: { name },
    participant: { sid: 'P', identity: 'x' },
  })
  const { url } = server
  expect(await sfu.tell(url, event('1'), { secret: 'another secret of more than thirty-two' })).toBe(401)
  expect(await sfu.tell(url, event('2'), { body: '{"event":"altered"}' })).toBe(401)
  expect(await sfu.tell(url, event('3'), { prefix: 'Bearer ' })).toBe(401)
  expect(await sfu.tell(url, event('4'), { ttl: -3600 })).toBe(401)
  await server.server.settle()
  const removals = (): number => sfu.calls.filter(({ method }) => method === 'RemoveParticipant').length
  expect(removals()).toBe(0)
  expect(await sfu.tell(url, event('5'))).toBe(200)
  expect(await sfu.tell(url, event('5'))).toBe(200)
  await server.server.settle()
  expect(removals()).toBe(1)
})

test('an SFU that does not answer is a clear refusal, and chat goes on', async () => {
  await using sfu = await FakeSfu.start()
  const broken = sfu.config.replace(/http:\/\/127.0.0.1:\d+/, 'http://127.0.0.1:1')
  await using server = await startServer({ config: [broken, 'log: { level: error }'] })
  const alice = await server.register('alice')
  const room = await alice.createRoom()
  const refused = { status: 500, body: { errcode: 'M_UNKNOWN', error: 'Unable to create room on SFU' } }
  expect(await post(server, sfuGet, await legacyBody(alice, room))).toMatchObject(refused)
  await alice.send(room, 'hello')
})
