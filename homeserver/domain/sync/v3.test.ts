import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { forEachDatabase, freshDatabaseUrl } from '../../../test/support/databases.ts'
import { Heart } from '../../../test/support/heart.ts'
import { SyncedClient, syncing } from '../../../test/support/syncing.ts'
import type { RoomId, UserId } from '../../core/ids.ts'
import { type Bell, type Bus, MemoryBus } from '../../platform/bus.ts'
import { currentStateEvents } from '../../storage/rooms.ts'

const alice: UserId = '@alice:hs.test'
const bob: UserId = '@bob:hs.test'

/** What may happen to two rooms while bob follows them; `sync` lets him look. */
const step = fc.record({
  room: fc.nat(1),
  what: fc.constantFrom('message', 'name', 'topic', 'rename bob', 'join', 'leave', 'kick', 'carol', 'sync', 'sync'),
})

/** Delivers bells as another process would get them: without what they carry. */
function bare(bus: Bus): Bus {
  return {
    publish: (bell) => bus.publish(bell),
    subscribe: (listener) =>
      bus.subscribe(({ stream, writer, position, keys }: Bell) => listener({ stream, writer, position, keys })),
  }
}

async function act(heart: Heart, roomId: RoomId, what: string, n: number): Promise<void> {
  const member = async (userId: UserId, sender: UserId, membership: string, more = {}): Promise<unknown> =>
    await heart.send(roomId, sender, {
      type: 'm.room.member',
      stateKey: userId,
      content: { membership, ...more },
    })
  const isIn = await heart.members.isJoined(roomId, bob)
  if (what === 'message') await heart.send(roomId, alice, `${n}`)
  else if (what === 'name')
    await heart.send(roomId, alice, { type: 'm.room.name', stateKey: '', content: { name: `${n}` } })
  else if (what === 'topic')
    await heart.send(roomId, alice, { type: 'm.room.topic', stateKey: '', content: { topic: `${n}` } })
  else if (what === 'rename bob' && isIn) await member(bob, bob, 'join', { displayname: `${n}` })
  else if (what === 'join') await member(bob, bob, 'join')
  else if (what === 'leave' && isIn) await member(bob, bob, 'leave')
  else if (what === 'kick' && isIn) await member(bob, alice, 'leave')
  else if (what === 'carol')
    await member(`@carol${n % 4}:hs.test`, `@carol${n % 4}:hs.test`, n % 3 === 0 ? 'leave' : 'join')
}

forEachDatabase(({ dialect, freshUrl }) => {
  test('the union of all syncs is the state of the rooms, and no event comes twice (P12)', async () => {
    await using heart = await Heart.open(await freshUrl())
    const follow = syncing(heart)
    const cold = syncing(heart, bare(heart.bus)) // its tails are never in memory
    const numRuns = dialect === 'sqlite' ? 40 : 8
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 30 }), fc.nat(3), async (steps, limit) => {
        const rooms = [await heart.create(alice), await heart.create(alice)]
        const filter = { room: { rooms, timeline: { limit: limit + 1 } } }
        const clients = [
          new SyncedClient(follow, bob, { filter }),
          new SyncedClient(cold, bob, { filter }),
          new SyncedClient(follow, bob, { filter, stateAfter: 'state_after' }),
        ]
        const look = async (): Promise<void> => {
          for (const client of clients) await client.sync()
        }
        await look()
        for (const [n, { room, what }] of steps.entries()) {
          const roomId = rooms[room]
          if (what === 'sync' || !roomId) await look()
          else await act(heart, roomId, what, n).catch(() => undefined) // what the rules forbid does not happen
        }
        await look()
        for (const client of clients) {
          const joined = (await heart.members.joinedRooms(bob)).filter((roomId) => rooms.includes(roomId))
          expect(new Set(client.state.keys())).toEqual(new Set(joined))
          for (const roomId of joined) {
            const current = await currentStateEvents(heart.database, roomId)
            const state = current.map(({ row }) => [`${row.type} ${row.state_key}`, row.event_id] as const)
            expect(new Map(client.state.get(roomId))).toEqual(new Map(state))
            const timeline = client.timeline.get(roomId) ?? []
            expect(new Set(timeline).size).toBe(timeline.length)
          }
        }
      }),
      { numRuns },
    )
  })

  test('T40: who left and was banned later is not told what became of the room between', async () => {
    await using heart = await Heart.open(await freshUrl())
    const follow = syncing(heart)
    const roomId = await heart.create(alice)
    await heart.member(roomId, bob, 'join')
    const { next: since } = await follow.sync(bob)
    await heart.send(roomId, alice, { type: 'm.room.name', stateKey: '', content: { name: 'while he was here' } })
    await heart.member(roomId, bob, 'leave')
    await heart.send(roomId, alice, { type: 'm.room.topic', stateKey: '', content: { topic: 'secret' } })
    const member = { membership: 'join', displayname: 'secret' }
    await heart.send(roomId, alice, { type: 'm.room.member', stateKey: alice, content: member })
    await heart.member(roomId, bob, 'ban', alice)
    for (const stateAfter of [undefined, 'state_after'] as const) {
      for (const filter of [{}, { room: { timeline: { limit: 1 }, state: { lazy_load_members: true } } }]) {
        const { body } = await follow.sync(bob, { since, filter, ...(stateAfter ? { stateAfter } : {}) })
        const left = JSON.stringify(body['rooms'].leave[roomId])
        expect(left).toContain('while he was here')
        expect(left).toContain('"ban"')
        expect(left).not.toContain('secret')
      }
    }
  })
})

