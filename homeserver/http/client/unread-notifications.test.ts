import { expect, test } from '@jest/globals'
import type { Client } from '../../../test/support/client.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { startServer } from '../../../test/support/server.ts'

const encoded = encodeURIComponent
const withThreads = JSON.stringify({ room: { timeline: { unread_thread_notifications: true } } })

type Counts = Record<'notification_count' | 'highlight_count', number>

/** `[notifications, highlights]` of a room as a whole, without its threads, and in each of these. */
async function countsIn(client: Client, roomId: string): Promise<[number[], number[], Record<string, number[]>]> {
  const pair = (counts: Counts): number[] => [counts.notification_count, counts.highlight_count]
  const whole = (await client.sync())['rooms'].join[roomId]
  const parted = (await client.sync({ filter: withThreads }))['rooms'].join[roomId]
  const threads = Object.entries<Counts>(parted.unread_thread_notifications ?? {})
  return [
    pair(whole.unread_notifications),
    pair(parted.unread_notifications),
    Object.fromEntries(threads.map(([root, counts]) => [root, pair(counts)])),
  ]
}

async function read(client: Client, roomId: string, eventId: string, threadId?: string): Promise<void> {
  const body = threadId === undefined ? {} : { thread_id: threadId }
  await client.post(`/rooms/${encoded(roomId)}/receipt/m.read/${encoded(eventId)}`, body)
}

const inThread = (root: string, body: string, mentioned: string[] = []): object => ({
  msgtype: 'm.text',
  body,
  'm.mentions': { user_ids: mentioned },
  'm.relates_to': { rel_type: 'm.thread', event_id: root },
})

forEachDatabase(({ dialect }) => {
  test('threads count apart, and receipts reach as far as they say', async () => {
    await using server = await startServer({ database: dialect })
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await alice.createRoom({ preset: 'public_chat' })
    await bob.post(`/rooms/${encoded(roomId)}/join`)
    const root = await alice.send(roomId, 'root')
    const reply = await alice.send(roomId, inThread(root, 'one'))
    await alice.send(roomId, inThread(root, 'two', [bob.userId]))
    const mention = await alice.send(roomId, { body: 'hello', 'm.mentions': { user_ids: [bob.userId] } })
    const last = await alice.send(roomId, inThread(root, 'three'))
    expect(await countsIn(bob, roomId)).toEqual([[5, 2], [2, 1], { [root]: [3, 1] }])
    await read(bob, roomId, root, 'main')
    expect(await countsIn(bob, roomId)).toEqual([[4, 2], [1, 1], { [root]: [3, 1] }])
    await read(bob, roomId, reply, root)
    expect(await countsIn(bob, roomId)).toEqual([[3, 2], [1, 1], { [root]: [2, 1] }])
    await read(bob, roomId, mention)
    expect(await countsIn(bob, roomId)).toEqual([[1, 0], [0, 0], { [root]: [1, 0] }])
    await read(bob, roomId, last, root)
    expect(await countsIn(bob, roomId)).toEqual([[0, 0], [0, 0], {}])
  })

  test('saying something reads what was before it, in its own thread alone, and a redaction takes its event away', async () => {
    await using server = await startServer({ database: dialect })
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await alice.createRoom({ preset: 'public_chat' })
    await bob.post(`/rooms/${encoded(roomId)}/join`)
    // Nobody hears what Bob says.
    await alice.put(`/pushrules/global/room/${encoded(roomId)}`, { actions: [] })
    const root = await alice.send(roomId, 'root')
    await alice.send(roomId, inThread(root, 'one'))
    await bob.send(roomId, inThread(root, 'mine'))
    expect(await countsIn(bob, roomId)).toEqual([[1, 0], [1, 0], {}])
    await bob.setState(roomId, 'm.room.member', { membership: 'join', displayname: 'Bobby' }, bob.userId)
    expect(await countsIn(bob, roomId)).toEqual([[1, 0], [1, 0], {}])
    await bob.send(roomId, 'mine')
    expect(await countsIn(bob, roomId)).toEqual([[0, 0], [0, 0], {}])
    const regretted = await alice.send(roomId, 'regretted')
    expect((await countsIn(bob, roomId))[0]).toEqual([1, 0])
    await alice.put(`/rooms/${encoded(roomId)}/redact/${encoded(regretted)}/txn`, {})
    expect((await countsIn(bob, roomId))[0]).toEqual([0, 0])
    expect((await countsIn(alice, roomId))[0]).toEqual([0, 0])
  })

  test('nobody is notified of whom they ignore', async () => {
    await using server = await startServer({ database: dialect })
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await alice.createRoom({ preset: 'public_chat' })
    await bob.post(`/rooms/${encoded(roomId)}/join`)
    await bob.put(`/user/${encoded(bob.userId)}/account_data/m.ignored_user_list`, {
      ignored_users: { [alice.userId]: {} },
    })
    await alice.send(roomId, 'hello')
    expect((await countsIn(bob, roomId))[0]).toEqual([0, 0])
  })
})
