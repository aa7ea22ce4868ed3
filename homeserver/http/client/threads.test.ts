import { expect, test } from '@jest/globals'
import type { Client } from '../../../test/support/client.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { startServer } from '../../../test/support/server.ts'

interface Root {
  readonly event_id: string
  readonly content: object
  readonly unsigned: { readonly 'm.relations'?: { readonly 'm.thread': { latest_event: { event_id: string } } } }
}

const pairs = (chunk: Root[]): unknown[] =>
  chunk.map(({ event_id, unsigned }) => [event_id, unsigned['m.relations']?.['m.thread'].latest_event.event_id])

async function reply(client: Client, roomId: string, root: string): Promise<string> {
  return await client.send(roomId, { body: 'r', 'm.relates_to': { rel_type: 'm.thread', event_id: root } })
}

forEachDatabase(({ dialect }) => {
  test('threads are in the order of their latest events, in pages', async () => {
    await using server = await startServer({ database: dialect })
    const alice = await server.register('alice')
    const roomId = await alice.createRoom()
    const path = `/_matrix/client/v1/rooms/${encodeURIComponent(roomId)}/threads`
    const [a, b, c] = [await alice.send(roomId, 'a'), await alice.send(roomId, 'b'), await alice.send(roomId, 'c')]
    const inA = await reply(alice, roomId, a)
    const inB = await reply(alice, roomId, b)
    const inC = await reply(alice, roomId, c)
    const all = await alice.get(path)
    expect(pairs(all['chunk'])).toEqual([
      [c, inC],
      [b, inB],
      [a, inA],
    ])
    expect(all).not.toHaveProperty('next_batch')
    const again = await reply(alice, roomId, a)
    const first = await alice.get(`${path}?limit=2`)
    expect(pairs(first['chunk'])).toEqual([
      [a, again],
      [c, inC],
    ])
    const second = await alice.get(`${path}?limit=2&from=${first['next_batch']}`)
    expect(pairs(second['chunk'])).toEqual([[b, inB]])
    expect(second).not.toHaveProperty('next_batch')
    expect(await alice.refusal('GET', `${path}?from=nowhere`)).toEqual({ status: 400, errcode: 'M_INVALID_PARAM' })
  })

  test('one may ask for the threads one has taken part in', async () => {
    await using server = await startServer({ database: dialect })
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await alice.createRoom({ preset: 'public_chat' })
    await bob.post(`/rooms/${encodeURIComponent(roomId)}/join`)
    const roots = [await alice.send(roomId, '1'), await alice.send(roomId, '2'), await bob.send(roomId, '3')]
    for (const root of roots) await reply(alice, roomId, root)
    const inSecond = await reply(bob, roomId, roots[1] ?? '')
    const path = `/_matrix/client/v1/rooms/${encodeURIComponent(roomId)}/threads?include=participated`
    const chunk: Root[] = (await bob.get(path))['chunk']
    expect(chunk.map(({ event_id }) => event_id)).toEqual([roots[1], roots[2]])
    expect(chunk[0]).toMatchObject({ unsigned: { 'm.relations': { 'm.thread': { count: 2 } } } })
    expect(pairs(chunk)[0]).toEqual([roots[1], inSecond])
  })

  test('a thread that an ignored user began is shown without what they said', async () => {
    await using server = await startServer({ database: dialect })
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await alice.createRoom({ preset: 'public_chat' })
    await bob.post(`/rooms/${encodeURIComponent(roomId)}/join`)
    const root = await bob.send(roomId, 'unwanted')
    const mine = await reply(alice, roomId, root)
    await reply(bob, roomId, root)
    const ignored = { ignored_users: { [bob.userId]: {} } }
    await alice.put(`/user/${alice.userId}/account_data/m.ignored_user_list`, ignored)
    const { chunk } = await alice.get(`/_matrix/client/v1/rooms/${encodeURIComponent(roomId)}/threads`)
    expect(pairs(chunk)).toEqual([[root, mine]])
    expect(chunk[0]).toMatchObject({ content: {}, unsigned: { 'm.relations': { 'm.thread': { count: 1 } } } })
    const { chunk: messages } = await alice.get(`/rooms/${encodeURIComponent(roomId)}/messages?dir=b&limit=2`)
    expect(messages[0].event_id).toBe(mine)
    expect(JSON.stringify(messages)).not.toContain('unwanted')
  })
})
