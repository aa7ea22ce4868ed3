/**
 * Messages both ways while Telegram fails at random and the server is killed:
 *
 *     MESSAGES=5000 KILLS=5 node test/telegram/soak.ts
 */
import type { FaultKind } from '../support/fake-telegram/faults.ts'
import { SeededRandom } from '../support/seeded-random.ts'
import { BridgedProgram, type Pair } from './bridged-program.ts'

const kinds: readonly [FaultKind, ...FaultKind[]] = ['429', '500', '502html', 'dropBefore', 'dropAfter', 'badJson']
/** Of so many messages one meets a fault. */
const FAULT_EVERY = 20
/** So many of the first polls do. */
const POLL_FAULTS = 3
const POLLS = 10

export interface SoakOptions {
  readonly databaseUrl?: string
  /** In each direction. */
  readonly messages: number
  readonly groups: number
  readonly kills: number
  readonly seed?: number
}

export interface SoakFigures {
  readonly toMatrix: number
  readonly toTelegram: number
  /** What is not there, is there twice, or is not in its order. */
  readonly lost: number
  readonly doubled: number
  readonly disordered: number
  readonly faults: number
  readonly seconds: number
}

export async function soak({ databaseUrl, messages, groups, kills, seed = 1 }: SoakOptions): Promise<SoakFigures> {
  await using program = await BridgedProgram.start(databaseUrl === undefined ? {} : { databaseUrl })
  const { telegram, tom, alice, server } = program
  const random = new SeededRandom(seed)
  const pairs: Pair[] = []
  for (let index = 0; index < groups; index++) pairs.push(await program.pair(`Group ${index}`))
  const began = performance.now()
  const faults = Math.ceil(messages / FAULT_EVERY)
  for (let index = 0; index < faults; index++) {
    telegram.fail({ kind: random.pick(kinds), method: 'sendMessage', after: random.below(messages), retryAfter: 1 })
  }
  for (let index = 0; index < POLL_FAULTS; index++) {
    telegram.fail({ kind: random.pick(kinds), method: 'getUpdates', after: random.below(POLLS) })
  }
  const killEvery = Math.ceil(messages / (kills + 1))
  for (let index = 0; index < messages; index++) {
    const { group, roomId } = pairs[index % groups] ?? raise()
    tom.say(group, `from Telegram ${index}`)
    await alice.send(roomId, `from Matrix ${index}`)
    if (index > 0 && index % killEvery === 0) {
      await server.kill()
      await server.start()
    }
  }
  const expected = (from: string, place: number): string[] =>
    Array.from({ length: messages }, (_, index) => index)
      .filter((index) => index % groups === place)
      .map((index) => `${from} ${index}`)
  const seen = { toMatrix: 0, toTelegram: 0, lost: 0, doubled: 0, disordered: 0 }
  for (const [place, { group, roomId }] of pairs.entries()) {
    const sent = { toTelegram: expected('alice: from Matrix', place), toMatrix: expected('from Telegram', place) }
    const said = () => telegram.said(group).flatMap(({ text }) => (text?.startsWith('alice: from') ? [text] : []))
    await telegram.until(() => new Set(said()).size >= sent.toTelegram.length)
    await program.until(roomId, ({ content }) => content.body === sent.toMatrix.at(-1))
    const shown = (await program.messages(roomId)).flatMap(({ content }) =>
      content.body?.startsWith('from Telegram') === true ? [content.body] : [],
    )
    for (const [direction, there] of [['toTelegram', said()] as const, ['toMatrix', shown] as const]) {
      const wanted = sent[direction]
      const once = [...new Set(there)]
      seen[direction] += once.length
      seen.lost += wanted.filter((text) => !there.includes(text)).length
      seen.doubled += there.length - once.length
      seen.disordered += once.filter((text, index) => text !== wanted[index]).length
    }
  }
  return { ...seen, faults: faults + POLL_FAULTS, seconds: Math.round((performance.now() - began) / 1000) }
}

function raise(): never {
  throw new Error('There are no groups')
}

if (import.meta.main) {
  const { MESSAGES = '1000', ROOMS = '10', KILLS = '2', DATABASE_URL: databaseUrl } = process.env
  const options = { messages: Number(MESSAGES), groups: Number(ROOMS), kills: Number(KILLS) }
  const figures = await soak(databaseUrl === undefined ? options : { ...options, databaseUrl })
  process.stdout.write(`${JSON.stringify(figures, null, 2)}\n`)
}
