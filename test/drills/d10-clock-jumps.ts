/** D10: the wall clock of the server is set an hour forward and back, then flaps by five minutes, while clients write. */
import { setTimeout as sleep } from 'node:timers/promises'
import { ClockWatch } from './clock-watch.ts'
import type { DrillOptions, Outcome } from './drill.ts'
import { DrillServer } from './drill-server.ts'
import { isFlawless, writeWhile } from './write-while.ts'

const HOUR_MS = 3_600_000
const FLAP_MS = 300_000

export interface ClockJumpsOptions extends DrillOptions {
  /** How long the clock stays wrong in the same way. */
  readonly holdMs?: number
  /** Of access tokens of apps that can refresh them: some should end while the clock is wrong. */
  readonly tokenLifetimeMs?: number
}

/** `kills` is how often the clock flaps: five minutes forward, then back past the right time by as much. */
export async function clockJumps({
  databaseUrl,
  kills = 10,
  holdMs = 3_000,
  tokenLifetimeMs = 5_000,
}: ClockJumpsOptions): Promise<Outcome> {
  const auth = `access_token_lifetime: ${tokenLifetimeMs}ms`
  const settings = 'federation: { mode: open }' // or nobody may ask for its keys
  await using server = await DrillServer.make({ databaseUrl, withMovableClock: true, auth, settings })
  const flapping = Array.from({ length: kills }, () => [FLAP_MS, -FLAP_MS]).flat()
  const turns = [HOUR_MS, 0, -HOUR_MS, 0, ...flapping, 0]
  let found = {}
  let isRight = false
  const findings = await writeWhile(server, async (clients) => {
    const watch = await ClockWatch.begin(server, tokenLifetimeMs)
    for (const offBy of turns) {
      await watch.beforeTurn()
      await server.turnClock(offBy)
      await watch.afterTurn(offBy)
      await Promise.race([sleep(holdMs), clients])
    }
    const { misExpired, badKeys, checks } = watch
    const order = await watch.compareOrder()
    found = { checks, misExpired, badKeys, ...order }
    isRight = misExpired + badKeys + order.inversions === 0 && order.timestampsBack > 0
  })
  return { name: 'D10', pass: isFlawless(findings) && isRight, figures: { turns: turns.length, ...findings, ...found } }
}
