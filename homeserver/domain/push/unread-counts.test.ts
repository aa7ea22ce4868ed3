import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { Heart } from '../../../test/support/heart.ts'
import type { EventId, RoomId, UserId } from '../../core/ids.ts'
import { MemoryBus } from '../../platform/bus.ts'
import type { Conn } from '../../storage/database.ts'
import { IgnoredUsers } from '../account-data/ignored-users.ts'
import { Receipts } from '../ephemeral/receipts.ts'
import { Badges } from './badges.ts'
import { Evaluation } from './evaluation.ts'
import { PushRules } from './push-rules.ts'
import { ThreadFollowers } from './thread-followers.ts'
import { type RoomCounts, UnreadCounts } from './unread-counts.ts'

const users = ['@ann:hs.test', '@ben:hs.test', '@cat:hs.test', '@dan:far.test'] as const
type User = (typeof users)[number]

type Step =
  | { readonly do: 'say'; readonly by: User; readonly thread: number | undefined; readonly mention: User | undefined }
  | {
      readonly do: 'read'
      readonly by: User
      readonly event: number
      readonly threaded: boolean
      readonly hidden: boolean
    }
  | { readonly do: 'redact'; readonly event: number }
  | { readonly do: 'come and go' | 'rename' | 'set topic'; readonly by: User }
  /** Asks for counts and does not wait for them before the next step. */
  | { readonly do: 'ask'; readonly by: User; readonly back: number }
  | { readonly do: 'check' }

const user = fc.constantFrom(...users)
const place = fc.nat(60)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('say' as const),
      by: user,
      thread: fc.option(place, { nil: undefined }),
      mention: fc.option(user, { nil: undefined }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('read' as const),
      by: user,
      event: place,
      threaded: fc.boolean(),
      hidden: fc.boolean(),
    }),
  },
  fc.record({ do: fc.constant('redact' as const), event: place }),
  fc.record({ do: fc.constantFrom('come and go' as const, 'rename' as const, 'set topic' as const), by: user }),
  { weight: 2, arbitrary: fc.record({ do: fc.constant('ask' as const), by: user, back: fc.nat(3) }) },
  { weight: 2, arbitrary: fc.constant({ do: 'check' as const }) },
)

interface Said {
  readonly id: EventId
  readonly by: User
  readonly streamId: number
  readonly thread: EventId | undefined
  readonly heardBy: readonly User[]
  readonly mention: User | undefined
  redacted: boolean
}

/** What the rules of the specification give, counted from all that ever happened. */
class Ledger {
  readonly said: Said[] = []
  readonly joined = new Map<User, number>()
  readonly read = new Map<string, number>()

  counts(reader: User, upto: number): { main: number[]; threads: Record<string, number[]> } {
    let main = [0, 0]
    let threads: Record<string, number[]> = {}
    for (const event of this.said.filter(({ streamId }) => streamId <= upto)) {
      const thread = event.thread
      if (event.by === reader) {
        if (thread === undefined) main = [0, 0]
        else threads = Object.fromEntries(Object.entries(threads).filter(([root]) => root !== thread))
      }
      const marks = ['', thread ?? 'main'].map((mark) => this.read.get(`${reader} ${mark}`) ?? 0)
      const isNew = event.streamId > Math.max(...marks, this.joined.get(reader) ?? Infinity)
      if (!isNew || event.redacted || !event.heardBy.includes(reader)) continue
      const tally = thread === undefined ? main : (threads[thread] ??= [0, 0])
      tally[0] = (tally[0] ?? 0) + 1
      if (event.mention === reader) tally[1] = (tally[1] ?? 0) + 1
    }
    return { main, threads }
  }
}

function plain({ main, threads }: RoomCounts): ReturnType<Ledger['counts']> {
  const entries = [...threads].map(([root, counts]) => [root, [counts.notifications, counts.highlights]])
  return {
    main: [main.notifications, main.highlights],
    threads: Object.fromEntries(entries) as Record<string, number[]>,
  }
}

type HeartParts = Parameters<NonNullable<NonNullable<Parameters<typeof Heart.open>[1]>['push']>>[0]

