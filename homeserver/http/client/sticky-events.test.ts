import { describe, expect, test } from '@jest/globals'
import type { UserId } from '../../core/ids.ts'
import { roomVersions } from '../../core/room-version.ts'
import { signingKeyFromSeed } from '../../core/signing.ts'
import { FakeClock } from '../../platform/fake-clock.ts'
import { hasOpenssl } from '../../../test/support/certificates.ts'
import type { Client } from '../../../test/support/client.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { startTwo } from '../../../test/support/federation.ts'
import { PeerRoom } from '../../../test/support/peer-room.ts'
import { startServer } from '../../../test/support/server.ts'
import { slide } from '../../../test/support/sliding.ts'

type Json = Record<string, any> // eslint-disable-line -- answers are looked into freely by tests

const type = 'org.example.sticky'
const at = (roomId: string, rest: string): string => `/rooms/${encodeURIComponent(roomId)}/${rest}`
/** What a sync shows of the room besides what is sticky: nothing. */
const noTimeline = JSON.stringify({ room: { timeline: { limit: 1 } } })

async function stick(client: Client, roomId: string, n: number, ms = 600_000): Promise<string> {
  const path = at(roomId, `send/${type}/sticky${n}?org.matrix.msc4354.sticky_duration_ms=${ms}`)
  return (await client.put(path, { n }))['event_id'] as string
}

const peer = { serverName: 'peer.test', key: signingKeyFromSeed('peer', Buffer.alloc(32, 3)) }

const numbers = (events: Json[] = []): number[] => events.map(({ content }) => content.n as number)
const stickyIn = ({ rooms }: Json, roomId: string): number[] =>
  numbers(rooms?.join?.[roomId]?.msc4354_sticky?.events as Json[] | undefined)
const timelineIn = ({ rooms }: Json, roomId: string): Json[] => rooms.join[roomId].timeline.events as Json[]

