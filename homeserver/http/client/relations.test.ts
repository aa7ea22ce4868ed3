import { expect, test } from '@jest/globals'
import type { Client } from '../../../test/support/client.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { startServer } from '../../../test/support/server.ts'

const ids = (events: { event_id: string }[]): string[] => events.map(({ event_id }) => event_id)

/** Sends a message, or an event of another type, that relates to one. */
async function relate(
  client: Client,
  roomId: string,
  relType: string,
  target: string,
  type = 'm.room.message',
): Promise<string> {
  const content = { body: 'x', 'm.new_content': { body: 'y' }, key: '1' }
  const relation = { rel_type: relType, event_id: target, key: `${Math.random()}` }
  return await client.send(roomId, { ...content, 'm.relates_to': relation }, type)
}

forEachDatabase(({ dialect }) => {
  test('what relates to an event is found by kind and by type', async () => {
    await using server = await startServer({ database: dialect })
    const alice = await server.register('alice')
    const roomId = await alice.createRoom()
    const root = await alice.send(roomId, 'root')
    const reply = await relate(alice, roomId, 'm.thread', root)
    const dummy = await relate(alice, roomId, 'm.thread', root, 'm.dummy')
    const edit = await relate(alice, roomId, 'm.replace', root)
    const path = `/rooms/${encodeURIComponent(roomId)}/relations/${root}`
    const found = async (rest: string): Promise<string[]> =>
      ids((await alice.get(`/_matrix/client/v1${path}${rest}`))['chunk'])
    expect(await found('')).toEqual([edit, dummy, reply])
    expect(await found('/m.thread')).toEqual([dummy, reply])
    expect(await found('/m.thread/m.room.message')).toEqual([reply])
    expect(await found('?dir=f')).toEqual([reply, dummy, edit])
    expect(ids((await alice.get(`/_matrix/client/unstable${path}`))['chunk'])).toEqual([edit, dummy, reply])
    await alice.put(`/rooms/${encodeURIComponent(roomId)}/redact/${dummy}/r`, {})
    expect(await found('')).toEqual([edit, reply])
  })

  test('pages go on where the last one ended, and from the place of a sync', async () => {
    await using server = await startServer({ database: dialect })
    const alice = await server.register('alice')
    const roomId = await alice.createRoom()
    const root = await alice.send(roomId, 'root')
    const replies: string[] = []
    for (let i = 0; i < 6; i++) replies.push(await relate(alice, roomId, 'm.thread', root))
    const path = `/_matrix/client/v1/rooms/${encodeURIComponent(roomId)}/relations/${root}`
    const first = await alice.get(`${path}?limit=4`)
    expect(ids(first['chunk'])).toEqual(replies.toReversed().slice(0, 4))
    expect(first).not.toHaveProperty('prev_batch')
    const second = await alice.get(`${path}?limit=4&from=${first['next_batch']}`)
    expect(ids(second['chunk'])).toEqual(replies.toReversed().slice(4))
    expect(second['prev_batch']).toBe(first['next_batch'])
    expect(second).not.toHaveProperty('next_batch')
    const forward = await alice.get(`${path}?limit=4&dir=f`)
    expect(ids(forward['chunk'])).toEqual(replies.slice(0, 4))
    expect(ids((await alice.get(`${path}?dir=f&from=${forward['next_batch']}`))['chunk'])).toEqual(replies.slice(4))
    const { start: now } = await alice.get(`/rooms/${encodeURIComponent(roomId)}/messages?dir=b&limit=0`)
    const later = [await relate(alice, roomId, 'm.thread', root), await relate(alice, roomId, 'm.thread', root)]
    const news = await alice.get(`${path}?dir=f&from=${now}&limit=1`)
    expect(ids(news['chunk'])).toEqual(later.slice(0, 1))
    expect(ids((await alice.get(`${path}?dir=f&from=${news['next_batch']}`))['chunk'])).toEqual(later.slice(1))
  })

  test('relations of relations are followed for three steps when asked', async () => {
    await using server = await startServer({ database: dialect })
    const alice = await server.register('alice')
    const roomId = await alice.createRoom()
    const chain = [await alice.send(roomId, 'root')]
    for (let i = 0; i < 5; i++) chain.push(await relate(alice, roomId, 'm.reference', chain.at(-1) ?? ''))
    const path = `/_matrix/client/v1/rooms/${encodeURIComponent(roomId)}/relations/${chain[0]}`
    const far = await alice.get(`${path}?recurse=true&dir=f`)
    expect(ids(far['chunk'])).toEqual(chain.slice(1, 4))
    expect(far['recursion_depth']).toBe(3)
    const near = await alice.get(`${path}?dir=f`)
    expect(ids(near['chunk'])).toEqual(chain.slice(1, 2))
    expect(near).not.toHaveProperty('recursion_depth')
    expect(ids((await alice.get(`${path}/m.thread?recurse=true`))['chunk'])).toEqual([])
  })

  test('an event of another room has no relations here', async () => {
    await using server = await startServer({ database: dialect })
    const alice = await server.register('alice')
    const [roomId, other] = [await alice.createRoom(), await alice.createRoom()]
    const event = await alice.send(roomId, 'here')
    const path = `/_matrix/client/v1/rooms/${encodeURIComponent(other)}/relations/${event}`
    expect(await alice.refusal('GET', path)).toEqual({ status: 404, errcode: 'M_NOT_FOUND' })
    expect(await alice.refusal('GET', `${path}?recurse=perhaps`)).toEqual({ status: 400, errcode: 'M_INVALID_PARAM' })
  })
})
