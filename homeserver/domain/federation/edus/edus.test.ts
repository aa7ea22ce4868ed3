import { describe, expect, test } from '@jest/globals'
import type { Client } from '../../../../test/support/client.ts'
import { forEachDatabase } from '../../../../test/support/databases.ts'
import { startServer, type TestServer } from '../../../../test/support/server.ts'
import { parseJson } from '../../../core/canonical-json.ts'
import type { Json, JsonObject } from '../../../core/event.ts'
import type { RoomId, ServerName, UserId } from '../../../core/ids.ts'
import { Database } from '../../../storage/database.ts'
import { listOutgoingEdus } from '../../../storage/outbox.ts'

const bob = '@bob:b.test'
const config = 'federation: { mode: open }\npresence: full'

interface Told {
  readonly destination: ServerName
  readonly edu: JsonObject
}

/** A server with alice and mallory on it, a room where alice is with bob of b.test, and what it tells others in passing. */
async function inhabit(server: TestServer) {
  const alice = await server.register('alice')
  const roomId = (await alice.createRoom({ preset: 'public_chat' })) as RoomId
  await joinAs(server, roomId, bob)
  const told: Told[] = []
  server.server.services.outbox.attach({
    heard: () => Promise.resolve(),
    queued: () => undefined,
    passing: (destination, _, edu) => told.push({ destination, edu: parseJson(edu) as JsonObject }),
  })
  return { alice, roomId, told }
}

async function joinAs(server: TestServer, roomId: RoomId, userId: UserId): Promise<void> {
  const content = { membership: 'join' }
  await server.server.services.writer.send(roomId, [
    { type: 'm.room.member', sender: userId, stateKey: userId, content },
  ])
}

async function hear(server: TestServer, type: string, content: JsonObject, origin = 'b.test'): Promise<void> {
  await server.server.services.eduReceiver.receive(origin, { type, content })
}

/** What was told of a type, once there is something. */
async function untilTold(told: readonly Told[], type: string, count = 1): Promise<readonly Json[]> {
  for (;;) {
    const found = told.filter(({ edu }) => edu['edu_type'] === type)
    if (found.length >= count) return found.map(({ edu }) => edu['content'] ?? null)
    await new Promise((resolve) => setImmediate(resolve))
  }
}

async function ephemeralIn(client: Client, roomId: string, type: string): Promise<unknown> {
  const { rooms } = await client.sync()
  const events = rooms?.join?.[roomId]?.ephemeral?.events as { type: string; content: unknown }[] | undefined
  return events?.find((event) => event.type === type)?.content
}

