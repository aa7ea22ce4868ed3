/** D4: Postgres crashes and is away for a while, again and again, while clients write. */
import { randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { type DrillOptions, type Outcome, percentile } from './drill.ts'
import { DrillServer } from './drill-server.ts'
import { PostgresServer } from './postgres-server.ts'
import { isFlawless, writeWhile } from './write-while.ts'

/** Goal for the time from the database being back to the first answer. */
const RECOVERY_MS = 5_000

/** Brings a database of its own. Short absences, and one long one at the end. */
export async function postgresCrashes({
  kills = 10,
  awayMs = 20_000,
}: DrillOptions & { readonly awayMs?: number }): Promise<Outcome> {
  await using postgres = await PostgresServer.start()
  await using server = await DrillServer.make({ databaseUrl: postgres.url })
  const recoveries: number[] = []
  const findings = await writeWhile(server, async (clients) => {
    for (let kill = 1; kill <= kills; kill++) {
      await Promise.race([sleep(randomInt(500, 2_000)), clients])
      await postgres.crash()
      await sleep(kill === kills ? awayMs : randomInt(50, 500))
      await postgres.start()
      const back = performance.now()
      while (!(await isReady(server.url))) await sleep(20)
      recoveries.push(performance.now() - back)
    }
  })
  const recoveryMsMax = Math.round(percentile(recoveries, 100))
  const pass = isFlawless(findings) && recoveryMsMax <= RECOVERY_MS
  return { name: 'D4', pass, figures: { crashes: kills, ...findings, recoveryMsMax } }
}

async function isReady(url: string): Promise<boolean> {
  const response = await fetch(`${url}/readyz`)
  await response.body?.cancel()
  return response.ok
}