forEachDatabase(({ dialect: database }) => {
  test('rtc 28: what a room keeps back from its members comes to them once the room allows it, while it lasts', async () => {
    await using server = await startServer({ database })
    const { writer } = server.server.services
    const alice = await server.register('alice')
    const room = new PeerRoom(roomVersions['12'], peer)
    const mallory: UserId = '@mallory:peer.test'
    room.member(mallory, 'join')
    const before = room.fork()
    const state = [...before.state.values()]
    await writer.storeOutliers(room.roomId, room.version, [...room.events.values()])
    const event = room.member(alice.userId as UserId, 'join')
    await writer.adopt({ roomId: room.roomId, version: room.version, event, state })
    const receive = async (made: typeof event) => (await writer.receive(room.roomId, made)).status

    const old = room.fork()
    expect(await receive(room.member(mallory, 'ban', { sender: room.creator }))).toBe('accepted')
    const also = { msc4354_sticky: { duration_ms: 3_600_000 }, origin_server_ts: Date.now() }
    expect(await receive(room.add({ type, sender: mallory, content: { n: 7 }, also }, old))).toBe('soft-failed')
    await server.server.settle()
    const first = await alice.sync({ filter: noTimeline })
    expect(stickyIn(first, room.roomId)).toEqual([])
    expect(await receive(room.member(mallory, 'leave', { sender: room.creator }))).toBe('accepted')
    expect(await receive(room.member(mallory, 'join'))).toBe('accepted')
    await server.server.settle()
    expect(stickyIn(await alice.sync({ since: String(first['next_batch']) }), room.roomId)).toEqual([7])
  })

  test('an event that sticks says for how long, and no client is told of it twice', async () => {
    const clock = new FakeClock()
    await using server = await startServer({ database, parts: { clock } })
    const alice = await server.register('alice')
    const roomId = await alice.createRoom({ preset: 'public_chat' })
    const { next_batch: before } = await alice.sync()
    const first = await stick(alice, roomId, 1)
    await clock.advance(1000)
    const seen = await alice.sync({ since: before as string })
    expect(stickyIn(seen, roomId)).toEqual([])
    expect(timelineIn(seen, roomId)).toMatchObject([
      {
        event_id: first,
        msc4354_sticky: { duration_ms: 600_000 },
        unsigned: { age: 1000, msc4354_sticky_duration_ttl_ms: 599_000 },
      },
    ])
    // In between there is so much that the timeline is cut off before it.
    await stick(alice, roomId, 2)
    for (let n = 0; n < 3; n++) await alice.send(roomId, `message ${n}`)
    const cut = await alice.sync({ since: seen['next_batch'] as string, filter: noTimeline })
    expect(stickyIn(cut, roomId)).toEqual([2])
    const after = await alice.sync({ since: cut['next_batch'] as string, filter: noTimeline })
    expect(after['rooms']).toBeUndefined()
    const whole = await alice.sync({ filter: noTimeline })
    expect(stickyIn(whole, roomId)).toEqual([1, 2])
    await clock.advance(599_000)
    expect(stickyIn(await alice.sync({ filter: noTimeline }), roomId)).toEqual([2])
    const event = await alice.get(at(roomId, `event/${first}`))
    expect(event['unsigned'].msc4354_sticky_duration_ttl_ms).toBeUndefined()
  })

  test('who comes into a room is told of all that lasts there, but for what was redacted', async () => {
    await using server = await startServer({ database })
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const history = { type: 'm.room.history_visibility', state_key: '', content: { history_visibility: 'joined' } }
    const roomId = await alice.createRoom({ preset: 'public_chat', initial_state: [history] })
    const first = await stick(alice, roomId, 1)
    const hidden = await alice.send(roomId, 'not for those who come later')
    const second = await stick(alice, roomId, 2)
    await stick(alice, roomId, 3)
    await alice.put(at(roomId, `redact/${second}/r`), {})
    const { next_batch: since } = await bob.sync()
    await bob.post(`/join/${encodeURIComponent(roomId)}`)
    const joined = await bob.sync({ since: since as string, filter: noTimeline })
    expect(stickyIn(joined, roomId)).toEqual([1, 3])
    expect((await bob.get(at(roomId, `event/${first}`)))['content']).toEqual({ n: 1 })
    expect((await bob.refusal('GET', at(roomId, `event/${hidden}`))).status).toBe(404)
    expect(stickyIn(await bob.sync({ since: joined['next_batch'] as string, timeout: 0 }), roomId)).toEqual([])
    // And again, when he comes back.
    await bob.post(at(roomId, 'leave'))
    const left = await bob.sync({ since: joined['next_batch'] as string })
    await bob.post(`/join/${encodeURIComponent(roomId)}`)
    const again = await bob.sync({ since: left['next_batch'] as string, filter: noTimeline })
    expect(stickyIn(again, roomId)).toEqual([1, 3])
  })

  test('what is too much for one answer comes in the next', async () => {
    await using server = await startServer({ database })
    const alice = await server.register('alice')
    const roomId = await alice.createRoom()
    const { next_batch: before } = await alice.sync()
    for (let n = 1; n <= 120; n++) await stick(alice, roomId, n)
    const first = await alice.sync({ since: before as string, filter: noTimeline })
    expect(stickyIn(first, roomId)).toEqual(Array.from({ length: 100 }, (_, n) => n + 1))
    const second = await alice.sync({ since: first['next_batch'] as string, filter: noTimeline, timeout: 10_000 })
    expect(stickyIn(second, roomId)).toEqual(Array.from({ length: 20 }, (_, n) => n + 101))
  })

  test('sliding sync tells what lasts in rooms that the client does not show', async () => {
    await using server = await startServer({ database })
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const roomId = await alice.createRoom({ preset: 'public_chat' })
    await bob.post(`/join/${encodeURIComponent(roomId)}`)
    const name = 'org.matrix.msc4354.sticky_events'
    const ask = (since?: string, pos?: string) =>
      slide(
        bob,
        { conn_id: 'one', extensions: { [name]: { enabled: true, limit: 2, ...(since ? { since } : {}) } } },
        pos === undefined ? {} : { pos },
      )
    const told = ({ extensions }: Json): number[] => numbers(extensions[name]?.rooms[roomId]?.events as Json[])
    for (const n of [1, 2, 3]) await stick(alice, roomId, n)
    const first = await ask()
    expect(told(first)).toEqual([1, 2])
    const second = await ask(first['extensions'][name].next_batch as string, first['pos'] as string)
    expect(told(second)).toEqual([3])
    const place = second['extensions'][name].next_batch as string
    expect((await ask(place, second['pos'] as string))['extensions']).toEqual({})
    await stick(alice, roomId, 4)
    expect(told(await ask(place, second['pos'] as string))).toEqual([4])
  })

  test('an event that was left to be sent later sticks from when it is sent', async () => {
    const clock = new FakeClock()
    await using server = await startServer({ database, parts: { clock } })
    const alice = await server.register('alice')
    const roomId = await alice.createRoom()
    const { next_batch: since } = await alice.sync()
    const query = 'org.matrix.msc4140.delay=1000&org.matrix.msc4354.sticky_duration_ms=5000000'
    await alice.put(at(roomId, `send/${type}/1?${query}`), {})
    await clock.advance(1000)
    await server.server.settle()
    const [event] = timelineIn(await alice.sync({ since: since as string }), roomId)
    expect(event).toMatchObject({
      msc4354_sticky: { duration_ms: 3_600_000 },
      unsigned: { msc4354_sticky_duration_ttl_ms: 3_600_000 },
    })
  })
})

const describeTls = hasOpenssl ? describe : describe.skip

describeTls('over TLS', () => {
  forEachDatabase(({ dialect }) => {
    test('rtc 28: a server that comes into a room hears of what its users there have let stick', async () => {
      const { federation, hs1, hs2 } = await startTwo(dialect)
      await using _ = federation
      const [alice, bob] = [await hs1.server.register('alice'), await hs2.server.register('bob')]
      const roomId = await alice.createRoom({ preset: 'public_chat' })
      await stick(alice, roomId, 1)
      await bob.post(`/join/${encodeURIComponent(roomId)}?via=hs1.test`)
      for (let since: string | undefined; ;) {
        const answer = await bob.sync({ timeout: 10_000, ...(since === undefined ? {} : { since }) })
        const { timeline, msc4354_sticky: sticky } = answer['rooms']?.join?.[roomId] ?? {}
        if ([...numbers(timeline?.events as Json[]), ...numbers(sticky?.events as Json[])].includes(1)) break
        since = answer['next_batch'] as string
      }
    })
  })
})

test('a time that is none is refused', async () => {
  await using server = await startServer()
  const alice = await server.register('alice')
  const roomId = await alice.createRoom()
  for (const ms of ['-1', '1.5', 'long']) {
    const path = at(roomId, `send/${type}/1?sticky_duration_ms=${ms}`)
    expect((await alice.refusal('PUT', path, {})).errcode).toBe('M_INVALID_PARAM')
  }
})
