/** D18: the server is told to stop while clients wait, write and upload; it answers all of them, and ends. */
import { randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from '../support/client.ts'
import { type DrillOptions, type Outcome, percentile } from './drill.ts'
import { DrillServer } from './drill-server.ts'
import { beginUpload } from './slow-upload.ts'
import { isFlawless, writeWhile } from './write-while.ts'

/** What a service manager lets pass before it kills. */
const EXIT_MS = 15_000
/** Longer than the drill: who gets an answer gets it because the server stops. */
const POLL_MS = 600_000

export interface StopAtWorkOptions extends DrillOptions {
  readonly polls?: number
  readonly writers?: number
  /** The last time there is an upload that never goes on, which the server must break off. */
  readonly withStuckUpload?: boolean
}

/** `kills` is how often it is told to stop. */
export async function stopAtWork({
  databaseUrl,
  kills = 5,
  killAfterMs: [soonest, latest] = [500, 2_000],
  polls = 500,
  writers = 50,
  withStuckUpload = true,
}: StopAtWorkOptions): Promise<Outcome> {
  await using server = await DrillServer.make({ databaseUrl })
  const exits: number[] = []
  const found = {
    pollsAnswered: 0,
    pollsTooEarly: 0,
    pollsBroken: 0,
    uploadsLost: 0,
    readyWhileStopping: 0,
    disorderlyExits: 0,
  }
  const disturb = async (clients: Promise<unknown>): Promise<void> => {
    const waiting = await new Client(server.url).register('waiting', 'password of waiting')
    for (let stop = 1; stop <= kills; stop++) {
      await Promise.race([sleep(randomInt(soonest, latest)), clients])
      const upload = beginUpload(waiting)
      if (withStuckUpload && stop === kills) beginUpload(waiting)
      const held = await holdPolls(waiting, polls)

      const begun = performance.now()
      const stopped = server.stop()
      const { answered, tooEarly } = await held()
      found.pollsAnswered += answered
      found.pollsTooEarly += tooEarly
      found.pollsBroken += polls - answered - tooEarly
      if (await isReady(server.url)) found.readyWhileStopping++
      const uri = await upload.finish()
      if ((await stopped) !== 0) found.disorderlyExits++
      exits.push(performance.now() - begun)

      await server.start()
      if (!(await upload.isAt(uri))) found.uploadsLost++
    }
  }
  const findings = await writeWhile(server, disturb, { writers })
  const exitMsMax = Math.round(percentile(exits, 100))
  const { pollsBroken, uploadsLost, readyWhileStopping, disorderlyExits } = found
  const isOrderly = pollsBroken + uploadsLost + readyWhileStopping + disorderlyExits === 0
  const pass = isFlawless(findings) && isOrderly && exitMsMax <= EXIT_MS
  return { name: 'D18', pass, figures: { stops: kills, ...findings, ...found, exitMsMax } }
}

interface Polls {
  /** As if nothing had happened. */
  readonly answered: number
  /** Before anybody asked for the outcome. */
  readonly tooEarly: number
}

/** Resolves when the server has all of them. What comes then is to be called when they are to end, and resolves when they have. */
async function holdPolls(client: Client, count: number): Promise<() => Promise<Polls>> {
  let since = (await client.get('/sync?set_presence=offline'))['next_batch'] as string
  const poll = async (timeout: number): Promise<boolean> => {
    const { status, body } = await client.request('GET', `/sync?set_presence=offline&since=${since}&timeout=${timeout}`)
    since = body['next_batch'] as string
    return status === 200 && typeof since === 'string'
  }
  await Promise.all(Array.from({ length: count }, () => poll(0))) // opens their connections
  let tooEarly = 0
  let asked = false
  const hold = async (): Promise<boolean> => {
    const isAnswered = await poll(POLL_MS).catch(() => false)
    if (!asked) tooEarly++
    return asked && isAnswered
  }
  const held = Array.from({ length: count }, hold)
  // Each answer shows that the server has looked at its connections since.
  for (let look = 0; look < 3; look++) await client.get('/_matrix/client/versions')
  return async () => {
    asked = true
    const answered = (await Promise.all(held)).filter(Boolean).length
    return { answered, tooEarly }
  }
}

/** A server that takes no connections is not ready. */
async function isReady(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/readyz`)
    await response.body?.cancel()
    return response.ok
  } catch {
    return false
  }
}
