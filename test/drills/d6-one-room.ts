/** D6: many clients write to one room at once: transactions get into each other's way, and nobody is told. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { DrillOptions, Outcome } from './drill.ts'
import { DrillServer } from './drill-server.ts'
import { isFlawless, writeWhile } from './write-while.ts'

export interface OneRoomOptions extends DrillOptions {
  readonly writers?: number
  readonly seconds?: number
}

export async function oneRoom({ databaseUrl, writers = 32, seconds = 30 }: OneRoomOptions): Promise<Outcome> {
  await using server = await DrillServer.make({ databaseUrl })
  const findings = await writeWhile(
    server,
    (clients) => Promise.race([sleep(seconds * 1000), clients]).then(() => {}),
    {
      writers,
      rooms: 1,
    },
  )
  const pass = isFlawless(findings) && findings.retried === 0
  return { name: 'D6', pass, figures: { writers, seconds, ...findings } }
}
