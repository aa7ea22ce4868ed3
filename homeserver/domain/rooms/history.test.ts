import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { Heart } from '../../../test/support/heart.ts'
import { compileEventFilter } from '../../core/filter.ts'
import type { RoomEventFilter } from '../../core/filter.ts'
import type { EventId, RoomId, UserId } from '../../core/ids.ts'
import type { PaginationToken } from '../../core/token.ts'
import type { Requester } from '../accounts/requester.ts'
import type { MessagesPage } from './history.ts'
import { type HistoryServices, openHistory } from './open-history.ts'
import { Visibility } from './visibility.ts'

const alice = '@alice:hs.test'
const bob = '@bob:hs.test'

function as(userId: UserId): Requester {
  return {
    userId,
    deviceId: 'DEV',
    sessionId: '1',
    isGuest: false,
    isAdmin: false,
    isSuspended: false,
    appserviceId: undefined,
  }
}

function open(heart: Heart): HistoryServices {
  const ignored = { of: () => Promise.resolve(new Set<string>()) }
  const { database, bus, clock, streams, events, members } = heart
  const visibility = new Visibility({ database, bus, events, members, ignored })
  const config = { server_name: 'hs.test' }
  const roomHooks = { remoteRooms: [], historySources: [], timeSources: [], policyServers: [], incoming: [] }
  return openHistory({ config, database, bus, clock, streams, events, members, visibility, ignored, roomHooks })
}

const idsOf = (texts: readonly string[]): EventId[] =>
  texts.map((text) => (JSON.parse(text) as { event_id: EventId }).event_id)

interface Query {
  readonly dir: 'b' | 'f'
  readonly limit: number
  readonly from?: PaginationToken
  readonly filter?: RoomEventFilter
}

async function page(services: HistoryServices, userId: UserId, roomId: RoomId, query: Query): Promise<MessagesPage> {
  const { history } = services
  const filter = compileEventFilter(query.filter)
  return await history.messages(as(userId), roomId, await history.enter(userId, roomId), { ...query, filter })
}

/** All events on the way from one end of the room to the other. */
async function walk(services: HistoryServices, userId: UserId, roomId: RoomId, query: Query): Promise<EventId[]> {
  const seen: EventId[] = []
  let from = query.from
  for (let pages = 0; pages < 1000; pages++) {
    const { chunk, end } = await page(services, userId, roomId, { ...query, ...(from ? { from } : {}) })
    expect(chunk.length).toBeLessThanOrEqual(query.limit)
    seen.push(...idsOf(chunk))
    if (!end) return seen
    from = end
  }
  throw new Error('the walk does not end')
}

type Step = 'message' | 'topic' | 'join' | 'leave' | 'world_readable' | 'shared' | 'invited' | 'joined'
const steps: readonly Step[] = ['message', 'topic', 'join', 'leave', 'world_readable', 'shared', 'invited', 'joined']

/** What happened, with what was in force at it. */
interface Happened {
  readonly id: EventId
  readonly visibilities: readonly string[]
  readonly joined: boolean
  readonly own: boolean
}

/** Plays a script in a room and notes for each event what decides whether bob sees it. */
async function play(heart: Heart, script: readonly Step[]): Promise<{ roomId: RoomId; log: Happened[]; end: number }> {
  const roomId = await heart.create(alice)
  const begin = await heart.database.rows<{ event_id: EventId }>(
    'select event_id from events where room_id = ? order by stream_id',
    [roomId],
  )
  const log: Happened[] = begin.map(({ event_id: id }) => ({ id, visibilities: ['shared'], joined: false, own: false }))
  let [visibility, joined, end] = ['shared', false, 0]
  for (const step of script) {
    if (step === 'message' || step === 'topic') {
      const draft = step === 'message' ? {} : { type: 'm.room.topic', stateKey: '', content: { topic: 'x' } }
      log.push({ id: await heart.send(roomId, alice, draft), visibilities: [visibility], joined, own: false })
    } else if (step === 'join' || step === 'leave') {
      if (joined === (step === 'join')) continue
      const id = await heart.member(roomId, bob, step)
      joined = step === 'join'
      log.push({ id, visibilities: [visibility], joined, own: true })
      if (step === 'leave') end = log.length
    } else {
      const content = { history_visibility: step }
      const id = await heart.send(roomId, alice, { type: 'm.room.history_visibility', stateKey: '', content })
      log.push({ id, visibilities: [visibility, step], joined, own: false })
      visibility = step
    }
  }
  return { roomId, log, end: joined ? Infinity : end }
}

/** The rules of the specification, one event at a time. */
function visibleToBob({ log, end }: { log: readonly Happened[]; end: number }): EventId[] {
  const now = log.at(-1)?.visibilities.at(-1)
  const reach = now === 'world_readable' ? Infinity : end
  return log
    .filter(
      ({ visibilities, joined, own }, index) =>
        index < reach &&
        (own || joined || visibilities.includes('world_readable') || (visibilities.includes('shared') && index < end)),
    )
    .map(({ id }) => id)
}

