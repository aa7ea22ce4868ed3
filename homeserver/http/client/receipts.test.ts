import { expect, test } from '@jest/globals'
import type { Client } from '../../../test/support/client.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { startServer, type TestServer } from '../../../test/support/server.ts'
import type { RoomId, UserId } from '../../core/ids.ts'
import type { ReceiptNews } from '../../domain/ephemeral/receipts.ts'
import type { Bell } from '../../platform/bus.ts'
import { MemoryBus } from '../../platform/bus.ts'

const encoded = encodeURIComponent

async function read(
  client: Client,
  roomId: string,
  eventId: string,
  body: object = {},
  type = 'm.read',
): Promise<void> {
  await client.post(`/rooms/${encoded(roomId)}/receipt/${type}/${encoded(eventId)}`, body)
}

/** A bus that keeps what receipts were announced. */
function listening(): { bus: MemoryBus; heard: Bell[]; receipts: () => string[] } {
  const bus = new MemoryBus()
  const heard: Bell[] = []
  bus.subscribe((bell) => {
    if (bell.stream === 'receipts') heard.push(bell)
  })
  const rows = (): ReceiptNews['rows'] => heard.flatMap(({ payload }) => (payload as ReceiptNews).rows)
  return { bus, heard, receipts: () => rows().map((row) => [row.event_id, row.receipt_type, row.thread_id].join(' ')) }
}

async function thread(client: Client, roomId: string, root: string): Promise<string> {
  return await client.send(roomId, { body: 'in thread', 'm.relates_to': { rel_type: 'm.thread', event_id: root } })
}

