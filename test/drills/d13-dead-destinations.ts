/** D13: a room has members on 300 servers that are gone: some refuse connections, some swallow what they are sent (T52). */
import { setTimeout as sleep } from 'node:timers/promises'
import { roomVersions } from '../../homeserver/core/room-version.ts'
import { PeerRoom } from '../support/peer-room.ts'
import { type DrillOptions, type Outcome, percentile } from './drill.ts'
import { DrillServer } from './drill-server.ts'
import { ForeignServers } from './foreign-servers.ts'
import { cpuMs } from './process-figures.ts'
import { type Site, Sites } from './sites.ts'
import { StubbornClient } from './stubborn-client.ts'

export interface DeadDestinationsOptions extends DrillOptions {
  readonly servers?: number
  readonly seconds?: number
  readonly messages?: number
}

/** Goals: connections a second once each server was tried, and percent of a core. */
const MAX_CONNECTS = 5
const MAX_CPU = 5
/** What noise may add to the slowest of a hundred messages. */
const NOISE_MS = 20

export async function deadDestinations({
  databaseUrl,
  servers = 300,
  seconds = 60,
  messages = 200,
}: DeadDestinationsOptions): Promise<Outcome> {
  await using sites = await Sites.make(2)
  const [ourSite, theirSite] = sites.list as [Site, Site]
  await using ours = await DrillServer.make({ databaseUrl, site: ourSite })
  await ours.start()
  await using others = await ForeignServers.start(theirSite, servers)
  const room = roomOf(others)
  others.room = room
  const alice = await new StubbornClient(ours).register('alice', 'password of alice')
  await alice.post(`/join/${encodeURIComponent(room.roomId)}?via=${others.names[0] ?? ''}`)
  const home = await alice.createRoom()
  const send = async (roomId: string): Promise<number> => {
    const from = performance.now()
    await alice.send(roomId, 'hello')
    return performance.now() - from
  }
  const p99 = async (roomId: string): Promise<number> => {
    const times: number[] = []
    for (let n = 0; n < messages; n++) times.push(await send(roomId))
    return Math.round(percentile(times, 99))
  }
  await p99(home) // warms up
  const before = await p99(home)

  others.die()
  await send(room.roomId)
  while (others.tried.size < servers) await sleep(50) // those that swallow hold places, so it is a matter of patience
  const [connects, cpu, from] = [others.connects, await cpuMs(ours.pid), performance.now()]
  await sleep(seconds * 1000)
  const elapsed = performance.now() - from
  const connectsPerSecond = ((others.connects - connects) * 1000) / elapsed
  const cpuPercent = (100 * ((await cpuMs(ours.pid)) - cpu)) / elapsed
  const after = await p99(home)
  const there = await p99(room.roomId)
  const figures = {
    servers,
    seconds,
    connectsPerSecond: rounded(connectsPerSecond),
    cpuPercent: rounded(cpuPercent),
    sendMsP99Before: before,
    sendMsP99: after,
    sendThereMsP99: there,
  }
  const pass = connectsPerSecond <= MAX_CONNECTS && cpuPercent <= MAX_CPU && after <= 2 * before + NOISE_MS
  return { name: 'D13', pass, figures }
}

/** With one member on each of the servers. */
function roomOf(others: ForeignServers): PeerRoom {
  const [first = '', ...rest] = others.names
  const room = new PeerRoom(roomVersions['11'], others.signer(first))
  for (const name of rest) {
    const sender = `@member:${name}` as const
    const content = { membership: 'join' }
    room.add({ type: 'm.room.member', sender, stateKey: sender, content, signer: others.signer(name) })
  }
  return room
}

const rounded = (number: number): number => Math.round(number * 10) / 10
