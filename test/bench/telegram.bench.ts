/**
 * What the Telegram bridge costs: how long a message is on its way from Telegram into `/sync`, and how much memory the
 * server needs for its rooms.
 *
 *     PORTALS=1000 node test/bench/telegram.bench.ts
 */
import { execFileSync } from 'node:child_process'
import { BridgedProgram, type Pair } from '../telegram/bridged-program.ts'

const { PORTALS = '1000', CHATS = '50', RATE = '20', SECONDS = '30' } = process.env
const [portals, chats, rate, seconds] = [PORTALS, CHATS, RATE, SECONDS].map(Number) as [number, number, number, number]

/** Resident memory of a process, in MiB. */
const residentMiB = (pid: number): number =>
  Math.round(Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)], { encoding: 'utf8' })) / 1024)

const at = (sorted: readonly number[], share: number): number =>
  Math.round(sorted[Math.floor(sorted.length * share)] ?? 0)

/** Messages at this rate over these chats, each until Alice's sync shows it. In milliseconds. */
async function delays(program: BridgedProgram, pairs: readonly Pair[]): Promise<number[]> {
  const { alice, tom } = program
  const count = rate * seconds
  const said = new Map<string, number>()
  const found: number[] = []
  let since = (await alice.get('/sync?timeout=0'))['next_batch'] as string
  const speaking = (async () => {
    const began = performance.now()
    for (let index = 0; index < count; index++) {
      const wait = began + (index * 1000) / rate - performance.now()
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait))
      const body = `message ${index}`
      said.set(body, performance.now())
      tom.say(pairs[index % pairs.length]?.group ?? raise(), body)
    }
  })()
  while (found.length < count) {
    const answer = await alice.get(`/sync?timeout=30000&since=${since}`)
    const now = performance.now()
    since = answer['next_batch'] as string
    for (const room of Object.values(answer['rooms']?.join ?? {}) as {
      timeline: { events: { content: { body?: string } }[] }
    }[]) {
      for (const { content } of room.timeline.events) {
        const when = said.get(content.body ?? '')
        if (when !== undefined) found.push(now - when)
      }
    }
  }
  await speaking
  return found.toSorted((a, b) => a - b)
}

function raise(): never {
  throw new Error('There are no chats')
}

await using program = await BridgedProgram.start({})
const pairs: Pair[] = []
for (let index = 0; index < chats; index++) pairs.push(await program.pair(`Group ${index}`))
const latencies = await delays(program, pairs)
for (let index = chats; index < portals; index++) pairs.push(await program.pair(`Group ${index}`))

/** After a start; after something was said in as many chats as speak above; and after it was said in all. */
async function used(isBridged: boolean): Promise<{ atFirst: number; spoken: number; allSpoken: number }> {
  await program.server.stop()
  await program.useBridge(isBridged)
  const before = program.telegram.bot.polls
  await program.server.start()
  if (isBridged) await program.telegram.until(() => program.telegram.bot.polls > before)
  await program.alice.get('/sync?timeout=0')
  const atFirst = residentMiB(program.server.pid)
  await speak('again', pairs.slice(0, chats), isBridged)
  const spoken = residentMiB(program.server.pid)
  await speak('warm', pairs, isBridged)
  return { atFirst, spoken, allSpoken: residentMiB(program.server.pid) }
}

/** Something is said in these, at both ends where they are bridged. */
async function speak(body: string, where: readonly Pair[], isBridged: boolean): Promise<void> {
  for (const { group, roomId } of where) {
    await program.alice.send(roomId, body)
    if (isBridged) program.tom.say(group, `${body} too`)
  }
  const last = where.at(-1) ?? raise()
  if (isBridged) await program.until(last.roomId, ({ content }) => content.body === `${body} too`)
}

const without = await used(false)
const withBridge = await used(true)
const figures = {
  messages: latencies.length,
  halfMs: at(latencies, 0.5),
  p95Ms: at(latencies, 0.95),
  p99Ms: at(latencies, 0.99),
  portals: pairs.length,
  withoutMiB: without,
  withMiB: withBridge,
}
process.stdout.write(`${JSON.stringify(figures, null, 2)}\n`)
