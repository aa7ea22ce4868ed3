/** D14: the process runs out of memory while clients write, and is started again, as a service manager does. */
import { randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { type DrillOptions, type Outcome, percentile } from './drill.ts'
import { DrillServer } from './drill-server.ts'
import { isFlawless, writeWhile } from './write-while.ts'

/** Of V8's heap: the server itself needs less. */
const HEAP_MIB = 160

/** `kills` is how often it runs out of memory. */
export async function outOfMemory({
  databaseUrl,
  kills = 10,
  killAfterMs: [soonest, latest] = [500, 2_000],
}: DrillOptions): Promise<Outcome> {
  await using server = await DrillServer.make({ databaseUrl, heapMiB: HEAP_MIB })
  const ends: string[] = []
  const findings = await writeWhile(server, async (clients) => {
    for (let time = 0; time < kills; time++) {
      await Promise.race([sleep(randomInt(soonest, latest)), clients])
      ends.push(await server.runOutOfMemory())
      await server.start()
    }
  })
  // Whoever starts it again must see that it did not end in order.
  const orderlyExits = ends.filter((end) => end === '0').length
  const readyMsP95 = Math.round(percentile(server.readyMs, 95))
  const pass = isFlawless(findings) && orderlyExits === 0
  return { name: 'D14', pass, figures: { deaths: kills, ...findings, orderlyExits, readyMsP95 } }
}
