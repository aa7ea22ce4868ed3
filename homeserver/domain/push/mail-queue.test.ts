import { expect, test } from '@jest/globals'
import { FakeClock } from '../../platform/fake-clock.ts'
import { StoredEvent, type EventRow } from '../../storage/events.ts'
import type { Pusher, PusherProgress } from '../../storage/pushers.ts'
import type { GatewayAnswer } from './gateway.ts'
import { MailQueue, type MailWorld } from './mail-queue.ts'

const minute = 60_000

const pusher: Pusher = {
  id: 1,
  userId: '@ann:hs.test',
  appId: 'm.email',
  kind: 'email',
  awaited: undefined,
  pushkey: 'ann@example.org',
  deviceId: undefined,
  appDisplayName: 'Mail',
  deviceDisplayName: 'ann@example.org',
  profileTag: undefined,
  lang: 'en',
  data: {},
  enabled: true,
  setTs: 0,
  position: 0,
  badge: 0,
  failingSince: undefined,
}

/** A user whom every event notifies. */
class World implements MailWorld {
  readonly clock = new FakeClock()
  answer: GatewayAnswer = 'accepted'
  /** Of each letter the minute and the places of its events. */
  readonly letters: (readonly [minute: number, places: readonly (number | null)[], hasMore: boolean])[] = []
  readonly kept: PusherProgress[] = []
  readonly discarded: number[] = []
  last = 0
  /** Everything up to here is read. */
  read = 0

  dispatched = (): number => this.last
  backlog: MailWorld['backlog'] = (_, { after, upto }) => {
    const end = Math.min(upto, after + 20)
    const notices = Array.from({ length: end - after }, (_each, n) => this.notice(after + n + 1))
    return Promise.resolve({ notices, end })
  }
  find: MailWorld['find'] = (_, { streamId }) =>
    Promise.resolve(
      streamId > this.read ? new StoredEvent({ stream_id: streamId } as unknown as EventRow) : undefined, // nothing else is looked at
    )
  mail: MailWorld['mail'] = (_, missed, hasMore) => {
    this.letters.push([this.clock.monotonic() / minute, missed.map(({ row }) => row.stream_id), hasMore])
    return Promise.resolve(this.answer)
  }
  keep: MailWorld['keep'] = (progress) => Promise.resolve(this.kept.push(progress))
  discard: MailWorld['discard'] = ({ id }) => Promise.resolve(this.discarded.push(id) > 0)

  notice(streamId: number): Parameters<MailQueue['offer']>[0] {
    return { streamId, eventId: `$${streamId}`, roomId: '!room', isLate: false }
  }

  say(queue: MailQueue): void {
    queue.offer(this.notice(this.last + 1))
    this.last++
  }
}

test('what is not read ten minutes after the first is in one letter', async () => {
  const world = new World()
  const queue = new MailQueue(pusher, world)
  world.say(queue)
  await world.clock.advance(5 * minute)
  world.say(queue)
  world.read = 1
  await world.clock.advance(5 * minute)
  expect(world.letters).toEqual([[10, [2], false]])
  expect(world.kept.at(-1)).toMatchObject({ position: 2, failingSince: undefined })
  expect(queue.isIdle).toBe(true)
})

test('who has read everything gets no letter', async () => {
  const world = new World()
  const queue = new MailQueue(pusher, world)
  world.say(queue)
  world.read = 1
  await world.clock.advance(60 * minute)
  expect(world.letters).toEqual([])
  expect(world.kept.at(-1)).toMatchObject({ position: 1, failingSince: undefined })
})

test('letters to somebody who reads nothing come ever more rarely, and soon again when he has', async () => {
  const world = new World()
  const queue = new MailQueue(pusher, world)
  for (let at = 0; at < 30 * 60; at++) {
    world.say(queue)
    await world.clock.advance(minute)
  }
  expect(world.letters.map(([at]) => at)).toEqual([10, 20, 80, 440, 1160])
  expect(world.letters[3]?.[1]).toHaveLength(50)
  expect(world.letters[3]?.[2]).toBe(true)
  await world.clock.advance(12 * 60 * minute)
  for (let time = 0; time < 2; time++) {
    queue.recount()
    world.say(queue)
    await world.clock.advance(10 * minute)
    expect(world.letters.at(-1)?.[1]).toEqual([world.last])
  }
})

test('a letter that cannot be sent is tried again, and a restart in between changes nothing', async () => {
  const world = new World()
  world.answer = 'failed'
  const before = new MailQueue(pusher, world)
  world.say(before)
  await world.clock.advance(15 * minute)
  await before.close()
  const [kept] = world.kept
  expect(kept).toMatchObject({ position: 0, failingSince: world.clock.now() - 15 * minute })
  world.answer = 'accepted'
  const after = new MailQueue({ ...pusher, ...kept }, world)
  expect(after.isIdle).toBe(false)
  await world.clock.advance(minute)
  expect(world.letters.map(([, places]) => places)).toEqual([[1], [1]])
  expect(world.kept.at(-1)).toMatchObject({ position: 1, failingSince: undefined })
})

test('an address that is not the user’s any more is the end of its pusher', async () => {
  const world = new World()
  world.answer = 'rejected'
  const queue = new MailQueue(pusher, world)
  world.say(queue)
  await world.clock.advance(10 * minute)
  expect(world.discarded).toEqual([1])
})
