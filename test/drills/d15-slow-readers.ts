/** D15: many clients ask for long answers of /sync and take them slowly, while others write (Linux). */
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from '../support/client.ts'
import { type DrillOptions, type Outcome, percentile } from './drill.ts'
import { DrillServer } from './drill-server.ts'
import { peakMiB, residentMiB } from './process-figures.ts'
import { SlowReader } from './slow-readers.ts'

/** Goal for what all of them may cost. */
const MAX_MIB = 80
/** Goal for messages of others meanwhile. */
const MAX_SEND_MS = 250
/** Readers in no need of patience, for the memory before. */
const HERD = 40
/** Of each answer: so many messages of so many bytes. */
const [MESSAGES, BYTES] = [100, 40_000]

export interface SlowReadersOptions extends DrillOptions {
  readonly readers?: number
  readonly seconds?: number
  readonly sends?: number
}

export async function slowReaders({
  databaseUrl,
  readers: count = 200,
  seconds = 30,
  sends = 200,
}: SlowReadersOptions): Promise<Outcome> {
  await using server = await DrillServer.make({ databaseUrl })
  await server.start()
  const [reader, writer] = await Promise.all(
    ['reader', 'writer'].map((name) => new Client(server.url).register(name, `password of ${name}`)),
  )
  if (!reader || !writer) throw new Error('Nobody is there')
  const long = await reader.createRoom()
  for (let n = 0; n < MESSAGES; n++) await reader.send(long, String(n).padEnd(BYTES))
  const home = await writer.createRoom()
  const filter = encodeURIComponent(JSON.stringify({ room: { timeline: { limit: MESSAGES } } }))
  const path = `/_matrix/client/v3/sync?set_presence=offline&filter=${filter}`
  const p99 = async (): Promise<number> => {
    const times: number[] = []
    for (let n = 0; n < sends; n++) {
      const from = performance.now()
      await writer.send(home, 'hello')
      times.push(performance.now() - from)
    }
    return Math.round(percentile(times, 99))
  }
  await Promise.all(Array.from({ length: HERD }, () => reader.get(path))) // what making such answers costs, without slowness
  await p99()
  const [before, mibBefore] = [await p99(), await peakMiB(server.pid)]

  const stopping = new AbortController()
  const readers = await Promise.all(Array.from({ length: count }, () => SlowReader.ask(reader, path)))
  const reading = readers.map((one) => one.readSlowly(stopping.signal))
  const during = await p99()
  await sleep(seconds * 1_000)
  stopping.abort()
  await Promise.all(reading)
  const peakMore = (await peakMiB(server.pid)) - mibBefore
  const heldMore = (await residentMiB(server.pid)) - mibBefore
  let broken = 0
  for (const one of readers) {
    const { status, body } = await one.finish()
    if (status !== 200 || !isWhole(body)) broken++
  }
  const figures = { readers: count, broken, mibBefore, peakMore, heldMore, sendMsP99Before: before, sendMsP99: during }
  const pass = broken === 0 && heldMore <= MAX_MIB && during <= MAX_SEND_MS
  return { name: 'D15', pass, figures }
}

function isWhole(body: string): boolean {
  try {
    return Object.keys(JSON.parse(body) as object).includes('next_batch')
  } catch {
    return false
  }
}