forEachDatabase(({ dialect, freshUrl }) => {
  const start = (): Promise<TestServer> => startServer({ database: dialect, config })

  test('typing goes out to the servers in the room, and comes in from them', async () => {
    await using server = await start()
    const { alice, roomId, told } = await inhabit(server)
    const typing = `/rooms/${roomId}/typing/${alice.userId}`
    await alice.put(typing, { typing: true, timeout: 20_000 })
    await untilTold(told, 'm.typing', 1)
    await alice.put(typing, { typing: false })
    const content = { room_id: roomId, user_id: alice.userId }
    expect(await untilTold(told, 'm.typing', 2)).toEqual([
      { ...content, typing: true },
      { ...content, typing: false },
    ])
    expect(told.every(({ destination }) => destination === 'b.test')).toBe(true)

    await hear(server, 'm.typing', { room_id: roomId, user_id: bob, typing: true })
    expect(await ephemeralIn(alice, roomId, 'm.typing')).toEqual({ user_ids: [bob] })
    await hear(server, 'm.typing', { room_id: roomId, user_id: bob, typing: false })
    expect(await ephemeralIn(alice, roomId, 'm.typing')).toBeUndefined()
  })

  test('public receipts go out with their threads, private ones stay, and others come in', async () => {
    await using server = await start()
    const { alice, roomId, told } = await inhabit(server)
    const [first, second] = [await alice.send(roomId, 'one'), await alice.send(roomId, 'two')]
    await alice.post(`/rooms/${roomId}/receipt/m.read.private/${first}`)
    await alice.post(`/rooms/${roomId}/receipt/m.read/${first}`, { thread_id: 'main' })
    await alice.post(`/rooms/${roomId}/receipt/m.read/${second}`)
    const ts = expect.any(Number)
    const receipt = (id: string, data: object): unknown => ({
      [roomId]: { 'm.read': { [alice.userId]: { event_ids: [id], data } } },
    })
    expect(await untilTold(told, 'm.receipt', 2)).toEqual([
      receipt(first, { ts, thread_id: 'main' }),
      receipt(second, { ts }),
    ])

    const said = { event_ids: [second], data: { ts: 1_234 } }
    await hear(server, 'm.receipt', { [roomId]: { 'm.read': { [bob]: said }, 'm.read.private': { [bob]: said } } })
    const seen = (await ephemeralIn(alice, roomId, 'm.receipt')) as Record<string, JsonObject>
    expect(seen[second]).toMatchObject({ 'm.read': { [bob]: { ts: 1_234 } } })
    expect(JSON.stringify(seen)).not.toContain('private":{"@bob')
  })

  test('a receipt may be for an event that is not here, whatever it is called, and strict clients miss no other for it', async () => {
    await using server = await start()
    const { alice, roomId } = await inhabit(server)
    const [first, second] = [await alice.send(roomId, 'one'), await alice.send(roomId, 'two')]
    const elsewhere = await alice.send(await alice.createRoom(), 'three')
    await alice.post(`/rooms/${roomId}/receipt/m.read/${second}`)
    const read = async (eventId: string, threadId?: string): Promise<void> => {
      const data = { ts: 1, ...(threadId === undefined ? {} : { thread_id: threadId }) }
      await hear(server, 'm.receipt', { [roomId]: { 'm.read': { [bob]: { event_ids: [eventId], data } } } })
    }
    const receiptsOf = async (): Promise<string[][]> => {
      const events = (await alice.sync()).rooms?.join?.[roomId]?.ephemeral?.events as JsonObject[]
      return events.filter(({ type }) => type === 'm.receipt').map(({ content }) => Object.keys(content as object))
    }
    await read('$on its way')
    expect(await receiptsOf()).toEqual([[second, '$on its way']])
    await read('opaque')
    expect(await receiptsOf()).toEqual([[second], ['opaque']])
    await read(first)
    expect(await receiptsOf()).toEqual([[second, first]])
    await read('$older')
    for (const refused of ['', 'x'.repeat(256), 'a\0b', elsewhere]) await read(refused)
    for (const thread of ['$nothing', first, 'x']) await read('$newer', thread)
    expect(await receiptsOf()).toEqual([[second, '$older']])
    await read(second)
    expect(await receiptsOf()).toEqual([[second]])
  })

  test('presence goes to the servers that share a room with the user, and comes in from them', async () => {
    await using server = await start()
    const { alice, told } = await inhabit(server)
    await alice.put(`/presence/${alice.userId}/status`, { presence: 'online', status_msg: 'here' })
    const [content] = await untilTold(told, 'm.presence')
    const shown = { user_id: alice.userId, presence: 'online', status_msg: 'here', currently_active: true }
    expect(content).toMatchObject({ push: [shown] })

    const push = [{ user_id: bob, presence: 'unavailable', status_msg: 'busy', last_active_ago: 1_000 }]
    await hear(server, 'm.presence', { push })
    expect(await alice.get(`/presence/${bob}/status`)).toMatchObject({ presence: 'unavailable', status_msg: 'busy' })
  })

  test('a server that comes into a room learns who of ours is there', async () => {
    await using server = await start()
    const { alice, roomId, told } = await inhabit(server)
    await alice.put(`/presence/${alice.userId}/status`, { presence: 'online' })
    await untilTold(told, 'm.presence')
    await server.server.settle()
    told.length = 0
    await joinAs(server, roomId, '@cid:c.test')
    await untilTold(told, 'm.presence')
    expect(told.map(({ destination }) => destination)).toEqual(['c.test'])
  })

  test('messages to devices of other servers wait on disk, in parts, and come once however often they are asked for', async () => {
    const url = await freshUrl()
    await using server = await startServer({ config: [config, `database: { url: '${url}' }`] })
    const { alice } = await inhabit(server)
    const content = { text: 'x'.repeat(40_000) }
    const messages = { [bob]: { A: content, B: content }, '@c:c.test': { '*': { n: 1.5 } } }
    for (let times = 0; times < 3; times++) await alice.put('/sendToDevice/m.test/txn', { messages })
    const database = await Database.open({ url })
    const edus = (await listOutgoingEdus(database, 'b.test', { limit: 10 })).map(({ json }) => JSON.parse(json))
    expect(edus.map((edu) => Object.keys(edu.content.messages[bob]))).toEqual([['A'], ['B']])
    expect(new Set(edus.map((edu) => edu.content.message_id)).size).toBe(2)
    expect(edus[0].content).toMatchObject({ sender: alice.userId, type: 'm.test' })
    expect(await listOutgoingEdus(database, 'c.test', { limit: 10 })).toHaveLength(1)
    await database.close()
    const large = { messages: { [bob]: { A: { text: 'x'.repeat(65 * 1024) } } } }
    expect(await alice.refusal('PUT', '/sendToDevice/m.test/large', large)).toMatchObject({ status: 413 })
  })

  test('a message to devices that comes twice is handed out once', async () => {
    await using server = await start()
    const { alice } = await inhabit(server)
    const other = await server.client().login('alice', 'password of alice')
    const message = {
      sender: bob,
      type: 'm.test',
      message_id: 'one',
      messages: { [alice.userId]: { '*': { n: 1 }, [other.deviceId]: { n: 2 } }, [bob]: { X: {} } },
    }
    await hear(server, 'm.direct_to_device', message)
    await hear(server, 'm.direct_to_device', message)
    await hear(server, 'm.direct_to_device', { ...message, message_id: 'two' })
    const event = (n: number): unknown => ({ type: 'm.test', sender: bob, content: { n } })
    expect((await alice.sync())['to_device'].events).toEqual([event(1), event(1)])
    expect((await other.sync())['to_device'].events).toEqual([event(2), event(2)])
  })

  describe('T30: a server speaks for its own users alone', () => {
    test('of others, of strangers to the room and of rooms that shut it out nothing reaches anybody', async () => {
      await using server = await start()
      const { alice, roomId } = await inhabit(server)
      const eventId = await alice.send(roomId, 'one')
      const device = { [alice.userId]: { '*': {} } }
      const receipt = (userId: string): JsonObject => ({
        [roomId]: { 'm.read': { [userId]: { event_ids: [eventId] } } },
      })
      const before = await alice.sync()
      const everything = async (origin: string, userId: string): Promise<void> => {
        await hear(server, 'm.typing', { room_id: roomId, user_id: userId, typing: true }, origin)
        await hear(server, 'm.receipt', receipt(userId), origin)
        await hear(server, 'm.presence', { push: [{ user_id: userId, presence: 'online' }] }, origin)
      }
      const message = { sender: bob, type: 'm.test', message_id: 'x', messages: device }
      await everything('evil.test', bob)
      await everything('b.test', alice.userId)
      await everything('b.test', '@stranger:b.test')
      await hear(server, 'm.direct_to_device', message, 'evil.test')
      await hear(server, 'm.direct_to_device', { ...message, sender: alice.userId })
      await hear(server, 'm.unknown', { room_id: roomId, user_id: bob })
      const after = await alice.sync({ since: before['next_batch'] })
      expect(Object.keys(after).filter((key) => ['rooms', 'presence', 'to_device'].includes(key))).toEqual([])

      await alice.setState(roomId, 'm.room.server_acl', { allow: ['*'], deny: ['b.test'] })
      const shut = await alice.sync({ since: after['next_batch'] })
      await hear(server, 'm.typing', { room_id: roomId, user_id: bob, typing: true })
      await hear(server, 'm.receipt', receipt(bob))
      expect((await alice.sync({ since: shut['next_batch'] }))['rooms']).toBeUndefined()
    })

    test('what has no right form is passed over', async () => {
      await using server = await start()
      const malformed: readonly [string, JsonObject][] = [
        ['m.typing', {}],
        ['m.typing', { room_id: 5, user_id: null }],
        ['m.receipt', { '!x': 1, '!y:b.test': { 'm.read': [] }, '!z:b.test': { 'm.read': { '@a:b.test': 1 } } }],
        ['m.presence', { push: { a: 1 } }],
        ['m.presence', { push: [1, null, {}, { user_id: bob }, { user_id: bob, presence: 'asleep' }] }],
        ['m.direct_to_device', { sender: bob, type: 'x', message_id: 'y', messages: [1] }],
        ['m.direct_to_device', { sender: bob, type: 'x\0', message_id: 'y', messages: {} }],
        ['m.direct_to_device', { sender: bob, type: 'x', message_id: 'y', messages: { '@alice:hs.test': { '*': 5 } } }],
      ]
      for (const [type, content] of malformed) await hear(server, type, content)
    })
  })
})
