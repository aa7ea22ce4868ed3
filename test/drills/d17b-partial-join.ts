/**
 * D17b: somebody joins a room of 10,000 members on another server, which leaves the members out. He is in it at once and
 * writes, and ours dies while the members come, while they are written, and while the room is made whole.
 */
import type { ServerResponse } from 'node:http'
import { checkConsistency } from './consistency.ts'
import type { LargeJoinOptions } from './d17-large-join.ts'
import type { Outcome } from './drill.ts'
import type { Failpoint } from './failpoints.ts'
import type { ForeignServers } from './foreign-servers.ts'
import { LargeJoin } from './large-join.ts'
import { peakMiB } from './process-figures.ts'

const deaths: readonly Failpoint[] = [
  { transaction: 'store outliers', step: 2 },
  { transaction: 'complete a room', step: 3 },
]
/** Goals, for 10,000 members. */
const JOIN_MS = 5_000
const WHOLE_MS = 30_000

export async function partialJoin({ databaseUrl, members = 10_000 }: LargeJoinOptions): Promise<Outcome> {
  await using scene = await LargeJoin.make({ databaseUrl, members })
  const { ours, others, room, alice } = scene
  others.omitsMembers = true
  const questions = new Questions(others)

  const half = Promise.withResolvers<void>()
  const { answerState } = others
  others.answerState = (response, text) => void response.write(text.slice(0, text.length / 2), () => half.resolve())
  const from = performance.now()
  await scene.join()
  const joinMs = Math.round(performance.now() - from)
  const said = await alice.send(room.roomId, 'hello')
  ;(await questions.next()).answer()
  await half.promise
  await ours.kill()
  others.answerState = answerState
  await ours.start()

  let died = 1
  for (const failpoint of deaths) {
    const question = await questions.next()
    const { outcome } = await ours.arm(failpoint)
    question.answer()
    if ((await outcome) !== undefined) break
    died++
    await ours.died()
    await ours.start()
  }

  const question = await questions.next()
  const begun = performance.now()
  question.answer()
  const joined = await scene.joinedMembers()
  const wholeMs = Math.round(performance.now() - begun)
  const peak = await peakMiB(ours.pid)
  const kept = await alice.get(`/rooms/${encodeURIComponent(room.roomId)}/event/${said}`).then(Object.keys)
  await ours.stop()
  const database = await ours.openDatabase()
  const problems = await checkConsistency(database)
  await database.close()
  for (const problem of problems.slice(0, 20)) process.stderr.write(`${problem}\n`)
  const figures = {
    members,
    deaths: died,
    joined,
    kept: kept.includes('event_id') ? 1 : 0,
    joinMs,
    wholeMs,
    peakMiB: peak,
    inconsistent: problems.length,
  }
  const isWhole = died === 1 + deaths.length && joined === members + 1 && problems.length === 0
  return { name: 'D17b', pass: isWhole && joinMs <= JOIN_MS && wholeMs <= WHOLE_MS, figures }
}

/** Questions for the ids of the state, which wait for their answers. */
class Questions {
  readonly #waiting: (() => void)[] = []
  #asked = Promise.withResolvers<void>()

  constructor(others: ForeignServers) {
    others.answerStateIds = (response: ServerResponse, text: string): void => {
      this.#waiting.push(() => void response.end(text))
      this.#asked.resolve()
    }
  }

  /** The latest: whoever asked before is dead. */
  async next(): Promise<{ readonly answer: () => void }> {
    await this.#asked.promise
    this.#asked = Promise.withResolvers()
    const [answer = () => undefined] = this.#waiting.splice(0).slice(-1)
    return { answer }
  }
}
