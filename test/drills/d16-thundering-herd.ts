/** D16: the server is started again, and all clients come back in the same moment. */
import { type DrillOptions, type Outcome, percentile } from './drill.ts'
import { DrillServer } from './drill-server.ts'
import { Client } from '../support/client.ts'
import { inRoom } from './writer.ts'

/** Goal for the last of them. */
const LAST_MS = 20_000
const ROOMS = 20
/** At a time, so that making them is no herd itself. */
const AT_ONCE = 20

export interface ThunderingHerdOptions extends DrillOptions {
  readonly clients?: number
}

export async function thunderingHerd({ databaseUrl, clients: count = 1_000 }: ThunderingHerdOptions): Promise<Outcome> {
  await using server = await DrillServer.make({ databaseUrl })
  await server.start()
  const host = await new Client(server.url).register('host', 'password of host')
  const rooms = await Promise.all(Array.from({ length: ROOMS }, () => host.createRoom({ preset: 'public_chat' })))
  const herd: { client: Client; roomId: string; since: string }[] = []
  const add = async (n: number): Promise<void> => {
    const client = await new Client(server.url).register(`client${n}`, `password of client${n}`)
    const roomId = rooms[n % ROOMS] ?? ''
    await client.post(inRoom(roomId, 'join'))
    herd.push({ client, roomId, since: (await client.sync())['next_batch'] as string })
  }
  for (let n = 0; n < count; n += AT_ONCE) {
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - n) }, (_, m) => add(n + m)))
  }
  const news = new Map(
    await Promise.all(rooms.map(async (id) => [id, await host.send(id, 'while you were away')] as const)),
  )
  await server.kill()
  await server.start()

  const begun = performance.now()
  let [refused, missed] = [0, 0]
  const times = await Promise.all(
    herd.map(async ({ client, roomId, since }) => {
      const { status, body } = await client.request('GET', `/sync?since=${since}&timeout=0`)
      if (status !== 200) refused++
      else if (!JSON.stringify(body).includes(news.get(roomId) ?? '')) missed++
      return performance.now() - begun
    }),
  )
  const [lastMs, medianMs] = [Math.round(percentile(times, 100)), Math.round(percentile(times, 50))]
  const pass = refused + missed === 0 && lastMs <= LAST_MS
  return { name: 'D16', pass, figures: { clients: herd.length, refused, missed, medianMs, lastMs } }
}
