import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { Sending } from '../../../test/support/sending.ts'
import type { RoomId } from '../../core/ids.ts'
import { findDestination, listDestinations } from '../../storage/destinations.ts'

const alice = '@alice:hs.test'
const hour = 60 * 60 * 1000

/** A room of alice with somebody of each of the servers. */
async function roomWith({ heart }: Sending, ...servers: readonly string[]): Promise<RoomId> {
  const roomId = await heart.create(alice)
  for (const server of servers) await heart.member(roomId, `@bob:${server}`, 'join')
  return roomId
}

async function say({ heart }: Sending, roomId: RoomId, ...bodies: readonly string[]): Promise<void> {
  for (const body of bodies) await heart.send(roomId, alice, body)
}

forEachDatabase(({ freshUrl }) => {
  test('each server in a room is sent our events, in their order, and not those of others', async () => {
    await using sending = await Sending.open(await freshUrl())
    const roomId = await roomWith(sending, 'b.test', 'c.test')
    await sending.heart.send(roomId, '@bob:b.test', 'mine')
    await say(sending, roomId, 'one', 'two', 'three')
    await sending.until(() => sending.messagesAt('b.test').length + sending.messagesAt('c.test').length >= 6)
    expect(sending.messagesAt('b.test')).toEqual(['one', 'two', 'three'])
    expect(sending.messagesAt('c.test')).toEqual(['one', 'two', 'three'])
    expect(sending.taken.flatMap(({ pdus }) => pdus).every(({ sender }) => sender === alice)).toBe(true)
    expect(sending.taken.every(({ pdus }) => pdus.length > 0)).toBe(true)
  })

  test('nothing is written down for a room without other servers, or for one we do not talk to', async () => {
    await using sending = await Sending.open(await freshUrl())
    const [local, denied] = [await roomWith(sending), await roomWith(sending, 'denied.test')]
    await say(sending, local, 'one')
    await say(sending, denied, 'two')
    expect(await sending.heart.database.rows('select * from federation_outbox')).toEqual([])
  })

  test('a server hears of the event by which its last user goes, and of nothing after that', async () => {
    await using sending = await Sending.open(await freshUrl())
    const roomId = await roomWith(sending, 'b.test')
    await sending.heart.member(roomId, '@bob:b.test', 'leave', alice)
    await say(sending, roomId, 'alone')
    await sending.heart.member(roomId, '@bob:b.test', 'invite', alice)
    await sending.heart.member(roomId, '@bob:b.test', 'leave', alice)
    await sending.until(() => sending.taken.flatMap(({ pdus }) => pdus).length >= 2)
    const memberships = sending.taken.flatMap(({ pdus }) => pdus.map(({ content }) => content))
    expect(memberships).toEqual([{ membership: 'leave' }, { membership: 'leave' }])
    expect(sending.messagesAt('b.test')).toEqual([])
  })

  test('whoever waits until servers have heard what was done is not held up by one that is down', async () => {
    await using sending = await Sending.open(await freshUrl(), { down: ['down.test'] })
    const roomId = await roomWith(sending, 'b.test', 'down.test')
    await say(sending, roomId, 'one')
    await sending.outbox.heard(['b.test', 'down.test', 'unknown.test'])
    expect(sending.messagesAt('b.test')).toEqual(['one'])
    expect(sending.messagesAt('down.test')).toEqual([])
  })

  test('a resident server sends on what came in through it, but not back', async () => {
    await using sending = await Sending.open(await freshUrl())
    const { heart, outbox } = sending
    const roomId = await roomWith(sending, 'b.test', 'c.test')
    const eventId = await heart.member(roomId, '@ben:b.test', 'join')
    const event = await heart.events.find(eventId)
    const take = (): Promise<void> => heart.database.transaction('take', (tx) => outbox.write(tx, event ? [event] : []))
    await take()
    await outbox.forwarding(eventId, 'b.test', take)
    await sending.until(() => sending.taken.length > 0)
    expect(sending.taken.map(({ destination }) => destination)).toEqual(['c.test'])
    expect(sending.taken[0]?.pdus).toEqual([event?.pdu])
  })

  test('a transaction holds at most 50 events and 100 EDUs, and one is on its way at a time', async () => {
    await using sending = await Sending.open(await freshUrl(), { down: ['b.test'] })
    const roomId = await roomWith(sending, 'b.test')
    // The first transaction is made while these are still being written, and stays as it is.
    for (let n = 0; n < 250; n++) await sending.outbox.sendEdu(['b.test'], { type: 'm.test', content: { n } })
    await Promise.all(Array.from({ length: 150 }, (_, n) => sending.heart.send(roomId, alice, `${n}`)))
    sending.behaviour.set('b.test', 'takes')
    await sending.until(() => sending.messagesAt('b.test').length >= 150, 1_000)
    await sending.until(() => sending.taken.flatMap(({ edus }) => edus).length >= 250, 1_000)
    expect(Math.max(...sending.taken.map(({ pdus }) => pdus.length))).toBe(50)
    expect(Math.max(...sending.taken.map(({ edus }) => edus.length))).toBe(100)
    const numbers = sending.taken.flatMap(({ edus }) => edus.map(({ content }) => (content as { n: number }).n))
    expect(numbers).toEqual(Array.from({ length: 250 }, (_, n) => n))
  })

  test('a server that was down for an hour gets everything in order and once, after a restart as well', async () => {
    const url = await freshUrl()
    const bodies = Array.from({ length: 60 }, (_, n) => `message ${n}`)
    let clock
    {
      await using sending = await Sending.open(url, { down: ['b.test'] })
      clock = sending.clock
      const roomId = await roomWith(sending, 'b.test', 'c.test')
      await say(sending, roomId, ...bodies)
      await sending.until(() => sending.clock.monotonic() > hour, 10_000)
      expect(sending.messagesAt('b.test')).toEqual([])
      expect(sending.messagesAt('c.test')).toEqual(bodies)
    }
    await using again = await Sending.open(url, { clock })
    await again.until(() => again.messagesAt('b.test').length >= bodies.length, 10_000)
    const later = clock.monotonic() + hour
    await again.until(() => clock.monotonic() > later, 10_000)
    expect(again.messagesAt('b.test')).toEqual(bodies)
    expect(again.messagesAt('c.test')).toEqual([])
    expect(await again.heart.database.rows('select * from federation_outbox')).toEqual([])
    expect(await findDestination(again.heart.database, 'b.test')).toMatchObject({ failures: 0, retry_at: null })
  })

  test('a transaction whose answer was lost is repeated as it was, under its id, also after a restart', async () => {
    const url = await freshUrl()
    let clock
    let first
    {
      await using sending = await Sending.open(url)
      clock = sending.clock
      sending.behaviour.set('b.test', 'lost')
      const roomId = await roomWith(sending, 'b.test')
      await say(sending, roomId, 'one')
      await sending.until(() => sending.tried.length === 1)
      await say(sending, roomId, 'two')
      await sending.until(() => sending.tried.length === 2, 1_000)
      const [a, b] = sending.tried
      expect(b).toEqual({ ...a, at: b?.at })
      first = a
    }
    await using again = await Sending.open(url, { clock })
    await again.until(() => again.tried.length >= 2, 1_000)
    expect(again.tried[0]).toEqual({ ...first, at: again.tried[0]?.at })
    expect(again.tried[1]?.txnId).not.toBe(first?.txnId)
    expect(again.messagesAt('b.test')).toEqual(['one', 'two'])
  })

  test('T52: a dead server is tried after 15 seconds, a minute, and then ever more rarely, up to a day', async () => {
    await using sending = await Sending.open(await freshUrl(), { down: ['b.test'] })
    await say(sending, await roomWith(sending, 'b.test'), 'hello')
    const pauses: number[] = []
    for (let tries = 1; tries <= 14; tries++) {
      await sending.until(() => sending.tried.length >= tries, Math.max(500, (pauses.at(-1) ?? 0) * 50))
      const [before, now] = sending.tried.slice(-2)
      if (before && now) pauses.push(Math.round((now.at - before.at) / 1000))
    }
    expect(pauses.slice(0, 4).map((seconds) => Math.round(seconds / 15))).toEqual([1, 4, 8, 16])
    expect(Math.max(...pauses)).toBeGreaterThan(80_000)
    expect(Math.max(...pauses)).toBeLessThan(110_000)
    const row = await findDestination(sending.heart.database, 'b.test')
    expect(row).toMatchObject({ failures: 14, last_error: expect.stringContaining('is down') })
  })

  test('T52: 300 dead servers are tried at most five times a second', async () => {
    await using sending = await Sending.open(await freshUrl())
    const servers = Array.from({ length: 300 }, (_, n) => `dead${n}.test`)
    for (const server of servers) sending.behaviour.set(server, 'down')
    await sending.outbox.sendEdu(servers, { type: 'm.test', content: {} })
    await sending.until(() => sending.tried.length >= 300)
    const begun = sending.clock.now()
    await sending.until(() => sending.clock.now() > begun + 10 * 60_000, 200)
    const perSecond = Map.groupBy(
      sending.tried.filter(({ at }) => at > begun + 1_000),
      ({ at }) => Math.floor(at / 1000),
    )
    expect(Math.max(...[...perSecond.values()].map((tries) => tries.length))).toBeLessThanOrEqual(6)
    expect(perSecond.size).toBeGreaterThan(100)
    expect(sending.metrics.text()).toContain('domovoi_fed_dest_backing_off 300')
  })

  test('a server that speaks to us is tried at once', async () => {
    await using sending = await Sending.open(await freshUrl(), { down: ['b.test'] })
    await say(sending, await roomWith(sending, 'b.test'), 'hello')
    await sending.until(() => sending.tried.length >= 4, 5_000)
    sending.behaviour.set('b.test', 'takes')
    await sending.clock.advance(6_000)
    const before = sending.clock.now()
    sending.destinations.alive('b.test')
    await sending.until(() => sending.messagesAt('b.test').length === 1, 1)
    expect(sending.clock.now() - before).toBeLessThan(1_000)
  })

  test('a server that speaks to us while it is tried in vain is tried again soon', async () => {
    await using sending = await Sending.open(await freshUrl())
    const roomId = await roomWith(sending, 'b.test')
    const begun = sending.clock.now()
    sending.behaviour.set('b.test', () => {
      sending.destinations.alive('b.test', { spoke: true })
      sending.behaviour.set('b.test', 'takes')
      return 503
    })
    await say(sending, roomId, 'hello')
    await sending.until(() => sending.messagesAt('b.test').length === 1)
    expect(sending.tried).toHaveLength(2)
    expect(sending.clock.now() - begun).toBeLessThan(6_000)
  })

  test('a server that speaks to us and does not hear is tried every five seconds, if it goes on speaking', async () => {
    await using sending = await Sending.open(await freshUrl(), { down: ['b.test'] })
    await say(sending, await roomWith(sending, 'b.test'), 'hello')
    await sending.until(() => sending.tried.length >= 5, 5_000)
    const begun = sending.clock.now()
    await sending.until(() => {
      sending.destinations.alive('b.test')
      return sending.clock.now() >= begun + 60_000
    }, 100)
    const tries = sending.tried.filter(({ at }) => at >= begun)
    expect(tries.length).toBeGreaterThanOrEqual(10)
    expect(tries.length).toBeLessThanOrEqual(13)
  })

  test('what waits for long is thinned out to the latest of each room', async () => {
    await using sending = await Sending.open(await freshUrl(), { down: ['b.test'] })
    const rooms = [await roomWith(sending, 'b.test'), await roomWith(sending, 'b.test')]
    await Promise.all(
      Array.from({ length: 1_100 }, (_, n) => sending.heart.send(rooms[n % 2] as RoomId, alice, `message ${n}`)),
    )
    await sending.until(() => sending.clock.monotonic() > hour, 10_000)
    sending.behaviour.set('b.test', 'takes')
    await sending.until(() => sending.messagesAt('b.test').includes('message 1099'), 60_000)
    const messages = sending.messagesAt('b.test')
    expect(messages.length).toBeLessThan(300)
    expect(messages).toContain('message 1098')
  })

  test('T03: an event of impossible depth is left out, and does not hold up the others', async () => {
    await using sending = await Sending.open(await freshUrl(), { down: ['b.test'] })
    const { heart } = sending
    const roomId = await roomWith(sending, 'b.test')
    const bad = await heart.send(roomId, alice, 'bad')
    await heart.database.transaction('poison', (tx) =>
      tx.run('update events set depth = 9007199254740993 where event_id = ?', [bad]),
    )
    await say(sending, roomId, 'good')
    sending.behaviour.set('b.test', 'takes')
    await sending.until(() => sending.messagesAt('b.test').length > 0, 1_000)
    expect(sending.messagesAt('b.test')).toEqual(['good'])
  })

  test('of a transaction that is refused, only what is the cause is given up', async () => {
    await using sending = await Sending.open(await freshUrl())
    sending.behaviour.set('b.test', ({ pdus }) => (JSON.stringify(pdus).includes('poison') ? 400 : 'takes'))
    const roomId = await roomWith(sending, 'b.test')
    await Promise.all(['one', 'poison', 'two', 'three'].map((body) => sending.heart.send(roomId, alice, body)))
    await sending.until(() => sending.messagesAt('b.test').length >= 3, 1_000)
    expect(new Set(sending.messagesAt('b.test'))).toEqual(new Set(['one', 'two', 'three']))
    await say(sending, roomId, 'four')
    await sending.until(() => sending.messagesAt('b.test').length >= 4, 1_000)
  })

  test('of what passes by, the latest of each kind goes out, and little of it waits', async () => {
    await using sending = await Sending.open(await freshUrl())
    const pass = (n: number, key: string): void =>
      sending.outbox.passEdu(['b.test'], { type: 'm.typing', content: { n } }, key)
    for (let n = 0; n < 500; n++) pass(n, `room ${n % 3}`)
    await sending.until(() => sending.taken.length > 0)
    expect(sending.taken.flatMap(({ edus }) => edus.map(({ content }) => content))).toEqual([
      { n: 497 },
      { n: 498 },
      { n: 499 },
    ])
    sending.behaviour.set('b.test', 'down')
    for (let n = 0; n < 500; n++) pass(n, `room ${n}`)
    await sending.until(() => sending.tried.length > 1)
    sending.behaviour.set('b.test', 'takes')
    await sending.until(() => sending.taken.length > 1, 1_000)
    expect(sending.taken.flatMap(({ edus }) => edus)).toHaveLength(103)
  })

  test('how it goes with other servers can be looked up', async () => {
    await using sending = await Sending.open(await freshUrl(), { down: ['b.test'] })
    await say(sending, await roomWith(sending, 'b.test', 'c.test'), 'hello')
    await sending.until(() => sending.messagesAt('c.test').length === 1 && sending.tried.length >= 3, 1_000)
    const rows = await listDestinations(sending.heart.database, { limit: 10 })
    expect(rows.map(({ server_name }) => server_name)).toEqual(['b.test', 'c.test'])
    expect(rows[0]).toMatchObject({ last_success: null, failing_since: expect.any(Number) })
    expect(rows[1]).toMatchObject({ last_success: expect.any(Number), failing_since: null })
    sending.behaviour.set('b.test', 'takes')
    sending.sender.retry('b.test')
    await sending.until(() => sending.messagesAt('b.test').length === 1, 1)
  })
})
