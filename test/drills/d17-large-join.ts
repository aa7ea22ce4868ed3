/**
 * D17: somebody joins a room of 10,000 members on another server, and ours dies over it: when half of the room has come,
 * while it is written, and when it is on disk and nobody is in it yet. Then the join is repeated, while others write.
 */
import type { JsonObject } from '../../homeserver/core/event.ts'
import { roomVersions } from '../../homeserver/core/room-version.ts'
import { Client } from '../support/client.ts'
import { PeerRoom } from '../support/peer-room.ts'
import { checkConsistency } from './consistency.ts'
import { type DrillOptions, type Outcome, percentile } from './drill.ts'
import { DrillServer } from './drill-server.ts'
import type { Failpoint } from './failpoints.ts'
import { ForeignServers } from './foreign-servers.ts'
import { peakMiB } from './process-figures.ts'
import { type Site, Sites } from './sites.ts'

export interface LargeJoinOptions extends DrillOptions {
  readonly members?: number
}

export const SERVERS = 50
/** Where our server dies once it has all of the room: after the first rows of it, and before somebody is in it. */
const deaths: readonly Failpoint[] = [
  { transaction: 'store outliers', step: 2 },
  { transaction: 'persist events', step: 1 },
]
/** Goals, for 10,000 members. */
const JOIN_MS = 30_000
const MAX_MIB = 300
const OTHERS_MS = 500

export async function largeJoin({ databaseUrl, members = 10_000 }: LargeJoinOptions): Promise<Outcome> {
  await using sites = await Sites.make(2)
  const [ourSite, theirSite] = sites.list as [Site, Site]
  await using ours = await DrillServer.make({ databaseUrl, site: ourSite, withFailpoints: true })
  await ours.start()
  await using others = await ForeignServers.start(theirSite, SERVERS)
  const room = roomOf(others, members)
  others.room = room
  const alice = await new Client(ours.url).register('alice', 'password of alice')
  const carol = await new Client(ours.url).register('carol', 'password of carol')
  const home = await carol.createRoom()
  const join = (): Promise<unknown> =>
    alice.post(`/join/${encodeURIComponent(room.roomId)}?via=${others.names[0] ?? ''}`)

  await dieHalfway(ours, others, join)
  let died = 1
  for (const failpoint of deaths) {
    const { outcome } = await ours.arm(failpoint)
    const joining = join().catch(() => undefined)
    if ((await outcome) !== undefined) break
    died++
    await Promise.all([ours.died(), joining])
    await ours.start()
  }

  const from = performance.now()
  const joining = join()
  const othersMs: number[] = []
  let isJoining = true
  const writing = (async () => {
    while (isJoining) {
      const begun = performance.now()
      await carol.send(home, 'hello')
      othersMs.push(performance.now() - begun)
    }
  })()
  await joining.finally(() => (isJoining = false))
  const joinMs = Math.round(performance.now() - from)
  await writing

  const peak = await peakMiB(ours.pid)
  const told = await alice.get(`/rooms/${encodeURIComponent(room.roomId)}/joined_members`)
  const joined = Object.keys(told['joined'] as JsonObject).length
  await ours.stop()
  const database = await ours.openDatabase()
  const problems = await checkConsistency(database)
  await database.close()
  for (const problem of problems.slice(0, 20)) process.stderr.write(`${problem}\n`)
  const othersMsP99 = Math.round(percentile(othersMs, 99))
  const figures = {
    members,
    events: room.events.size,
    deaths: died,
    joined,
    joinMs,
    peakMiB: peak,
    othersMsP99,
    inconsistent: problems.length,
  }
  const isWhole = died === 1 + deaths.length && joined === members + 1 && problems.length === 0
  const pass = isWhole && joinMs <= JOIN_MS && peak <= MAX_MIB && othersMsP99 <= OTHERS_MS
  return { name: 'D17', pass, figures }
}

/** Leaves our server started again. */
async function dieHalfway(ours: DrillServer, others: ForeignServers, join: () => Promise<unknown>): Promise<void> {
  const { answerJoin } = others
  const half = Promise.withResolvers<void>()
  others.answerJoin = (response, text) => void response.write(text.slice(0, text.length / 2), () => half.resolve())
  const joining = join().catch(() => undefined)
  await half.promise
  await ours.kill()
  await joining
  others.answerJoin = answerJoin
  await ours.start()
}

/** Each member has joined and then changed the name, so that an event of each is in the auth chain alone. */
export function roomOf(others: ForeignServers, members: number): PeerRoom {
  const { names } = others
  const room = new PeerRoom(roomVersions['11'], others.signer(names[0] ?? ''))
  for (let n = 1; n < members; n++) {
    const name = names[n % names.length] ?? ''
    const sender = `@member${n}:${name}` as const
    for (const displayname of ['', `Member ${n}`]) {
      const content = { membership: 'join', displayname }
      room.add({ type: 'm.room.member', sender, stateKey: sender, content, signer: others.signer(name) })
    }
  }
  return room
}
