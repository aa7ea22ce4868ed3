import { test } from '@jest/globals'
import type { UserId } from '../../homeserver/core/ids.ts'
import type { AskedList } from '../../homeserver/domain/sync/sliding/request.ts'
import { startServer } from '../support/server.ts'
import { SlidingClient } from '../support/sliding-client.ts'

const ROOMS = Number(process.env['ROOMS'] ?? 500)

/*
 * What answers of sliding sync cost, without HTTP, for somebody in many rooms. Of each kind the first one, while the
 * process is new to it, and the median of many: ROOMS=500 npm test -- --testMatch '<rootDir>/test/bench/sliding.bench.ts'
 */

/** As Element X asks. */
const shown: Pick<AskedList, 'timeline_limit' | 'required_state'> = {
  timeline_limit: 1,
  required_state: [
    ['m.room.name', ''],
    ['m.room.encryption', ''],
    ['m.room.member', '$LAZY'],
    ['m.room.member', '$ME'],
    ['m.room.topic', ''],
    ['m.room.avatar', ''],
    ['m.room.canonical_alias', ''],
    ['m.room.power_levels', ''],
    ['org.matrix.msc3401.call.member', '*'],
    ['m.room.join_rules', ''],
    ['m.room.tombstone', ''],
    ['m.room.create', ''],
    ['m.room.history_visibility', ''],
    ['m.space.parent', '*'],
    ['m.space.child', '*'],
  ],
}

test('what sliding sync costs', async () => {
  await using server = await startServer()
  const { slidingSync } = server.server.services
  const alice = await server.register('alice')
  const rooms: string[] = []
  for (let index = 0; index < ROOMS; index++) rooms.push(await alice.createRoom({ name: `Room ${index}` }))
  const costs: Record<string, { first: number; median: number }> = {}
  const measure = async (name: string, times: number, prepare: () => Promise<SlidingClient>, last = ROOMS - 1) => {
    const spent: number[] = []
    for (let time = 0; time < times; time++) {
      const client = await prepare()
      await server.server.settle()
      const before = process.cpuUsage()
      const text = await client.ask(slidingSync, { list: { ...shown, ranges: [[0, last]] } })
      const { user, system } = process.cpuUsage(before)
      spent.push((user + system) / 1000)
      client.take(text)
    }
    costs[name] = { first: spent[0] ?? 0, median: median(spent) }
  }
  const fresh = (): SlidingClient => new SlidingClient(alice.userId as UserId)
  for (const last of [19, ROOMS - 1]) {
    await measure(`first, ${last + 1} rooms`, 20, () => Promise.resolve(fresh()), last)
  }
  const known = fresh()
  await known.sync(slidingSync, { list: { ...shown, ranges: [[0, ROOMS - 1]] } })
  let spoken = 0
  await measure('a message', 300, async () => {
    await alice.send(rooms[spoken++ % ROOMS] ?? '', 'hello')
    return known
  })
  await measure('nothing', 300, () => Promise.resolve(known))
  process.stderr.write(`ms of CPU: ${JSON.stringify(costs, undefined, 2)}\n`)
}, 300_000)

function median(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[times.length >> 1] ?? 0
}
