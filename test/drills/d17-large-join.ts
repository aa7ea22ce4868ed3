/**
 * D17: somebody joins a room of 10,000 members on another server, and ours dies over it: when half of the room has come,
 * while it is written, and when it is on disk and nobody is in it yet. Then the join is repeated, while others write.
 */
import { Client } from '../support/client.ts'
import { checkConsistency } from './consistency.ts'
import { type DrillOptions, type Outcome, percentile } from './drill.ts'
import type { Failpoint } from './failpoints.ts'
import { LargeJoin } from './large-join.ts'
import { peakMiB } from './process-figures.ts'

export interface LargeJoinOptions extends DrillOptions {
  readonly members?: number
}

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
  await using scene = await LargeJoin.make({ databaseUrl, members })
  const { ours, room } = scene
  const carol = await new Client(ours.url).register('carol', 'password of carol')
  const home = await carol.createRoom()

  await dieHalfway(scene)
  let died = 1
  for (const failpoint of deaths) {
    const { outcome } = await ours.arm(failpoint)
    const joining = scene.join().catch(() => undefined)
    if ((await outcome) !== undefined) break
    died++
    await Promise.all([ours.died(), joining])
    await ours.start()
  }

  const from = performance.now()
  const joining = scene.join()
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
  const joined = await scene.joinedMembers()
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
async function dieHalfway(scene: LargeJoin): Promise<void> {
  const { ours, others } = scene
  const { answerJoin } = others
  const half = Promise.withResolvers<void>()
  others.answerJoin = (response, text) => void response.write(text.slice(0, text.length / 2), () => half.resolve())
  const joining = scene.join().catch(() => undefined)
  await half.promise
  await ours.kill()
  await joining
  others.answerJoin = answerJoin
  await ours.start()
}
