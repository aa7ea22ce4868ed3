import { describe, expect, test } from '@jest/globals'
import { hasOpenssl } from '../../../test/support/certificates.ts'
import type { Client } from '../../../test/support/client.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { Federation } from '../../../test/support/federation.ts'
import { startServer } from '../../../test/support/server.ts'
import { slide } from '../../../test/support/sliding.ts'
import { federationPath } from '../../domain/federation/client.ts'
import { FakeClock } from '../../platform/fake-clock.ts'

type Json = Record<string, any> // eslint-disable-line -- answers are looked into freely by tests

const at = (roomId: string, rest: string): string => `/rooms/${encodeURIComponent(roomId)}/${rest}`
const configuration = '/_matrix/client/unstable/org.matrix.msc1763/retention/configuration'
const on = (more = 'min: 1s'): string => `rooms: { retention: { mode: on, ${more} } }`

const bodies = (events: Json[]): string[] =>
  events.filter(({ type }) => type === 'm.room.message').map(({ content }) => content.body as string)

async function messages(client: Client, roomId: string, dir: 'b' | 'f' = 'b'): Promise<string[]> {
  return bodies((await client.get(at(roomId, `messages?dir=${dir}&limit=100`)))['chunk'] as Json[])
}

forEachDatabase(({ dialect: database }) => {
  test('nobody is shown a message whose time is over, by any way to read the room; state has no end', async () => {
    const clock = new FakeClock()
    await using server = await startServer({ database, parts: { clock }, config: on() })
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await alice.createRoom({ preset: 'public_chat', topic: 'kept' })
    await bob.post(`/join/${encodeURIComponent(roomId)}`)
    const since = (await bob.sync())['next_batch'] as string
    await alice.setState(roomId, 'm.room.retention', { max_lifetime: 60_000 })
    const first = await alice.send(roomId, 'cheese one')
    const thread = { 'm.relates_to': { rel_type: 'm.thread', event_id: first }, msgtype: 'm.text' }
    await alice.send(roomId, { ...thread, body: 'cheese in the thread' })
    await clock.advance(50_000)
    const second = await alice.send(roomId, 'cheese two')
    await alice.send(roomId, { ...thread, body: 'cheese late in the thread' })
    expect(await messages(bob, roomId, 'f')).toHaveLength(4)

    await clock.advance(20_000)
    const left = ['cheese two', 'cheese late in the thread']
    expect(await messages(bob, roomId, 'f')).toEqual(left)
    expect(await messages(alice, roomId)).toEqual(left.toReversed())
    expect(await bob.refusal('GET', at(roomId, `event/${first}`))).toMatchObject({ status: 404 })
    expect(await bob.refusal('GET', at(roomId, `context/${first}`))).toMatchObject({ status: 404 })
    expect(await bob.refusal('GET', `/_matrix/client/v1${at(roomId, `relations/${first}`)}`)).toMatchObject({
      status: 404,
    })
    expect((await bob.get(`/_matrix/client/v1${at(roomId, 'threads')}`))['chunk']).toEqual([])
    const context = await bob.get(at(roomId, `context/${second}?limit=20`))
    expect(bodies([...context['events_before'], ...context['events_after']])).toEqual([left[1]])
    for (const query of [{ since }, {}] as Record<string, string>[]) {
      const { rooms } = await bob.sync(query)
      expect(bodies(rooms.join[roomId].timeline.events as Json[])).toEqual(left)
    }
    const slid = await slide(bob, { lists: { all: { ranges: [[0, 9]], timeline_limit: 50, required_state: [] } } })
    expect(bodies(slid['rooms'][roomId].timeline as Json[])).toEqual(left)
    const found = await bob.post('/search', { search_categories: { room_events: { search_term: 'cheese' } } })
    const results = found['search_categories'].room_events.results as Json[]
    expect(bodies(results.map(({ result }) => result as Json)).toSorted()).toEqual(left.toSorted())
    const { notifications } = await bob.get('/notifications')
    expect(bodies((notifications as Json[]).map(({ event }) => event as Json)).toSorted()).toEqual(left.toSorted())
    expect(await bob.get(at(roomId, 'state/m.room.topic'))).toMatchObject({ topic: 'kept' })

    await alice.setState(roomId, 'm.room.retention', { max_lifetime: 3_600_000 })
    expect(await messages(bob, roomId)).toHaveLength(4)
  })

  test('what is over goes with its file, at the latest a quarter of an hour later', async () => {
    const clock = new FakeClock(Date.now())
    await using server = await startServer({ database, parts: { clock }, config: on('default: 1h, min: 1s') })
    const alice = await server.register('alice')
    const { content_uri: url } = (await alice.request('POST', '/_matrix/media/v3/upload', 'a picture')).body
    const roomId = await alice.createRoom()
    await alice.send(roomId, { msgtype: 'm.image', body: 'picture', url })
    const file = `/_matrix/client/v1/media/download/${String(url).slice('mxc://'.length)}`
    expect((await alice.request('GET', file)).status).toBe(200)
    await clock.advance(3_600_000)
    while ((await alice.request('GET', file)).status !== 404) await clock.advance(15 * 60_000)
    expect(await messages(alice, roomId)).toEqual([])
    await alice.send(roomId, 'and life goes on')
    expect(await messages(alice, roomId)).toEqual(['and life goes on'])
  })

  test('the server sets bounds to what rooms wish, and says what holds where they say nothing', async () => {
    const clock = new FakeClock()
    const config = on('default: 2h, min: 1h, max: 3h')
    await using server = await startServer({ database, parts: { clock }, config })
    const alice = await server.register('alice')
    const kept: Record<string, number> = {}
    const wishes: readonly (readonly [string, Json | undefined])[] = [
      ['nothing', undefined],
      ['a minute', { max_lifetime: 60_000 }],
      ['ever', { max_lifetime: Number.MAX_SAFE_INTEGER }],
      ['no less than ever', { min_lifetime: Number.MAX_SAFE_INTEGER }],
      ['something that means nothing', { max_lifetime: null }],
    ]
    const rooms = new Map<string, string>()
    for (const [name, content] of wishes) {
      const roomId = await alice.createRoom()
      if (content) await alice.setState(roomId, 'org.matrix.msc1763.retention', content)
      await alice.send(roomId, 'x')
      rooms.set(name, roomId)
    }
    for (let hours = 0; hours < 4; hours++) {
      for (const [name, roomId] of rooms) if ((await messages(alice, roomId)).length > 0) kept[name] = hours
      await clock.advance(3_600_000)
    }
    // The message of an hour ago is there in the last moment of that hour.
    expect(kept).toEqual({
      nothing: 2,
      'a minute': 1,
      ever: 3,
      'no less than ever': 3,
      'something that means nothing': 2,
    })
    expect(await alice.get(configuration)).toEqual({
      policies: { '*': { max_lifetime: 7_200_000 } },
      limits: { max_lifetime: { min: 3_600_000, max: 10_800_000 } },
    })
    expect(await alice.get('/_matrix/client/versions')).toMatchObject({
      unstable_features: { 'org.matrix.msc1763': true },
    })
  })
})

