import { expect, test } from '@jest/globals'
import type { JsonObject } from '../../core/event.ts'
import { FakeClock } from '../../platform/fake-clock.ts'
import { StoredEvent, type EventRow } from '../../storage/events.ts'
import type { Pusher, PusherProgress } from '../../storage/pushers.ts'
import { DeliveryQueue, type Notice, type QueueWorld } from './delivery-queue.ts'
import type { GatewayAnswer } from './gateway.ts'

const pusher: Pusher = {
  id: 1,
  userId: '@ann:hs.test',
  appId: 'app',
  kind: 'http',
  awaited: undefined,
  pushkey: 'key',
  deviceId: 'DEVICE',
  appDisplayName: 'App',
  deviceDisplayName: 'Telephone',
  profileTag: undefined,
  lang: 'en',
  data: { url: 'https://push.example/_matrix/push/v1/notify' },
  enabled: true,
  setTs: 0,
  position: 0,
  badge: 0,
  failingSince: undefined,
}

const notice = (streamId: number): Notice => ({ streamId, eventId: `$${streamId}`, roomId: '!room', isLate: false })

/** A user whom every event notifies, and a gateway that does as told. */
class World implements QueueWorld {
  readonly clock = new FakeClock()
  answer: GatewayAnswer | Promise<GatewayAnswer> = 'accepted'
  /** The ids that were told, and at what time. */
  readonly told: number[] = []
  readonly times: number[] = []
  readonly kept: PusherProgress[] = []
  last = 0
  count = 0
  readonly backlogs: JsonObject[] = []
  random = (): number => 1

  dispatched = (): number => this.last
  backlog: QueueWorld['backlog'] = (_, { after, upto }) => {
    this.backlogs.push({ after, upto })
    const end = Math.min(upto, after + 20)
    const notices = Array.from({ length: end - after }, (_, n) => ({ ...notice(after + n + 1), isLate: true }))
    return Promise.resolve({ notices, end })
  }
  // Queues look at no part of an event.
  find: QueueWorld['find'] = (_, { streamId }) =>
    Promise.resolve(new StoredEvent({ stream_id: streamId } as unknown as EventRow))
  unread: QueueWorld['unread'] = () => Promise.resolve(this.count)
  tell: QueueWorld['tell'] = async (_, { event, unread }) => {
    this.told.push(event?.row.stream_id ?? -unread)
    this.times.push(this.clock.monotonic())
    return await this.answer
  }
  keep: QueueWorld['keep'] = async (progress) => this.kept.push(progress)
  discard: QueueWorld['discard'] = () => Promise.resolve(true)

  /** A new event is offered to the queue. */
  say(queue: DeliveryQueue): void {
    queue.offer(notice(this.last + 1))
    this.last++
  }
}

test('pauses double up to an hour, and the first success ends them', async () => {
  const world = new World()
  const queue = new DeliveryQueue(pusher, world)
  world.answer = 'failed'
  world.say(queue)
  await world.clock.advance(4 * 3_600_000)
  const pauses = world.times.map((time, index) => time - (world.times[index - 1] ?? 0)).slice(1)
  expect(pauses.slice(0, 13).map((ms) => ms / 1000)).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 3600])
  expect(world.kept).toEqual([{ id: 1, position: 0, badge: 0, failingSince: world.clock.now() - 4 * 3_600_000 }])
  world.answer = 'accepted'
  await world.clock.advance(3_600_000)
  expect(world.kept.at(-1)).toEqual({ id: 1, position: 1, badge: 0, failingSince: undefined })
  world.answer = 'failed'
  world.say(queue)
  await world.clock.advance(1_000)
  expect(world.told.slice(-2)).toEqual([2, 2])
})

test('with jitter a pause is never less than half', async () => {
  const world = new World()
  world.random = () => 0
  world.answer = 'failed'
  world.say(new DeliveryQueue(pusher, world))
  await world.clock.advance(600)
  expect(world.times).toEqual([0, 500])
})

test('whoever falls behind goes on from the table, without a gap and without telling anything twice', async () => {
  const world = new World()
  const queue = new DeliveryQueue(pusher, world)
  const gate = Promise.withResolvers<GatewayAnswer>()
  world.answer = gate.promise
  for (let n = 0; n < 100; n++) world.say(queue)
  await world.clock.advance(0)
  expect([queue.told, queue.isIdle]).toEqual([0, false])
  gate.resolve('accepted')
  while (!queue.isIdle) {
    await world.clock.advance(0)
    if (world.last < 130) world.say(queue)
  }
  expect(world.told).toEqual(Array.from({ length: world.last }, (_, n) => n + 1))
  expect(world.kept.at(-1)?.position).toBe(world.last)
  expect(queue.told).toBeUndefined()
})

test('a pusher that failed before a restart begins where it was', async () => {
  const world = new World()
  world.last = 8
  const queue = new DeliveryQueue({ ...pusher, position: 5, failingSince: 1 }, world)
  world.say(queue)
  await world.clock.advance(0)
  expect(world.told).toEqual([6, 7, 8, 9])
  expect(world.backlogs).toEqual([{ after: 5, upto: 8 }])
})

test('setting a pusher again tries at once', async () => {
  const world = new World()
  const queue = new DeliveryQueue(pusher, world)
  world.answer = 'failed'
  world.say(queue)
  await world.clock.advance(100_000)
  world.answer = 'accepted'
  const before = world.told.length
  queue.renew(pusher)
  await world.clock.advance(0)
  expect(world.told.length).toBe(before + 1)
})

test('the number at the icon is told when it changes, together with an event if there is one', async () => {
  const world = new World()
  const queue = new DeliveryQueue(pusher, world)
  queue.recount()
  await world.clock.advance(0)
  expect(world.told).toEqual([])
  world.count = 3
  queue.recount()
  await world.clock.advance(0)
  expect(world.told).toEqual([-3])
  world.count = 4
  world.say(queue)
  queue.recount()
  await world.clock.advance(0)
  expect(world.told).toEqual([-3, 1])
})

test('what a gateway will never take is passed over, and a rejected pusher says nothing more', async () => {
  const world = new World()
  const queue = new DeliveryQueue(pusher, world)
  world.answer = 'dropped'
  world.say(queue)
  await world.clock.advance(0)
  expect(world.kept.at(-1)?.position).toBe(1)
  world.answer = 'rejected'
  world.say(queue)
  world.say(queue)
  await world.clock.advance(10_000)
  expect(world.told).toEqual([1, 2])
})

test('a closed queue leaves nothing behind', async () => {
  const world = new World()
  const queue = new DeliveryQueue(pusher, world)
  world.answer = 'failed'
  world.say(queue)
  await world.clock.advance(0)
  await queue.close()
  world.say(queue)
  expect(world.clock.pending).toBe(0)
  expect(queue.isIdle).toBe(true)
})
