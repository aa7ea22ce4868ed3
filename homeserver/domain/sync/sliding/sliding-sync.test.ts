import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { forEachDatabase } from '../../../../test/support/databases.ts'
import { Heart } from '../../../../test/support/heart.ts'
import { type Asked, type ShownRoom, SlidingClient } from '../../../../test/support/sliding-client.ts'
import { syncing } from '../../../../test/support/syncing.ts'
import type { RoomId, UserId } from '../../../core/ids.ts'
import type { Bus } from '../../../platform/bus.ts'
import { currentStateEvents, findRoomStats } from '../../../storage/rooms.ts'
import { listRoomEvents } from '../../../storage/sync.ts'
import { Visibility } from '../../rooms/visibility.ts'
import type { SlidingSync } from './sliding-sync.ts'
import { compileRequiredState, type StatePattern } from './required-state.ts'

const alice: UserId = '@alice:hs.test'

// The same histories each time, unless others are wished for: SLIDING_SEED=7 SLIDING_RUNS=1000 npm test -- sliding-sync
const seed = Number(process.env['SLIDING_SEED'] ?? 12)
const runs = (dialect: string): number => Number(process.env['SLIDING_RUNS'] ?? (dialect === 'sqlite' ? 100 : 12))

const requiredStates: readonly (readonly StatePattern[])[] = [
  [['*', '*']],
  [
    ['m.room.name', ''],
    ['m.room.topic', ''],
    ['m.room.member', '*'],
  ],
  [
    ['m.room.topic', ''],
    ['m.room.member', '$LAZY'],
    ['m.room.member', '$ME'],
  ],
]

/** What may happen to three rooms while bob looks at them through windows of his choice. */
const step = fc.record({
  room: fc.nat(2),
  what: fc.constantFrom(
    'message',
    'message',
    'name',
    'topic',
    'rename bob',
    'join',
    'invite',
    'leave',
    'kick',
    'ban',
    'carol',
    'hide history',
    'look',
    'look',
    'look',
    'look in vain',
    'restart',
  ),
  window: fc.nat(3),
  limit: fc.nat(4),
  subscribed: fc.nat(3),
})

async function act(heart: Heart, roomId: RoomId, bob: UserId, what: string, n: number): Promise<void> {
  const carol: UserId = `@carol${n % 4}:hs.test`
  const state = (type: string, content: Record<string, string>): Promise<unknown> =>
    heart.send(roomId, alice, { type, stateKey: '', content })
  const rename = { type: 'm.room.member', stateKey: bob, content: { membership: 'join', displayname: `${n}` } }
  if (what === 'message') await heart.send(roomId, n % 5 === 0 ? bob : alice, `${n}`)
  else if (what === 'name') await state('m.room.name', { name: `${n}` })
  else if (what === 'topic') await state('m.room.topic', { topic: `${n}` })
  else if (what === 'hide history') {
    await state('m.room.history_visibility', { history_visibility: n % 2 === 0 ? 'joined' : 'shared' })
  } else if (what === 'rename bob') {
    if (await heart.members.isJoined(roomId, bob)) await heart.send(roomId, bob, rename)
  } else if (what === 'join' || what === 'leave') await heart.member(roomId, bob, what)
  else if (what === 'invite' || what === 'ban') await heart.member(roomId, bob, what, alice)
  else if (what === 'kick') await heart.member(roomId, bob, 'leave', alice)
  else await heart.member(roomId, carol, n % 3 === 0 ? 'leave' : 'join')
}

/** The syncing half of a server, which can be killed: what it held in memory is gone, and it hears nothing any more. */
function startSyncing({ heart }: { readonly heart: Heart }): { readonly server: SlidingSync; kill(): void } {
  const left: (() => void)[] = []
  const bus: Bus = {
    publish: (bell) => heart.bus.publish(bell),
    subscribe: (listener) => {
      const leave = heart.bus.subscribe(listener)
      left.push(leave)
      return leave
    },
  }
  return { server: syncing(heart, bus).services.slidingSync, kill: () => left.forEach((leave) => leave()) }
}

