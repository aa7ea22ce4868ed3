/** D8: the disk of database, media and log is full for a while, again and again, while clients write (SQLite, Linux as root). */
import { randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from '../support/client.ts'
import { type DrillOptions, type Outcome, percentile } from './drill.ts'
import { DrillServer } from './drill-server.ts'
import { SmallDisk } from './small-disk.ts'
import { isFlawless, writeWhile } from './write-while.ts'
import { inRoom } from './writer.ts'

const DISK_MIB = 64
/** Goals: from there being room to the first write, and of the log while there is none. */
const RECOVERY_MS = 10_000
const LINES_PER_SECOND = 10
/** What a client sends at once. */
const UPLOAD = Buffer.alloc(1024 * 1024)

export interface DiskFullOptions extends DrillOptions {
  /** How long there is no room. */
  readonly fullMs?: number
}

/** `kills` is how often the disk is full. Brings a database of its own. */
export async function diskFull({
  kills = 5,
  killAfterMs: [soonest, latest] = [500, 2_000],
  fullMs = 5_000,
}: DiskFullOptions): Promise<Outcome> {
  await using disk = await SmallDisk.mount(DISK_MIB)
  const databaseUrl = `sqlite:${disk.path('domovoi.db')}`
  await using server = await DrillServer.make({ databaseUrl, dataDir: disk.path('data') })
  const recoveries: number[] = []
  const paces: number[] = []
  const found = { refused: 0, wronglyRefused: 0, failedReads: 0 }
  const findings = await writeWhile(server, async (clients) => {
    const looker = await Looker.make(server)
    for (let time = 1; time <= kills; time++) {
      await Promise.race([sleep(randomInt(soonest, latest)), clients])
      await disk.fill()
      while ((await looker.write()) === 200) await disk.fill() // the log of SQLite has room in itself
      const [from, lines] = [performance.now(), server.logLines]
      while (performance.now() < from + fullMs) {
        for (const status of await Promise.all([looker.write(), looker.upload()])) {
          if (status === 507) found.refused++
          else if (status !== 200) found.wronglyRefused++
        }
        for (const status of await looker.read()) if (status !== 200) found.failedReads++
      }
      paces.push(((server.logLines - lines) * 1000) / (performance.now() - from))
      await disk.makeRoom()
      const roomy = performance.now()
      while ((await looker.write()) !== 200 || (await looker.upload()) !== 200) await sleep(20)
      recoveries.push(performance.now() - roomy)
    }
  })
  const linesPerSecond = Math.round(percentile(paces, 100) * 10) / 10
  const recoveryMsMax = Math.round(percentile(recoveries, 100))
  const isOrderly = found.refused > 0 && found.wronglyRefused + found.failedReads === 0
  const pass = isFlawless(findings) && isOrderly && linesPerSecond <= LINES_PER_SECOND && recoveryMsMax <= RECOVERY_MS
  return { name: 'D8', pass, figures: { fills: kills, ...findings, ...found, linesPerSecond, recoveryMsMax } }
}

/** Writes and reads, and gives the statuses of the answers. */
class Looker {
  readonly #client: Client
  readonly #roomId: string
  #count = 0

  private constructor(client: Client, roomId: string) {
    this.#client = client
    this.#roomId = roomId
  }

  static async make({ url }: DrillServer): Promise<Looker> {
    const client = await new Client(url).register('looker', 'password of looker')
    return new Looker(client, await client.createRoom())
  }

  async write(): Promise<number> {
    const path = inRoom(this.#roomId, `send/m.room.message/${++this.#count}`)
    return await this.#status('PUT', path, { msgtype: 'm.text', body: 'Is there room?' })
  }

  async upload(): Promise<number> {
    return await this.#status('POST', '/_matrix/media/v3/upload', UPLOAD)
  }

  async read(): Promise<readonly number[]> {
    const paths = [inRoom(this.#roomId, 'messages?dir=b'), inRoom(this.#roomId, 'state'), '/sync', '/account/whoami']
    return await Promise.all(paths.map((path) => this.#status('GET', path)))
  }

  async #status(...request: Parameters<Client['request']>): Promise<number> {
    const { status, body } = await this.#client.request(...request)
    if (status !== 200 && status !== 507) process.stderr.write(`${request[1]}: ${status} ${JSON.stringify(body)}\n`)
    return status
  }
}
