/** Threats to accounts and to what they share: secrets, repeated requests, malformed keys, crowds, strangers. */
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { expect, jest, test } from '@jest/globals'
import { forEachDatabase } from '../support/databases.ts'
import { TestDevice } from '../support/encryption.ts'
import { Client } from '../support/client.ts'
import { main, Place, stop } from '../support/program.ts'
import { startServer } from '../support/server.ts'

jest.setTimeout(60_000)

const inRoom = (roomId: string, rest: string): string => `/rooms/${encodeURIComponent(roomId)}/${rest}`

test('T57: no file of the server and no line of its log, even the most talkative, holds a secret', async () => {
  await using place = await Place.make()
  const settings = `
server_name: hs.test
registration: { mode: open, i_accept_abuse_risk: true }
log: { level: debug, format: json }
`
  await writeFile(place.path('config.yaml'), settings)
  const child = place.launch(main, { args: ['-c', 'config.yaml'] })
  const [output, errors] = [child.stdout, child.stderr].map((stream) => (stream ? text(stream) : Promise.resolve('')))
  const client = new Client(place.url)
  await answered(client)
  const password = 'correct horse battery'
  const session = await client.post('/register', {
    username: 'alice',
    password,
    refresh_token: true,
    auth: { type: 'm.login.dummy' },
  })
  const alice = await new Client(place.url).login('alice', password)
  const refreshed = await alice.post('/refresh', { refresh_token: session['refresh_token'] })
  const openId = await alice.post(`/user/${encodeURIComponent(alice.userId)}/openid/request_token`)
  await client.get(`/account/whoami?access_token=${alice.token}`)
  await client.refusal('GET', '/account/whoami?access_token=a-token-of-somebody')
  const identifier = { type: 'm.id.user', user: 'alice' }
  await client.refusal('POST', '/login', { type: 'm.login.password', identifier, password: 'a wrong password' })
  await client.refusal('POST', '/login', `{"type":"m.login.password","password":"in broken JSON"`)
  const roomId = await alice.createRoom()
  await alice.send(roomId, 'words between friends')
  await client.refusal('PUT', inRoom(roomId, 'send/m.room.message/x'), { body: 'words of a stranger' })
  const secrets = [
    password,
    'a wrong password',
    'in broken JSON',
    'a-token-of-somebody',
    alice.token,
    session['access_token'],
    session['refresh_token'],
    refreshed['access_token'],
    refreshed['refresh_token'],
    openId['access_token'],
  ] as string[]

  expect(await stop(child)).toBe(0)
  const log = String(await output) + String(await errors)
  expect(log).toContain('/_matrix/client/v3/account/whoami')
  for (const words of [...secrets, 'words between friends', 'words of a stranger']) expect(log).not.toContain(words)
  const signingKey = (await readFile(place.path('data/signing.key'), 'utf8')).split(' ').at(-1)?.trim() ?? ''
  expect(log).not.toContain(signingKey)
  for (const name of await readdir(place.path('data'))) {
    const bytes = await readFile(place.path(`data/${name}`)).catch(() => Buffer.alloc(0)) // directories
    for (const secret of secrets) expect([name, bytes.includes(secret)]).toEqual([name, false])
  }
})