test('where the server keeps everything, no room has it otherwise, and clients are not told of lifetimes', async () => {
  const clock = new FakeClock()
  await using server = await startServer({ parts: { clock } })
  const alice = await server.register('alice')
  const roomId = await alice.createRoom()
  await alice.setState(roomId, 'm.room.retention', { max_lifetime: 1 })
  await alice.send(roomId, 'x')
  await clock.advance(10_000)
  expect(await messages(alice, roomId)).toEqual(['x'])
  expect(await alice.refusal('GET', configuration)).toEqual({ status: 404, errcode: 'M_UNRECOGNIZED' })
  const { unstable_features: features } = await alice.get('/_matrix/client/versions')
  expect(Object.keys(features as object)).not.toContain('org.matrix.msc1763')
})

test('lifetimes that mean nothing are refused', async () => {
  await using server = await startServer()
  const alice = await server.register('alice')
  const roomId = await alice.createRoom()
  for (const content of [
    { max_lifetime: '1d' },
    { max_lifetime: -1 },
    { min_lifetime: 1.5 },
    { min_lifetime: 2, max_lifetime: 1 },
  ]) {
    expect(await alice.refusal('PUT', at(roomId, 'state/m.room.retention'), content)).toMatchObject({ status: 400 })
  }
  await alice.setState(roomId, 'm.room.retention', { min_lifetime: null, max_lifetime: 0 })
})

const describeTls = hasOpenssl ? describe : describe.skip

describeTls('over TLS', () => {
  forEachDatabase(({ dialect: database }) => {
    test('another server is told of the place of what is over, not of what it said', async () => {
      await using federation = await Federation.make('hs1.test', 'hs2.test')
      const clock = new FakeClock(Date.now())
      const hs1 = await federation.start('hs1.test', { database, parts: { clock }, config: on() })
      const hs2 = await federation.start('hs2.test')
      const [alice, bob] = [await hs1.server.register('alice'), await hs2.server.register('bob')]
      const roomId = await alice.createRoom({ preset: 'public_chat' })
      await alice.setState(roomId, 'm.room.retention', { max_lifetime: 10_000 })
      const said = await alice.send(roomId, 'said')
      await bob.post(`/join/${encodeURIComponent(roomId)}?via=hs1.test`)
      const ask = async (): Promise<Json> =>
        await hs2.services.federationClient.get('hs1.test', federationPath`/v1/event/${said}`, { query: {} })
      expect((await ask())['pdus'][0].content).toEqual({ msgtype: 'm.text', body: 'said' })
      await clock.advance(11_000)
      expect((await ask())['pdus'][0].content).toEqual({})
    })
  })
})