/** What bob may see of a room, by way of the tables alone. */
async function truth(
  heart: Heart,
  roomId: RoomId,
  bob: UserId,
): Promise<{ events: string[]; state: Map<string, string> }> {
  const { database, bus, events, members } = heart
  const ignored = { of: () => Promise.resolve(new Set<string>()) }
  const visibility = new Visibility({ database, bus, events, members, ignored })
  const all = await listRoomEvents(heart.database, roomId, { after: 0, upto: Number.MAX_SAFE_INTEGER, limit: 10_000 })
  const visible = await visibility.visibleTo(bob, roomId, all)
  const state = await currentStateEvents(heart.database, roomId)
  return {
    events: visible.map(({ eventId }) => eventId),
    state: new Map(state.map(({ row }) => [`${row.type} ${row.state_key}`, row.event_id])),
  }
}

async function compare(
  heart: Heart,
  roomId: RoomId,
  bob: UserId,
  shown: ShownRoom | undefined,
  patterns: readonly StatePattern[],
): Promise<void> {
  const { events, state } = await truth(heart, roomId, bob)
  const required = compileRequiredState(patterns, bob)
  const isRequired = (key: string): boolean => {
    const space = key.indexOf(' ')
    return required.matches(key.slice(0, space), key.slice(space + 1))
  }
  const known = [...(shown?.state ?? [])]
  expect(new Map(known.filter(([key]) => isRequired(key)))).toEqual(
    new Map([...state].filter(([key]) => isRequired(key))),
  )
  const timeline = shown?.timeline ?? []
  expect(timeline).toEqual(events.slice(events.length - timeline.length))
  if (!shown?.hasMore) expect(timeline).toHaveLength(events.length)
  if (required.lazy) {
    const senders = await heart.events.list(timeline as `$${string}`[])
    for (const { row } of senders.values()) {
      const key = `m.room.member ${row.sender}`
      expect(shown?.state.get(key)).toBe(state.get(key))
    }
  }
  const stats = await findRoomStats(heart.database, roomId)
  expect(shown?.name).toBe(stats?.name ?? undefined)
  expect(shown?.joinedCount).toBe(stats?.joined_members)
}

forEachDatabase(({ dialect, freshUrl }) => {
  test('what a client shows is what the rooms are, whatever it looked at, lost or outlived meanwhile (P12, T40)', async () => {
    await using heart = await Heart.open(await freshUrl())
    let [bobs, count] = [0, 0]
    const steps = fc.array(step, { minLength: 1, maxLength: 60, size: 'max' })
    await fc.assert(
      fc.asyncProperty(steps, fc.constantFrom(...requiredStates), async (history, required_state) => {
        // Somebody new each time, who has no other rooms.
        const bob: UserId = `@bob${++bobs}:hs.test`
        const client = new SlidingClient(bob)
        const rooms = [await heart.create(alice), await heart.create(alice), await heart.create(alice)]
        let running = startSyncing({ heart })
        const asked = (window: number, limit: number, subscribed: number): Asked => {
          const room = { timeline_limit: limit, required_state }
          const roomId = rooms[subscribed]
          const more = { timeline_limit: limit + 2, required_state }
          return {
            list: { ...room, ranges: window === 0 ? [] : [[0, window - 1]] },
            subscriptions: roomId ? { [roomId]: more } : {},
          }
        }
        for (const { room, what, window, limit, subscribed } of history) {
          const roomId = rooms[room]
          if (what === 'restart') {
            running.kill()
            running = startSyncing({ heart })
          } else if (what.startsWith('look')) {
            await client.sync(running.server, asked(window, limit, subscribed), { lost: what === 'look in vain' })
          } else if (roomId) await act(heart, roomId, bob, what, count++).catch(() => undefined) // what the rules forbid does not happen
        }
        await client.sync(running.server, asked(1_000_000, 3, 3))
        for (const roomId of rooms) {
          const membership = (await heart.members.find(roomId, bob))?.membership
          const shown = client.rooms.get(roomId)
          if (membership === 'join') await compare(heart, roomId, bob, shown, required_state)
          else if (membership === 'invite') expect(shown?.kind).toBe('invited')
          else expect(shown?.kind ?? 'left').toBe('left')
          // Nothing that he may not see was ever told.
          const { events } = await truth(heart, roomId, bob)
          expect(events).toEqual(expect.arrayContaining(shown?.timeline ?? []))
        }
        running.kill()
      }),
      { seed, numRuns: runs(dialect), endOnFailure: true },
    )
  }, 600_000) // wished for, it takes minutes
})
