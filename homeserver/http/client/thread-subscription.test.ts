import { expect, test } from '@jest/globals'
import type { Client } from '../../../test/support/client.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { startServer } from '../../../test/support/server.ts'
import { slide } from '../../../test/support/sliding.ts'

type Json = Record<string, any> // eslint-disable-line -- answers are looked into freely by tests

const pathOf = (room: string, root: string): string =>
  `/_matrix/client/unstable/io.element.msc4306/rooms/${room}/thread/${encodeURIComponent(root)}/subscription`
const listPath = '/_matrix/client/unstable/io.element.msc4308/thread_subscriptions?dir=b'
const name = 'io.element.msc4308.thread_subscriptions'

async function reply(client: Client, room: string, root: string, more: Json = {}): Promise<string> {
  return await client.send(room, {
    msgtype: 'm.text',
    body: 'reply',
    'm.relates_to': { rel_type: 'm.thread', event_id: root },
    ...more,
  })
}

forEachDatabase(({ dialect: database }) => {
  test('a thread is subscribed to, by a client for its user or by himself, and not any more', async () => {
    await using server = await startServer({ database })
    const alice = await server.register('alice')
    const room = await alice.createRoom()
    const root = await alice.send(room, 'root')
    const path = pathOf(room, root)
    const missing = { status: 404, errcode: 'M_NOT_FOUND' }
    expect(await alice.refusal('GET', path)).toEqual(missing)
    await alice.put(path, { automatic: await reply(alice, room, root) })
    expect(await alice.get(path)).toEqual({ automatic: true })
    await alice.put(path, {})
    expect(await alice.get(path)).toEqual({ automatic: false })
    await alice.put(path, { automatic: await reply(alice, room, root) })
    expect(await alice.get(path)).toEqual({ automatic: false })
    for (let times = 0; times < 2; times++) await alice.ok('DELETE', path)
    expect(await alice.refusal('GET', path)).toEqual(missing)
    for (const method of ['GET', 'PUT', 'DELETE']) {
      expect(await alice.refusal(method, pathOf(room, '$nothing'), method === 'PUT' ? {} : undefined)).toEqual(missing)
    }
    const mallory = await server.register('mallory')
    expect(await mallory.refusal('PUT', path, {})).toEqual(missing)
  })

  test('nobody who unsubscribed is subscribed again for what he knew then', async () => {
    await using server = await startServer({ database })
    const alice = await server.register('alice')
    const room = await alice.createRoom()
    const root = await alice.send(room, 'root')
    const path = pathOf(room, root)
    const known = await reply(alice, room, root)
    await alice.put(path, { automatic: known })
    await alice.ok('DELETE', path)
    const conflict = { status: 409, errcode: 'IO.ELEMENT.MSC4306.M_CONFLICTING_UNSUBSCRIPTION' }
    expect(await alice.refusal('PUT', path, { automatic: known })).toEqual(conflict)
    const other = await alice.send(room, 'elsewhere')
    const outside = { status: 400, errcode: 'IO.ELEMENT.MSC4306.M_NOT_IN_THREAD' }
    expect(await alice.refusal('PUT', path, { automatic: other })).toEqual(outside)
    expect(await alice.refusal('PUT', path, { automatic: root })).toEqual(outside)
    await alice.put(path, { automatic: await reply(alice, room, root) })
    expect(await alice.get(path)).toEqual({ automatic: true })
  })

  test('sliding sync tells of subscriptions as they change, and the rest is had page by page', async () => {
    await using server = await startServer({ database })
    const alice = await server.register('alice')
    const room = await alice.createRoom()
    const roots: string[] = []
    for (let count = 0; count < 4; count++) roots.push(await alice.send(room, `root ${count}`))
    const asked = { extensions: { [name]: { enabled: true, limit: 2 } } }
    const begun = await slide(alice, asked)
    expect(begun['extensions'][name]).toBeUndefined()
    const waiting = slide(alice, asked, { pos: begun['pos'], timeout: 20_000 })
    for (const root of roots) await alice.put(pathOf(room, root), {})
    await waiting
    await alice.ok('DELETE', pathOf(room, roots[3] ?? ''))
    const next = await slide(alice, asked, { pos: begun['pos'] })
    const { subscribed, unsubscribed, prev_batch: from } = next['extensions'][name]
    expect(Object.keys(subscribed[room])).toEqual([roots[2]])
    expect(Object.keys(unsubscribed[room])).toEqual([roots[3]])
    const to = encodeURIComponent(begun['pos'])
    const rest = await alice.get(`${listPath}&from=${from}&to=${to}`)
    expect(Object.keys(rest['subscribed'][room])).toEqual([roots[1], roots[0]])
    expect(rest['end']).toBeUndefined()
    const pages = await alice.get(`${listPath}&limit=3`)
    expect(Object.keys(pages['subscribed'][room])).toEqual([roots[2], roots[1]])
    expect(await alice.get(`${listPath}&from=${pages['end']}`)).toMatchObject({
      subscribed: { [room]: { [roots[0] ?? '']: { automatic: false } } },
    })
    expect((await alice.request('GET', `${listPath}&from=x`)).status).toBe(400)
  })

  test('who subscribes to threads hears of these alone, and of mentions; others hear all as before', async () => {
    await using server = await startServer({ database })
    const [alice, bob, carol] = [
      await server.register('alice'),
      await server.register('bob'),
      await server.register('carol'),
    ]
    const room = await alice.createRoom({ preset: 'public_chat' })
    for (const other of [bob, carol]) await other.post(`/rooms/${room}/join`)
    const [followed, quiet] = [await alice.send(room, 'one'), await alice.send(room, 'two')]
    await bob.put(pathOf(room, followed), {})
    // The room is muted; the thread is heard nevertheless.
    await bob.put(`/pushrules/global/room/${room}`, { actions: [] })
    const heard = async (client: Client): Promise<Record<string, number>> => {
      const { rooms } = await client.sync({ filter: '{"room":{"timeline":{"unread_thread_notifications":true}}}' })
      const threads = rooms.join[room].unread_thread_notifications ?? {}
      return Object.fromEntries(
        Object.entries(threads as Json).map(([root, counts]) => [root, counts.notification_count]),
      )
    }
    await reply(alice, room, followed)
    await reply(alice, room, quiet)
    expect(await heard(bob)).toEqual({ [followed]: 1 })
    expect(await heard(carol)).toEqual({ [followed]: 1, [quiet]: 1 })
    await reply(alice, room, quiet, { 'm.mentions': { user_ids: [bob.userId] } })
    expect(await heard(bob)).toEqual({ [followed]: 1, [quiet]: 1 })
    await bob.ok('DELETE', pathOf(room, followed))
    await reply(alice, room, followed)
    expect(await heard(bob)).toEqual({ [followed]: 1, [quiet]: 1 })
  })

  test('the rules of threads can be switched off, and no others of their kind be added', async () => {
    await using server = await startServer({ database })
    const alice = await server.register('alice')
    const rule = '/pushrules/global/postcontent/.io.element.msc4306.rule.unsubscribed_thread'
    expect(await alice.get(rule)).toMatchObject({ enabled: true, actions: [] })
    await alice.put(`${rule}/enabled`, { enabled: false })
    expect(await alice.get(rule)).toMatchObject({ enabled: false })
    const own = ['PUT', '/pushrules/global/postcontent/mine', { actions: [], conditions: [] }] as const
    expect(await alice.refusal(...own)).toEqual({ status: 400, errcode: 'M_INVALID_PARAM' })
  })
})
