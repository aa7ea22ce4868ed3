/**
 * `node test/bench/receive.bench.ts [SECONDS]`: what it costs to receive 200 events a second from another server, 50 in
 * each transaction. The server is a process of its own; times are those of the other server, until it has the answer.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { JsonObject } from '../../homeserver/core/event.ts'
import { roomVersions } from '../../homeserver/core/room-version.ts'
import { percentile } from '../drills/drill.ts'
import { DrillServer } from '../drills/drill-server.ts'
import { ForeignServers } from '../drills/foreign-servers.ts'
import { cpuMs } from '../drills/process-figures.ts'
import { type Site, Sites } from '../drills/sites.ts'
import { Client } from '../support/client.ts'
import { PeerRoom } from '../support/peer-room.ts'

const PDUS = 50
const EVERY_MS = 250
const WARM_UP = 20
const count = (Number(process.argv[2] ?? 30) * 1000) / EVERY_MS

await using sites = await Sites.make(2)
const [ourSite, theirSite] = sites.list as [Site, Site]
await using ours = await DrillServer.make({ site: ourSite })
await ours.start()
await using others = await ForeignServers.start(theirSite, 1)
const [from = ''] = others.names
const room = new PeerRoom(roomVersions['11'], others.signer(from))
others.room = room
const alice = await new Client(ours.url).register('alice', 'password of alice')
await alice.post(`/join/${encodeURIComponent(room.roomId)}?via=${from}`)

const transactions = Array.from({ length: WARM_UP + count }, () =>
  Array.from({ length: PDUS }, (_, n) => room.say(`message ${n}`).pdu as unknown as JsonObject),
)
const send = async (pdus: readonly JsonObject[], index: number): Promise<number> => {
  const began = performance.now()
  const body = { origin: from, origin_server_ts: Date.now(), pdus, edus: [] }
  const uri = `/_matrix/federation/v1/send/${index}`
  const target = { url: ours.url, name: ourSite.name }
  const status = await others.call(target, { method: 'PUT', uri, body, from })
  if (status !== 200) throw new Error(`answered ${status}`)
  return performance.now() - began
}

for (const [index, pdus] of transactions.slice(0, WARM_UP).entries()) await send(pdus, index)
const cpuBefore = await cpuMs(ours.pid)
const began = performance.now()
const times: number[] = []
for (const [index, pdus] of transactions.slice(WARM_UP).entries()) {
  await sleep(Math.max(0, began + index * EVERY_MS - performance.now()))
  times.push(await send(pdus, WARM_UP + index))
}
const last = room.main.tips[0] ?? ''
const path = `/rooms/${encodeURIComponent(room.roomId)}/event/${encodeURIComponent(last)}`
while ((await alice.request('GET', path)).status !== 200) await sleep(5)
const seconds = (performance.now() - began) / 1000
const cpu = (await cpuMs(ours.pid)) - cpuBefore
const figures = {
  pdus: count * PDUS,
  pdusPerSecond: Math.round((count * PDUS) / seconds),
  answerMs: { p50: Math.round(percentile(times, 50)), p95: Math.round(percentile(times, 95)) },
  cpuMsPerPdu: Math.round((100 * cpu) / (count * PDUS)) / 100,
  cpuPercent: Math.round(cpu / seconds / 10),
}
process.stdout.write(`${JSON.stringify(figures)}\n`)