async function answered(client: Client): Promise<void> {
  for (;;) {
    const answer = await client.request('GET', '/_matrix/client/versions').catch(() => undefined)
    if (answer?.status === 200) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

forEachDatabase(({ dialect }) => {
  test('T69: a transaction id makes one event for its device and room, also when asked twenty times at once', async () => {
    await using server = await startServer({ database: dialect })
    const alice = await server.register('alice')
    const phone = await server.client().login('alice', 'password of alice')
    const [one, other] = [await alice.createRoom(), await alice.createRoom()]
    const send = async (client: Client, roomId: string, txn: string): Promise<string> =>
      (await client.put(inRoom(roomId, `send/m.room.message/${txn}`), { body: txn }))['event_id'] as string
    const first = await send(alice, one, 'first')
    expect(await send(alice, one, 'first')).toBe(first)
    expect(new Set([first, await send(phone, one, 'first'), await send(alice, other, 'first')]).size).toBe(3)
    const racing = await Promise.all(Array.from({ length: 20 }, () => send(alice, one, 'racing')))
    expect(new Set(racing).size).toBe(1)

    // What a client repeats after thousands of others may be another event, and is no fault.
    for (let n = 0; n < 2_100; n += 100) {
      await Promise.all(Array.from({ length: 100 }, (_, index) => send(alice, one, `n${n + index}`)))
    }
    const bystander = send(phone, one, 'meanwhile')
    expect(await send(alice, one, 'first')).toMatch(/^\$/)
    expect(await bystander).toMatch(/^\$/)
  })

  test('T71: keys that are malformed or of somebody else are refused', async () => {
    await using server = await startServer({ database: dialect })
    const alice = await server.register('alice')
    const good = new TestDevice(alice).deviceKeys
    const { keys: _keys, ...withoutKeys } = good
    const malformed: unknown[] = [
      { device_keys: 1 },
      { device_keys: [] },
      { device_keys: {} },
      { device_keys: { ...good, user_id: '@bob:hs.test' } },
      { device_keys: { ...good, user_id: 7 } },
      { device_keys: { ...good, device_id: 'OTHER' } },
      { device_keys: { ...good, device_id: null } },
      { device_keys: { ...good, algorithms: 'm.olm' } },
      { device_keys: { ...good, keys: { [`ed25519:${alice.deviceId}`]: 1 } } },
      { device_keys: { ...good, keys: [] } },
      { device_keys: withoutKeys },
      { device_keys: { ...good, signatures: 'none' } },
      { one_time_keys: { 'signed_curve25519:A': 1 } },
      { one_time_keys: [] },
    ]
    for (const body of malformed) {
      const { status, body: answer } = await alice.request('POST', '/keys/upload', body)
      expect([body, status]).toEqual([body, 400])
      expect(answer['errcode']).toMatch(/^M_/)
    }
    const { device_keys: published } = await alice.post('/keys/query', { device_keys: { [alice.userId]: [] } })
    expect((published as Record<string, unknown>)[alice.userId] ?? {}).toEqual({})
    await alice.post('/keys/upload', { device_keys: good })
  })

  test('T73: while 300 users join a room at once, others are served', async () => {
    await using server = await startServer({ database: dialect })
    const alice = await server.register('alice')
    const roomId = await alice.createRoom({ preset: 'public_chat' })
    const quiet = await alice.createRoom()
    const users: Client[] = []
    for (let n = 0; n < 300; n += 20) {
      users.push(...(await Promise.all(Array.from({ length: 20 }, (_, index) => server.register(`user${n + index}`)))))
    }
    let joining = true
    const joins = Promise.all(users.map((user) => user.post(inRoom(roomId, 'join')))).finally(() => (joining = false))
    let slowest = 0
    while (joining) {
      const begun = performance.now()
      await alice.send(quiet, 'is anybody there?')
      slowest = Math.max(slowest, performance.now() - begun)
    }
    await joins
    expect(slowest).toBeLessThan(5_000)
    const { joined } = await alice.get(inRoom(roomId, 'joined_members'))
    expect(Object.keys(joined as object)).toHaveLength(301)
  })

  test('T75: a stranger reads nothing of a private room, and cannot tell it from one that is not there', async () => {
    await using server = await startServer({ database: dialect })
    const [alice, mallory] = [await server.register('alice'), await server.register('mallory')]
    const roomId = await alice.createRoom({
      preset: 'private_chat',
      name: 'the secret name',
      topic: 'the secret topic',
    })
    const event = encodeURIComponent(await alice.send(roomId, 'the secret words'))
    const reads = [
      'state',
      'state/m.room.name/',
      'state/m.room.create/?format=event',
      'members',
      'joined_members',
      'messages?dir=b',
      `context/${event}`,
      `event/${event}`,
      'aliases',
      'timestamp_to_event?ts=0&dir=f',
      'threads',
      `relations/${event}`,
      'hierarchy',
      'summary',
    ]
    const id = encodeURIComponent(roomId)
    const paths = reads.flatMap((rest) => [
      `/_matrix/client/v1/rooms/${id}/${rest}`,
      `/_matrix/client/v3/rooms/${id}/${rest}`,
    ])
    const writes: readonly (readonly [string, string, unknown])[] = [
      ['POST', inRoom(roomId, 'join'), {}],
      ['POST', inRoom(roomId, `receipt/m.read/${event}`), {}],
      ['PUT', inRoom(roomId, `typing/${encodeURIComponent(mallory.userId)}`), { typing: true }],
      ['PUT', inRoom(roomId, 'send/m.room.message/x'), { body: 'x' }],
      ['PUT', inRoom(roomId, 'state/m.room.name/'), { name: 'x' }],
      ['PUT', inRoom(roomId, `redact/${event}/x`), {}],
      ['POST', inRoom(roomId, 'invite'), { user_id: mallory.userId }],
      ['POST', inRoom(roomId, 'upgrade'), { new_version: '12' }],
      ['PUT', `/directory/list/room/${id}`, { visibility: 'public' }],
    ]
    for (const [method, path, body] of [...paths.map((path) => ['GET', path, undefined] as const), ...writes]) {
      for (const client of [mallory, server.client()]) {
        const answer = await client.request(method, path, body)
        expect([method, path, answer.status]).toEqual([method, path, expect.any(Number)])
        expect([401, 403, 404]).toContain(answer.status)
        expect(JSON.stringify(answer.body)).not.toMatch(/the secret|@alice/)
      }
    }
    const lists = await Promise.all([mallory.get('/publicRooms'), mallory.sync(), mallory.get('/joined_rooms')])
    expect(JSON.stringify(lists)).not.toMatch(/the secret/)
    const found = await mallory.post('/user_directory/search', { search_term: 'alice' })
    expect(found['results']).toEqual([])
  })
})
