/**
 * `node test/bench/delayed.bench.ts [PENDING]`: how late delayed events are sent while 10,000 others wait. Ten people, each in
 * a room of their own, leave twenty events each, due within ten seconds. Times are those that the server tells.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { percentile } from '../drills/drill.ts'
import { DrillServer } from '../drills/drill-server.ts'
import { Client } from '../support/client.ts'
import { addWaitingEvents } from '../support/waiting-events.ts'

const PEOPLE = 10
const EACH = 20
const SPREAD_MS = 10_000
const pending = Number(process.argv[2] ?? 10_000)
const path = '/_matrix/client/unstable/org.matrix.msc4140/delayed_events'

interface Finalised {
  readonly delay: number
  readonly running_since: number
  readonly finalised: { readonly finalised_ts: number }
}

await using server = await DrillServer.make({})
await server.start()
await addWaitingEvents(server.databaseUrl, pending, Date.now() + 3_600_000)

const latenesses: number[] = []
await Promise.all(
  Array.from({ length: PEOPLE }, async (_, person) => {
    const client = await new Client(server.url).register(`person${person}`, 'password of a person')
    const room = encodeURIComponent(await client.createRoom())
    for (let n = 0; n < EACH; n++) {
      const delay = 1_000 + Math.round((SPREAD_MS * n) / EACH) + person
      await client.put(`/rooms/${room}/send/m.test/${n}?org.matrix.msc4140.delay=${delay}`, { n })
    }
    let sent: Finalised[] = []
    while (sent.length < EACH) {
      await sleep(500)
      sent = (await client.get(`${path}?status=finalised`))['delayed_events'] as Finalised[]
    }
    for (const { delay, running_since: since, finalised } of sent)
      latenesses.push(finalised.finalised_ts - since - delay)
  }),
)
const figures = {
  pending,
  sent: latenesses.length,
  earliestMs: Math.min(...latenesses),
  lateMs: { p50: percentile(latenesses, 50), p99: percentile(latenesses, 99), most: Math.max(...latenesses) },
}
process.stdout.write(`${JSON.stringify(figures)}\n`)