test('a timeline begins after what another server has not given us', async () => {
  await using heart = await Heart.open(await freshDatabaseUrl('sqlite'))
  const roomId = await heart.create(alice)
  await heart.member(roomId, '@carol:far.test', 'join')
  const client = syncing(heart)
  const { next: since } = await client.sync(alice)
  await heart.send(roomId, alice, 'seen before the gap')
  const [first, last] = [
    await heart.send(roomId, '@carol:far.test', '1'),
    await heart.send(roomId, '@carol:far.test', '2'),
  ]
  await heart.database.transaction('leave a gap', async (tx) => {
    await tx.run('insert into backward_extremities (room_id, event_id, child_id) values (?, ?, ?)', [
      roomId,
      '$missing',
      first,
    ])
  })
  const { timeline } = (await client.sync(alice, { since })).body['rooms'].join[roomId]
  expect([timeline.limited, timeline.events]).toMatchObject([true, [{ event_id: first }, { event_id: last }]])
})

test('an answer with very many new rooms comes in pieces that are one JSON text', async () => {
  await using heart = await Heart.open(await freshDatabaseUrl('sqlite'))
  const rooms: RoomId[] = []
  for (let n = 0; n < 1_001; n++) rooms.push(await heart.create(alice))
  await heart.member(await heart.create(bob), alice, 'invite', bob)
  const { body, next } = await syncing(heart).sync(alice)
  expect(new Set(Object.keys(body['rooms'].join))).toEqual(new Set(rooms))
  expect(Object.keys(body['rooms'].invite)).toHaveLength(1)
  expect(next.events).toBe(heart.streams.position('events'))
})

forEachDatabase(({ dialect, freshUrl }) => {
  if (dialect === 'sqlite') return // several processes need Postgres
  test('two readers follow one writer with positions as the only link', async () => {
    const url = await freshUrl()
    const bus = new MemoryBus()
    await using writer = await Heart.open(url, { bus })
    await using one = await Heart.open(url, { bus: bare(bus), writer: 'reader1' })
    await using two = await Heart.open(url, { bus: bare(bus), writer: 'reader2' })
    const roomId = await writer.create(alice)
    await writer.member(roomId, bob, 'join')
    const readers = [one, two].map((reader) => new SyncedClient(syncing(reader), bob))
    for (const reader of readers) await reader.sync()
    for (let n = 0; n < 20; n++) {
      const waiting = readers.map((reader) => reader.sync(10_000))
      const eventId = await writer.send(roomId, alice, `${n}`)
      await Promise.all(waiting)
      for (const reader of readers) expect(reader.timeline.get(roomId)?.at(-1)).toBe(eventId)
    }
    await writer.member(roomId, bob, 'leave', alice)
    for (const reader of readers) {
      await reader.sync()
      expect(reader.state.has(roomId)).toBe(false)
    }
  })

  test('a reader that is behind the token of its client waits until it is not', async () => {
    const url = await freshUrl()
    const bus = new MemoryBus()
    await using writer = await Heart.open(url, { bus })
    const held: Bell[] = []
    let isHeld = false
    const late: Bus = {
      publish: (bell) => bus.publish(bell),
      subscribe: (listener) => bus.subscribe((bell) => (isHeld ? held.push(bell) : listener(bell))),
    }
    await using behind = await Heart.open(url, { bus: late, writer: 'reader' })
    const roomId = await writer.create(alice)
    const ahead = new SyncedClient(syncing(writer), alice)
    await ahead.sync()
    const reader = syncing(behind)
    isHeld = true
    await writer.send(roomId, alice, 'first')
    await ahead.sync()
    const answer = reader.sync(alice, { since: ahead.since })
    isHeld = false
    await writer.send(roomId, alice, 'second') // its bell brings the reader up to both
    const { body } = await answer
    expect(body['rooms'].join[roomId].timeline.events).toMatchObject([{ content: { body: 'second' } }])
    expect(held).not.toEqual([])
  })
})