const push = (parts: HeartParts): Evaluation =>
  new Evaluation({
    ...parts,
    rules: new PushRules(parts),
    ignored: new IgnoredUsers(parts),
    followers: new ThreadFollowers(parts),
  })

async function countsOf(unread: UnreadCounts, userId: UserId, roomId: RoomId, upto: number): Promise<RoomCounts> {
  const counts = (await unread.of(userId, [roomId], upto)).get(roomId)
  if (!counts) throw new Error('no counts')
  return counts
}

/** The number at the icon, counted without a memory. */
async function badgeOf(heart: Heart, userId: UserId): Promise<number> {
  const { database, streams } = heart
  const unread = new UnreadCounts({ database, streams, bus: new MemoryBus() })
  let sum = 0
  for (const roomId of await heart.members.joinedRooms(userId)) {
    const { main, threads } = await countsOf(unread, userId, roomId, heart.streams.position('events'))
    for (const { notifications } of [main, ...threads.values()]) sum += notifications
  }
  return sum
}

async function play(heart: Heart, steps: readonly Step[]): Promise<void> {
  const [owner] = users
  const unread = new UnreadCounts(heart)
  const { database, bus, streams, members } = heart
  const badges = new Badges({ database, bus, streams, members, unreadCounts: unread })
  const receipts = new Receipts(heart)
  const ledger = new Ledger()
  const asked: Promise<unknown>[] = []
  const roomId: RoomId = await heart.create(owner)
  const position = (): number => heart.streams.position('events')
  ledger.joined.set(owner, position())
  const note = (id: EventId, by: User, more: Partial<Said> = {}): void => {
    const said = { id, by, streamId: position(), thread: undefined, heardBy: [], mention: undefined, redacted: false }
    ledger.said.push({ ...said, ...more })
  }
  const at = (place: number): Said | undefined => ledger.said[place % Math.max(1, ledger.said.length)]

  const readers = (): User[] => [...ledger.joined.keys()].filter((reader) => heart.members.isLocal(reader))
  const act: { [Kind in Step['do']]: (step: Extract<Step, { do: Kind }>) => Promise<unknown> } = {
    say: async ({ by, thread: place, mention }) => {
      if (!ledger.joined.has(by)) return
      const root = place === undefined ? undefined : at(place)
      const thread = root?.thread === undefined && root?.redacted === false ? root.id : undefined
      const content = {
        msgtype: 'm.text',
        body: 'hello',
        'm.mentions': mention ? { user_ids: [mention] } : {},
        ...(thread ? { 'm.relates_to': { rel_type: 'm.thread', event_id: thread } } : {}),
      }
      const id = await heart.send(roomId, by, { content })
      const heardBy = [...ledger.joined.keys()].filter((other) => other !== by && other.endsWith(':hs.test'))
      note(id, by, { thread, mention, heardBy })
    },
    read: async ({ by, event: place, threaded, hidden }) => {
      const event = at(place)
      if (!event || !ledger.joined.has(by)) return
      const threadId = threaded ? (event.thread ?? 'main') : undefined
      const type = hidden ? 'm.read.private' : 'm.read'
      await receipts.add({ roomId, userId: by, type, eventId: event.id, threadId })
      const key = `${by} ${threadId ?? ''}`
      ledger.read.set(key, Math.max(ledger.read.get(key) ?? 0, event.streamId))
    },
    redact: async ({ event: place }) => {
      const event = at(place)
      if (!event || event.redacted) return
      const draft = { type: 'm.room.redaction', content: { redacts: event.id }, redacts: event.id }
      const id = await heart.send(roomId, owner, draft)
      event.redacted = true
      note(id, owner)
    },
    'come and go': async ({ by }) => {
      if (by === owner) return
      await heart.member(roomId, by, ledger.joined.has(by) ? 'leave' : 'join')
      if (!ledger.joined.delete(by)) ledger.joined.set(by, position())
    },
    rename: async ({ by }) => {
      if (!ledger.joined.has(by)) return
      const content = { membership: 'join', displayname: `name ${position()}` }
      await heart.send(roomId, by, { type: 'm.room.member', stateKey: by, content })
    },
    'set topic': async () => {
      await heart.send(roomId, owner, { type: 'm.room.topic', stateKey: '', content: { topic: `${position()}` } })
    },
    ask: async ({ by, back }) => {
      if (ledger.joined.has(by)) asked.push(countsOf(unread, by, roomId, position() - back))
    },
    check: async () => {
      for (const upto of [position() - 2, position()]) {
        const counts = await Promise.all(readers().map((reader) => countsOf(unread, reader, roomId, upto)))
        const expected = readers().map((reader) => ledger.counts(reader, upto))
        expect(counts.map(plain)).toEqual(expected)
      }
      await Promise.all(readers().map((reader) => badges.of(reader)))
    },
  }
  for (const one of [...steps, { do: 'check' } as const]) await act[one.do](one as never) // by its own kind
  await Promise.all(asked)
  await act.check({ do: 'check' })
  const reader = users[steps.length % 3] ?? owner
  expect(await badges.of(reader)).toBe(await badgeOf(heart, reader))
}