forEachDatabase(({ dialect }) => {
  const start = async (bus?: MemoryBus): Promise<TestServer> =>
    await startServer({ database: dialect, ...(bus ? { parts: { bus } } : {}) })

  test('a receipt moves forward and never back', async () => {
    const { bus, receipts } = listening()
    await using server = await start(bus)
    const alice = await server.register('alice')
    const roomId = await alice.createRoom()
    const [first, second] = [await alice.send(roomId, 'one'), await alice.send(roomId, 'two')]
    await read(alice, roomId, second)
    await read(alice, roomId, first)
    await read(alice, roomId, second)
    await read(alice, roomId, '$unknown')
    expect(receipts()).toEqual([`${second} m.read `])
    const { ts } = (await server.server.services.receipts.list(roomId as RoomId, alice.userId as UserId))[0] ?? {}
    expect(Math.abs((ts ?? 0) - Date.now())).toBeLessThan(60_000)
  })

  test('receipts at the same time are kept, and the latest counts', async () => {
    await using server = await start()
    const alice = await server.register('alice')
    const roomId = await alice.createRoom()
    const events: string[] = []
    for (let n = 0; n < 6; n++) events.push(await alice.send(roomId, `${n}`))
    await Promise.all(events.toReversed().map((eventId) => read(alice, roomId, eventId)))
    await Promise.all(events.map((eventId) => read(alice, roomId, eventId, { thread_id: 'main' })))
    const rows = await server.server.services.receipts.list(roomId as RoomId, alice.userId as UserId)
    expect(rows.map((row) => `${row.thread_id} ${row.event_id}`).sort()).toEqual([` ${events[5]}`, `main ${events[5]}`])
  })

  test('a private receipt concerns its own user alone', async () => {
    const { bus, heard } = listening()
    await using server = await start(bus)
    const alice = await server.register('alice')
    const roomId = await alice.createRoom()
    const eventId = await alice.send(roomId, 'hello')
    await read(alice, roomId, eventId, {}, 'm.read.private')
    await read(alice, roomId, eventId)
    expect(heard.map(({ keys }) => keys)).toEqual([
      { rooms: [], users: [alice.userId] },
      { rooms: [roomId], users: [alice.userId] },
    ])
  })

  test('a threaded receipt needs an event of the thread', async () => {
    const { bus, receipts } = listening()
    await using server = await start(bus)
    const alice = await server.register('alice')
    const roomId = await alice.createRoom()
    const root = await alice.send(roomId, 'root')
    const reply = await thread(alice, roomId, root)
    const reference = await alice.send(roomId, {
      body: '',
      'm.relates_to': { rel_type: 'm.reference', event_id: root },
    })
    const annotation = { 'm.relates_to': { rel_type: 'm.annotation', event_id: reference, key: '+' } }
    const reaction = await alice.send(roomId, annotation, 'm.reaction')
    const other = await alice.send(roomId, 'other')
    await read(alice, roomId, root, { thread_id: 'main' })
    await read(alice, roomId, root, { thread_id: root })
    await read(alice, roomId, reply, { thread_id: root })
    await read(alice, roomId, reaction, { thread_id: root })
    await read(alice, roomId, reaction, { thread_id: 'main' })
    expect(receipts()).toEqual([
      `${root} m.read main`,
      `${root} m.read ${root}`,
      `${reply} m.read ${root}`,
      `${reaction} m.read ${root}`,
      `${reaction} m.read main`,
    ])

    const invalid = { status: 400, errcode: 'M_INVALID_PARAM' }
    const path = `/rooms/${encoded(roomId)}/receipt`
    for (const [eventId, threadId] of [
      [reply, 'main'],
      [other, root],
      [other, other],
      [root, reply],
      [other, '\0'],
      [root, ''],
      [root, 1],
      [root, null],
    ] as const) {
      const refusal = await alice.refusal('POST', `${path}/m.read/${encoded(eventId)}`, { thread_id: threadId })
      expect([eventId, threadId, refusal]).toEqual([eventId, threadId, invalid])
    }
    const fullyRead = await alice.refusal('POST', `${path}/m.fully_read/${encoded(root)}`, { thread_id: 'main' })
    expect(fullyRead).toEqual(invalid)
    expect(receipts()).toHaveLength(5)
  })

  test('receipts of outsiders and of unknown types are refused', async () => {
    const { bus, receipts } = listening()
    await using server = await start(bus)
    const [alice, bob] = await Promise.all([server.register('alice'), server.register('bob')])
    const roomId = await alice.createRoom()
    const eventId = await alice.send(roomId, 'hello')
    const path = `/rooms/${encoded(roomId)}/receipt`
    const forbidden = { status: 403, errcode: 'M_FORBIDDEN' }
    expect(await bob.refusal('POST', `${path}/m.read/${encoded(eventId)}`, {})).toEqual(forbidden)
    expect(await bob.refusal('POST', `${path}/m.fully_read/${encoded(eventId)}`, {})).toEqual(forbidden)
    const invalid = { status: 400, errcode: 'M_INVALID_PARAM' }
    expect(await alice.refusal('POST', `${path}/m.seen/${encoded(eventId)}`, {})).toEqual(invalid)
    expect(await alice.refusal('POST', `${path}/m.read/hello`, {})).toEqual(invalid)
    expect(receipts()).toEqual([])
    expect((await alice.request('POST', `${path}/m.read/${encoded(eventId)}`)).status).toBe(200)
  })

  test('read markers set all three, and the marker never moves back', async () => {
    const { bus, receipts } = listening()
    await using server = await start(bus)
    const alice = await server.register('alice')
    const roomId = await alice.createRoom()
    const [first, second] = [await alice.send(roomId, 'one'), await alice.send(roomId, 'two')]
    const path = `/rooms/${encoded(roomId)}/read_markers`
    const marker = `/user/${alice.userId}/rooms/${encoded(roomId)}/account_data/m.fully_read`
    await alice.post(path, { 'm.fully_read': first, 'm.read': second, 'm.read.private': second })
    expect(receipts().sort()).toEqual([`${second} m.read `, `${second} m.read.private `])
    expect(await alice.get(marker)).toEqual({ event_id: first })
    await read(alice, roomId, second, {}, 'm.fully_read')
    await alice.post(path, { 'm.fully_read': first })
    await alice.post(path, { 'm.fully_read': '$unknown' })
    expect(await alice.get(marker)).toEqual({ event_id: second })
    await alice.post(path, {})
    const badJson = { status: 400, errcode: 'M_BAD_JSON' }
    expect(await alice.refusal('POST', path, { 'm.read': 1 })).toEqual(badJson)
  })

  test('another server tells only of public receipts, of threads that are there', async () => {
    const { bus, receipts } = listening()
    await using server = await start(bus)
    const alice = await server.register('alice')
    const roomId = (await alice.createRoom()) as RoomId
    const eventId = (await alice.send(roomId, 'hello')) as `$${string}`
    const service = server.server.services.receipts
    const own = { roomId, userId: alice.userId as UserId, eventId }
    await service.receive({ ...own, type: 'm.read.private' })
    await service.receive({ ...own, type: 'm.read', threadId: 'nonsense' })
    expect(receipts()).toEqual([])
    await service.receive({ ...own, type: 'm.read', ts: 1 })
    expect(receipts()).toEqual([`${eventId} m.read `])
  })
})