forEachDatabase(({ freshUrl }) => {
  test('a walk back or forth through any room meets every visible event once, in order (P14)', async () => {
    await using heart = await Heart.open(await freshUrl())
    const services = open(heart)
    const script = fc.array(fc.constantFrom(...steps), { maxLength: 30 })
    await fc.assert(
      fc.asyncProperty(script, fc.integer({ min: 1, max: 12 }), async (script, limit) => {
        const room = await play(heart, [...script, 'join', 'leave', ...script.slice(0, 3)])
        const expected = visibleToBob(room)
        expect(await walk(services, bob, room.roomId, { dir: 'f', limit })).toEqual(expected)
        expect(await walk(services, bob, room.roomId, { dir: 'b', limit })).toEqual(expected.toReversed())
        const all = room.log.map(({ id }) => id)
        expect(await walk(services, alice, room.roomId, { dir: 'f', limit })).toEqual(all)
        expect(await walk(services, alice, room.roomId, { dir: 'b', limit })).toEqual(all.toReversed())
      }),
      { numRuns: 30 },
    )
  }, 120_000)

  test('events that are not accepted do not end a walk', async () => {
    await using heart = await Heart.open(await freshUrl())
    const services = open(heart)
    const roomId = await heart.create(alice)
    const first = await heart.send(roomId, alice, 'first')
    const rejected: EventId[] = []
    for (let i = 0; i < 200; i++) rejected.push(await heart.send(roomId, alice, 'rejected'))
    const last = await heart.send(roomId, alice, 'last')
    await heart.database.transaction('reject', (tx) =>
      tx.run(`update events set status = 2 where event_id in (${rejected.map(() => '?').join(',')})`, rejected),
    )
    const seen = await walk(services, alice, roomId, { dir: 'b', limit: 10 })
    expect(seen.slice(0, 2)).toEqual([last, first])
    expect(seen).not.toEqual(expect.arrayContaining(rejected.slice(0, 1)))
  })

  test('a walk whose filter passes next to nothing comes to the end', async () => {
    await using heart = await Heart.open(await freshUrl())
    const services = open(heart)
    const roomId = await heart.create(alice)
    const picture = await heart.send(roomId, alice, { content: { body: 'p', url: 'mxc://hs.test/a' } })
    for (let i = 0; i < 40; i++) await heart.send(roomId, alice, { content: { body: '"url":', info: { url: 'x' } } })
    const topic = await heart.send(roomId, alice, { type: 'm.room.topic', stateKey: '', content: { topic: 'x' } })
    const walkWith = (filter: RoomEventFilter): Promise<EventId[]> =>
      walk(services, alice, roomId, { dir: 'b', limit: 3, filter })
    expect(await walkWith({ contains_url: true })).toEqual([picture])
    expect(await walkWith({ types: ['m.room.t*'] })).toEqual([topic])
    expect(await walkWith({ types: ['M.ROOM.T*', 'm.room.to_ic'] })).toEqual([])
    const many = Array.from({ length: 1500 }, (_, i) => `x${i}*`)
    expect(await walkWith({ types: [...many, 'm.room.t*'] })).toEqual([topic])
    expect(await walkWith({ not_types: ['m.room.*'] })).toEqual([])
    expect(await walkWith({ senders: [bob] })).toEqual([])
    expect(await walkWith({ types: [] })).toEqual([])
    expect(await walkWith({ rooms: [] })).toEqual([])
    const reaction = { 'm.relates_to': { rel_type: 'm.annotation', event_id: picture, key: '+' } }
    await heart.send(roomId, alice, { type: 'm.reaction', content: reaction })
    const one = await page(services, alice, roomId, { dir: 'b', limit: 1 })
    expect(await walkWith({ 'org.matrix.msc3874.rel_types': ['m.annotation'] })).toEqual(idsOf(one.chunk))
    expect(await walkWith({ types: ['m.reaction'], 'org.matrix.msc3874.not_rel_types': ['m.annotation'] })).toEqual([])
    expect(await walkWith({ contains_url: true, 'org.matrix.msc3874.not_rel_types': ['x'] })).toEqual([picture])
    expect(await walkWith({ related_by_rel_types: ['m.annotation'] })).toEqual([picture])
    expect(await walkWith({ related_by_rel_types: ['m.annotation'], related_by_senders: [bob] })).toEqual([])
  })

  test('a place in the stream is a place to start from, in both directions', async () => {
    await using heart = await Heart.open(await freshUrl())
    const services = open(heart)
    const roomId = await heart.create(alice)
    const before = [await heart.send(roomId, alice), await heart.send(roomId, alice)]
    const from = { stream: heart.streams.position('events') }
    const after = [await heart.send(roomId, alice), await heart.send(roomId, alice), await heart.send(roomId, alice)]
    expect(await walk(services, alice, roomId, { dir: 'f', limit: 2, from })).toEqual(after)
    const back = await walk(services, alice, roomId, { dir: 'b', limit: 2, from })
    expect(back.slice(0, 2)).toEqual(before.toReversed())
    const filter = compileEventFilter()
    const range = { dir: 'b', limit: 100, filter, to: from } as const
    const reader = await services.history.enter(alice, roomId)
    const { chunk, end } = await services.history.messages(as(alice), roomId, reader, range)
    expect([idsOf(chunk), end]).toEqual([after.toReversed(), undefined])
  })
})
