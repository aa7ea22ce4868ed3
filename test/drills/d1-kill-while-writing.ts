/** D1: the process dies at random moments while clients write; what was acknowledged is there, once, and every reader came by it. */
import { randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { type DrillOptions, type Outcome, percentile } from './drill.ts'
import { DrillServer } from './drill-server.ts'
import { isFlawless, writeWhile } from './write-while.ts'

/** Goal for the time from a start to the first answer. */
const READY_MS = 3_000

export async function killWhileWriting({
  databaseUrl,
  kills = 30,
  killAfterMs: [soonest, latest] = [500, 2_000],
}: DrillOptions): Promise<Outcome> {
  await using server = await DrillServer.make({ databaseUrl })
  const findings = await writeWhile(server, async (clients) => {
    for (let kill = 0; kill < kills; kill++) {
      await Promise.race([sleep(randomInt(soonest, latest)), clients])
      await server.kill()
      await server.start()
    }
  })
  const readyMsP95 = Math.round(percentile(server.readyMs, 95))
  return {
    name: 'D1',
    pass: isFlawless(findings) && readyMsP95 <= READY_MS,
    figures: { kills, ...findings, readyMsP95 },
  }
}
