/**
 * `node test/bench/join.bench.ts [MEMBERS]`: the same room on another server, of 2,000 members and 5,000 events unless told,
 * is joined by a server of ours and by Synapse, one after the other. Time goes until all members are known; that on a
 * processor is told apart, because machines are busy with other things. Synapse is looked for as in test/support/synapse.ts.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { DrillServer } from '../drills/drill-server.ts'
import { ForeignServers } from '../drills/foreign-servers.ts'
import { countJoined, joinPath, roomOfMembers } from '../drills/large-join.ts'
import { cpuMs, peakMiB } from '../drills/process-figures.ts'
import { type Site, Sites } from '../drills/sites.ts'
import { Client } from '../support/client.ts'
import { Synapse } from '../support/synapse.ts'

const SERVERS = 20
const members = Number(process.argv[2] ?? 2_000)

await using sites = await Sites.make(3)
const [ourSite, synapseSite, theirSite] = sites.list as [Site, Site, Site]
await using others = await ForeignServers.start(theirSite, SERVERS)

async function joins(name: string, { url, pid }: { readonly url: string; readonly pid: number }): Promise<void> {
  const room = roomOfMembers(others, members)
  for (let n = 0; n < members / 2; n++) room.say(`message ${n}`) // for each two members there are five events
  others.room = room
  const alice = await new Client(url).register('alice', 'password of alice')
  const cpuBefore = await cpuMs(pid)
  const began = performance.now()
  await alice.post(joinPath(room, others))
  const answeredMs = Math.round(performance.now() - began)
  while ((await countJoined(alice, room)) <= members) await sleep(20)
  const figures = {
    server: name,
    members,
    events: room.events.size,
    answeredMs,
    wholeMs: Math.round(performance.now() - began),
    cpuMs: (await cpuMs(pid)) - cpuBefore,
    peakMiB: await peakMiB(pid),
  }
  process.stdout.write(`${JSON.stringify(figures)}\n`)
}

{
  await using ours = await DrillServer.make({ site: ourSite })
  await ours.start()
  await joins('Domovoi', ours)
}
await using synapse = await Synapse.start(synapseSite)
await joins('Synapse', synapse)
