import { test } from '@jest/globals'
import { parseSyncToken } from '../../homeserver/core/token.ts'
import type { UserId } from '../../homeserver/core/ids.ts'
import type { Positions } from '../../homeserver/storage/streams.ts'
import { startServer } from '../support/server.ts'

/*
 * What increments of /sync cost, without HTTP, for somebody in few rooms and for somebody in many, in turns so that
 * neither finds the process warmer: npm test -- --testMatch '<rootDir>/test/bench/sync.bench.ts'
 */
const SIZES = [10, 1_000]
/** Rooms in which something is said. */
const ACTIVE = 10
const TIMES = 300
const ROUNDS = 5

test('what increments of /sync cost', async () => {
  await using server = await startServer()
  const { sync, filters } = server.server.services
  const ask = async (userId: UserId, since: Positions | undefined): Promise<Positions> => {
    const answer = await sync.sync({
      who: {
        userId,
        deviceId: 'DEVICE',
        sessionId: `session of ${userId}`,
        isGuest: false,
        isAdmin: false,
        isSuspended: false,
        appserviceId: undefined,
      },
      since,
      filter: await filters.resolve(userId, '{"room":{"state":{"lazy_load_members":true}}}'),
      fullState: false,
      stateAfter: undefined,
      setPresence: 'offline',
      timeoutMs: 0,
      signal: new AbortController().signal,
    })
    let text = ''
    if (typeof answer === 'string') text = answer
    else for await (const piece of answer) text += String(piece)
    const next = parseSyncToken(/"next_batch":"([^"]+)"/.exec(text)?.[1] ?? '')
    if (!next) throw new Error('next_batch is no token')
    return next
  }
  const users = await Promise.all(SIZES.map((size) => server.register(`in${size}`)))
  const roomsOf = new Map<number, string[]>(SIZES.map((size) => [size, []]))
  for (const [index, size] of SIZES.entries()) {
    for (let room = 0; room < size; room++) {
      roomsOf.get(size)?.push((await users[index]?.createRoom({ name: `Room ${room}` })) ?? '')
    }
  }
  const costs: Record<string, number[]> = {}
  for (let round = 0; round < ROUNDS; round++) {
    for (const [index, size] of SIZES.entries()) {
      const user = users[index]
      const userId = user?.userId as UserId
      const rooms = roomsOf.get(size) ?? []
      let since = await ask(userId, undefined)
      const spent = { message: [] as number[], nothing: [] as number[] }
      for (let time = 0; time < TIMES; time++) {
        await user?.send(rooms[time % ACTIVE] ?? '', 'hello')
        await server.server.settle()
        for (const kind of ['message', 'nothing'] as const) {
          const before = process.cpuUsage()
          since = await ask(userId, since)
          const { user: own, system } = process.cpuUsage(before)
          spent[kind].push((own + system) / 1000)
        }
      }
      for (const [kind, each] of Object.entries(spent)) (costs[`${kind}, ${size} rooms`] ??= []).push(median(each))
    }
  }
  const best = Object.entries(costs).map(([name, rounds]) => [name, Math.min(...rounds)])
  process.stderr.write(`ms of CPU: ${JSON.stringify(Object.fromEntries(best), undefined, 2)}\n`)
}, 900_000)

function median(times: readonly number[]): number {
  return times.toSorted((a, b) => a - b)[times.length >> 1] ?? 0
}
