/** Threats in what clients send (docs/security.md): numbers, texts, depth and size. */
import { expect, test } from '@jest/globals'
import { allowsServer } from '../../homeserver/core/server-acl.ts'
import { Database } from '../../homeserver/storage/database.ts'
import type { Client } from '../support/client.ts'
import { forEachDatabase } from '../support/databases.ts'
import { startServer, type TestServer } from '../support/server.ts'

const json = { 'Content-Type': 'application/json' }
const inRoom = (roomId: string, rest: string): string => `/rooms/${encodeURIComponent(roomId)}/${rest}`
let transactions = 0

/** Status, or status and errcode, of a message with this text as its body. */
async function verdict(
  client: Client,
  roomId: string,
  body: string | Uint8Array,
  type = 'm.room.message',
): Promise<string> {
  const path = inRoom(roomId, `send/${type}/t${++transactions}`)
  return verdictOf(await client.request('PUT', path, body, json))
}

function verdictOf({ status, body }: Awaited<ReturnType<Client['request']>>): string {
  return status === 200 ? '200' : `${status} ${String(body['errcode'])}`
}

forEachDatabase(({ dialect }) => {
  const start = (): Promise<TestServer> => startServer({ database: dialect })

  test('T01, T02: numbers that are no integers of 53 bits are refused where they cannot be hashed, and kept as written before', async () => {
    await using server = await start()
    const alice = await server.register('alice')
    const [strict, lax] = [await alice.createRoom(), await alice.createRoom({ room_version: '5' })]
    const refused = ['1.0', '1.5', '-0.0', '1e3', '1E3', '1e-2', '1e400', '9007199254740992', '-9007199254740993']
    for (const literal of refused) {
      expect([literal, await verdict(alice, strict, `{"n":${literal}}`)]).toEqual([literal, '400 M_BAD_JSON'])
      expect([literal, await verdict(alice, strict, `{"a":[{"n":${literal}}]}`)]).toEqual([literal, '400 M_BAD_JSON'])
    }
    for (const literal of ['0', '-1', '9007199254740991', '-9007199254740991']) {
      expect(await verdict(alice, strict, `{"n":${literal}}`)).toBe('200')
    }
    for (const literal of ['9007199254740993', '123456789012345678901234567890']) {
      const sent = await alice.request('PUT', inRoom(lax, `send/m.x/b${literal}`), `{"n":${literal}}`, json)
      const path = `${server.url}/_matrix/client/v3${inRoom(lax, `event/${encodeURIComponent(String(sent.body['event_id']))}`)}`
      const answer = await fetch(path, { headers: { Authorization: `Bearer ${alice.token}` } })
      expect(await answer.text()).toContain(`"n":${literal}`)
    }
    expect(await verdict(alice, lax, '{"n":1.5}')).toBe('200')
  })

  test('T05, T06: of keys that come twice the last counts, and no key is special', async () => {
    await using server = await start()
    const alice = await server.register('alice')
    const roomId = await alice.createRoom()
    const keys = '{"b":1,"b":2,"10":1,"9":1,"__proto__":{"x":1},"constructor":1,"":0,"\u{1d306}":1,"\ufffd":1}'
    const sent = await alice.request('PUT', inRoom(roomId, 'send/m.x/keys'), keys, json)
    const event = await alice.get(inRoom(roomId, `event/${encodeURIComponent(String(sent.body['event_id']))}`))
    const content = event['content'] as Record<string, unknown>
    // Code points order keys, not UTF-16 units, and JSON.parse puts numbers first.
    expect(Object.keys(content)).toEqual(['9', '10', '', '__proto__', 'b', 'constructor', '\ufffd', '\u{1d306}'])
    expect([content['b'], Object.getOwnPropertyDescriptor(content, '__proto__')?.value]).toEqual([2, { x: 1 }])
    expect({}).not.toHaveProperty('x')
  })

  test('T07: half surrogate pairs and bytes that are no UTF-8 are refused everywhere', async () => {
    await using server = await start()
    const alice = await server.register('alice')
    const roomId = await alice.createRoom()
    const user = encodeURIComponent(alice.userId)
    const places: readonly (readonly [method: string, path: string])[] = [
      ['PUT', inRoom(roomId, 'send/m.room.message/half')],
      ['PUT', inRoom(roomId, 'state/m.room.topic/')],
      ['PUT', `/profile/${user}/displayname`],
      ['PUT', `/user/${user}/account_data/m.test`],
      ['POST', `/user/${user}/filter`],
      ['PUT', `/devices/${alice.deviceId}`],
      ['PUT', '/sendToDevice/m.test/half'],
      ['POST', '/createRoom'],
      ['POST', '/keys/upload'],
      ['POST', '/user_directory/search'],
    ]
    const illFormed = [
      ...['"\\ud800"', '"\\udc00\\ud800"', '"a\\udfffb"', '["\\ud83d"]'].map((text) =>
        Buffer.from(`{"displayname":${text}}`),
      ),
      Buffer.from('{"\\ud800":1}'),
      ...['ff', 'c080', 'eda080', 'f8808080', 'c3'].map((hex) =>
        Buffer.concat([Buffer.from('{"displayname":"'), Buffer.from(hex, 'hex'), Buffer.from('"}')]),
      ),
    ]
    for (const [method, path] of places) {
      for (const body of illFormed) {
        const answer = await alice.request(method, path, body, json)
        expect([path, body.toString('latin1'), answer.status]).toEqual([path, body.toString('latin1'), 400])
        expect(answer.body['errcode']).toMatch(/^M_(NOT_JSON|BAD_JSON)$/)
      }
    }
    for (const part of ['%ED%A0%80', '%ff', '%C0%AF']) {
      const { status } = await alice.request('PUT', inRoom(roomId, `state/m.test/${part}`), {})
      expect([400, 404]).toContain(status) // where the path cannot be decoded, nothing is found
    }
  })

  test('T08: U+0000 is refused where it would be a name and kept where it is content, on both databases alike', async () => {
    await using server = await start()
    const alice = await server.register('alice')
    const roomId = await alice.createRoom({ preset: 'public_chat', visibility: 'public' })
    const event = await alice.send(roomId, 'hello')
    const user = encodeURIComponent(alice.userId)
    const nul = '"a\\u0000b"'
    const verdicts: string[] = []
    const asked: readonly (readonly [method: string, path: string, body: string])[] = [
      ['PUT', inRoom(roomId, 'send/m.test/nul1'), `{"body":${nul}}`],
      ['PUT', inRoom(roomId, 'send/m.test/nul2'), `{${nul}:1}`],
      ['PUT', inRoom(roomId, 'send/m%00test/nul3'), '{}'],
      ['PUT', inRoom(roomId, 'send/m.test/nul%004'), '{}'],
      ['PUT', inRoom(roomId, 'state/m.test/a%00b'), '{}'],
      ['PUT', inRoom(roomId, 'state/m.room.topic/'), `{"topic":${nul}}`],
      ['PUT', inRoom(roomId, 'send/m.reaction/nul5'), `{"m.relates_to":{"rel_type":"m.annotation","event_id":"${event}","key":${nul}}}`],
      ['PUT', inRoom(roomId, 'send/m.test/nul6'), `{"m.relates_to":{"rel_type":${nul},"event_id":"${event}"}}`],
      ['PUT', inRoom(roomId, `state/m.room.member/${user}`), `{"membership":"join","displayname":${nul}}`],
      ['PUT', `/user/${user}/account_data/m.test`, `{"a":${nul}}`],
      ['PUT', '/sendToDevice/m.test/nul7', `{"messages":{"${alice.userId}":{"*":{"a":${nul}}}}}`],
      ['PUT', '/sendToDevice/m.test/nul8', `{"messages":{"${alice.userId}":{${nul}:{}}}}`],
      ['POST', '/createRoom', `{"room_alias_name":${nul}}`],
      ['POST', '/keys/claim', `{"one_time_keys":{"${alice.userId}":{${nul}:"a"}}}`],
      ['POST', '/user_directory/search', `{"search_term":${nul}}`],
    ] // prettier-ignore
    for (const [method, path, body] of asked) verdicts.push(verdictOf(await alice.request(method, path, body, json)))
    const ok = '200'
    const bad = '400 M_BAD_JSON'
    expect(verdicts).toEqual([ok, ok, bad, bad, bad, ok, ok, ok, ok, ok, ok, ok, '400 M_INVALID_PARAM', bad, bad])
    const [room] = (await alice.get('/publicRooms'))['chunk'] as Record<string, unknown>[]
    expect(room?.['topic']).toBe('ab')
    const { rooms } = await alice.sync()
    expect(JSON.stringify(rooms)).toContain('a\\u0000b')
  })

  test('T09: what is nested too deep is refused at once', async () => {
    await using server = await start()
    const alice = await server.register('alice')
    const roomId = await alice.createRoom()
    const nested = (depth: number): string => `{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`
    expect(await verdict(alice, roomId, nested(120))).toBe('200')
    for (const depth of [129, 200, 30_000]) {
      const begun = performance.now()
      expect(await verdict(alice, roomId, nested(depth))).toMatch(/^400 M_(BAD|NOT)_JSON$/)
      expect(performance.now() - begun).toBeLessThan(3_000)
    }
    expect(await verdict(alice, roomId, '{}')).toBe('200')
  })

  test('T10: an event has at most 65,536 bytes', async () => {
    await using server = await start()
    const alice = await server.register('alice')
    const roomId = await alice.createRoom()
    const size = 50_000
    const event = await alice.send(roomId, { body: 'x'.repeat(size) })
    const database = await Database.open({ url: server.server.services.config.database.url })
    const row = await database.row<{ json: string }>('select json from events where event_id = ?', [event])
    await database.close()
    const around = Buffer.byteLength(row?.json ?? '') - size + 1 // the next events have a depth of one digit more
    const biggest = 65_536 - around
    const sizes = [biggest - 1, biggest, biggest + 2, biggest + 100]
    const verdicts: string[] = []
    for (const bytes of sizes) verdicts.push(await verdict(alice, roomId, JSON.stringify({ body: 'x'.repeat(bytes) })))
    expect(verdicts).toEqual(['200', '200', '413 M_TOO_LARGE', '413 M_TOO_LARGE'])
    expect(await verdict(alice, roomId, JSON.stringify({ body: 'é'.repeat(biggest / 2 + 60) }))).toBe('413 M_TOO_LARGE')
  })

  test('T11: types and state keys have at most 255 bytes, not characters', async () => {
    await using server = await start()
    const alice = await server.register('alice')
    const roomId = await alice.createRoom()
    const names: readonly (readonly [name: string, fits: boolean])[] = [
      ['a'.repeat(255), true],
      ['a'.repeat(256), false],
      ['😀'.repeat(63), true],
      ['😀'.repeat(64), false],
    ]
    for (const [name, fits] of names) {
      const text = encodeURIComponent(name)
      const verdicts = [
        await verdict(alice, roomId, '{}', text),
        verdictOf(await alice.request('PUT', inRoom(roomId, `state/m.test/${text}`), {})),
        verdictOf(await alice.request('PUT', inRoom(roomId, `state/${text}/`), {})),
      ]
      for (const said of verdicts) expect(said).toMatch(fits ? /^200$/ : /^4\d\d M_/)
    }
  })

  test('T20: pages of nothing one may see lead on to what one may see', async () => {
    await using server = await start()
    const [alice, bob, carol] = await Promise.all(['alice', 'bob', 'carol'].map((name) => server.register(name)))
    if (!alice || !bob || !carol) throw new Error('users are missing')
    const roomId = await alice.createRoom({ preset: 'public_chat' })
    for (const client of [bob, carol]) await client.post(inRoom(roomId, 'join'))
    const carolPath = `/user/${encodeURIComponent(carol.userId)}/account_data/m.ignored_user_list`
    await carol.put(carolPath, { ignored_users: { [bob.userId]: {} } })
    const first = await alice.send(roomId, 'first')
    await Promise.all(Array.from({ length: 200 }, (_, n) => bob.send(roomId, `hidden ${n}`)))
    const last = await alice.send(roomId, 'last')
    const seen: string[] = []
    let [token, pages] = ['', 0]
    do {
      const page = await carol.get(inRoom(roomId, `messages?dir=b&limit=10${token}`))
      for (const event of page['chunk'] as { event_id: string; sender: string; type: string }[]) {
        expect([event.sender, event.type]).not.toEqual([bob.userId, 'm.room.message'])
        seen.push(event.event_id)
      }
      token = page['end'] === undefined ? '' : `&from=${encodeURIComponent(String(page['end']))}`
      pages++
    } while (token !== '' && pages < 100)
    expect(seen).toEqual(expect.arrayContaining([first, last]))
    expect(pages).toBeLessThan(100)
  })
})

test('T19: no list of servers makes the server think for long', () => {
  const deny = Array.from({ length: 10_000 }, (_, n) => `${'*?'.repeat(20)}${n}.example`)
  const begun = performance.now()
  expect(allowsServer({ deny, allow: ['*'] }, `${'a'.repeat(200)}.test`)).toBe(true)
  expect(allowsServer({ deny, allow: [`${'*a'.repeat(60)}b`] }, 'a'.repeat(200))).toBe(false)
  expect(performance.now() - begun).toBeLessThan(3_000)
})