forEachDatabase(({ dialect, freshUrl }) => {
  test('counts are what the rules of the specification give, whatever happened and whenever they were asked for', async () => {
    await using heart = await Heart.open(await freshUrl(), {
      push,
    })
    const steps = fc.array(step, { minLength: 10, maxLength: 40 })
    await fc.assert(
      fc.asyncProperty(steps, (played) => play(heart, played)),
      { numRuns: dialect === 'sqlite' ? 60 : 10 },
    )
  }, 60_000)

  test('who comes back into a room begins anew', async () => {
    await using heart = await Heart.open(await freshUrl(), { push })
    const [ann, ben] = users
    const say: Step = { do: 'say', by: ann, thread: undefined, mention: ben }
    const move: Step = { do: 'come and go', by: ben }
    const check: Step = { do: 'check' }
    await play(heart, [move, say, check, move, say, move, check, say])
  })

  test('a receipt that comes while counts are read is not forgotten', async () => {
    await using heart = await Heart.open(await freshUrl(), { push })
    const [ann, ben] = users
    const roomId = await heart.create(ann)
    await heart.member(roomId, ben, 'join')
    const said = await heart.send(roomId, ann)
    const position = heart.streams.position('events')

    const gate = Promise.withResolvers<void>()
    const { database } = heart
    const slow: Conn = {
      dialect,
      rows: async (sql, bindings) => {
        const rows = await database.rows<never>(sql, bindings)
        await gate.promise
        return rows
      },
      row: (sql, bindings) => database.row(sql, bindings),
    }
    const unread = new UnreadCounts({ database: slow, bus: heart.bus, streams: heart.streams })
    const early = countsOf(unread, ben, roomId, position)
    await new Receipts(heart).add({ roomId, userId: ben, type: 'm.read', eventId: said })
    gate.resolve()
    await early
    expect(plain(await countsOf(unread, ben, roomId, position))).toEqual({ main: [0, 0], threads: {} })
  })

  test('counts of many rooms are read in few statements, and those of what is said later in none', async () => {
    await using heart = await Heart.open(await freshUrl(), { push })
    const [ann, ben] = users
    const { database, bus, streams } = heart
    let statements = 0
    const counting: Conn = {
      dialect,
      rows: (sql, bindings) => (statements++, database.rows(sql, bindings)),
      row: (sql, bindings) => (statements++, database.row(sql, bindings)),
    }
    const unread = new UnreadCounts({ database: counting, bus, streams })
    const rooms: RoomId[] = []
    for (const said of [0, 1, 2, 3]) {
      const roomId = await heart.create(ann)
      await heart.member(roomId, ben, 'join')
      for (let index = 0; index < said; index++) await heart.send(roomId, ann)
      rooms.push(roomId)
    }
    const notified = async (): Promise<number[]> => {
      const counts = await unread.of(ben, rooms, streams.position('events'))
      return rooms.map((roomId) => counts.get(roomId)?.main.notifications ?? -1)
    }
    expect(await notified()).toEqual([0, 1, 2, 3])
    expect(statements).toBe(3)
    for (const roomId of rooms) await heart.send(roomId, ann)
    expect(await notified()).toEqual([1, 2, 3, 4])
    expect(statements).toBe(3)
  })
})
