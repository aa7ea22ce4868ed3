/**
 * How far the database has come, written down beside it. One that is behind its mark is not the one that this server left:
 * an older copy was put in its place, or a replica took over that had not heard of everything. What had been given out
 * since would be given out again, and clients that know more than the database would miss what comes next.
 */
import { readFile, rename, writeFile } from 'node:fs/promises'
import { z } from 'zod'
import type { Bus } from '../platform/bus.ts'
import type { Cancel, Clock } from '../platform/clock.ts'
import type { Service } from '../platform/lifecycle.ts'
import { logger } from '../platform/log.ts'
import type { Database } from './database.ts'
import { beginAfterLoss } from './restored.ts'
import { lastId, streamTables } from './streams.ts'

const log = logger('high-water')

/** A loss that is younger than that is not noticed. */
const EVERY_MS = 1_000

const markSchema = z.object({ events: z.number(), to_device: z.number() })
/** What people would miss, by streams. */
type Mark = z.output<typeof markSchema>

/** Before anything is written: moves the streams on where the database is behind its mark, and gives whether it was. */
export async function checkHighWater(database: Database, path: string): Promise<boolean> {
  const mark = await readMark(path)
  const there = await markOf(database)
  if (!mark || (there.events >= mark.events && there.to_device >= mark.to_device)) return false
  await database.transaction('begin after loss', beginAfterLoss)
  log.error({ there, expected: mark }, 'the database is older than the one that was here: what came after it is lost')
  return true
}

/** By what is on disk, and not by what is promised: a transaction that was rolled back has come nowhere. */
async function markOf(database: Database): Promise<Mark> {
  const [events, toDevice] = await Promise.all([
    lastId(database, 'events', streamTables.events),
    lastId(database, 'to_device', streamTables.to_device),
  ])
  return { events, to_device: toDevice }
}

/** Undefined where there is none, or none that can be read. */
async function readMark(path: string): Promise<Mark | undefined> {
  try {
    return markSchema.parse(JSON.parse(await readFile(path, 'utf8')))
  } catch {
    return undefined
  }
}

interface HighWaterParts {
  readonly database: Database
  readonly bus: Bus
  readonly clock: Clock
  readonly path: string
}

/** Keeps the mark. */
export class HighWater implements Service {
  readonly name = 'high water'
  readonly #parts: HighWaterParts
  #cancel: Cancel | undefined
  #leave: (() => void) | undefined
  #writing: Promise<void> = Promise.resolve()

  constructor(parts: HighWaterParts) {
    this.#parts = parts
  }

  start(): Promise<void> {
    const { bus, clock } = this.#parts
    this.#leave = bus.subscribe(() => {
      this.#cancel ??= clock.after(EVERY_MS, () => {
        this.#cancel = undefined
        this.#writing = this.#writing.then(() => this.#write())
      })
    })
    return Promise.resolve()
  }

  async stop(): Promise<void> {
    this.#leave?.()
    this.#cancel?.()
    await this.#writing
    await this.#write()
  }

  async #write(): Promise<void> {
    const { database, path } = this.#parts
    try {
      await writeFile(`${path}.new`, JSON.stringify(await markOf(database)), { mode: 0o600 })
      await rename(`${path}.new`, path)
    } catch (error) {
      log.warn({ error }, 'the mark of the database cannot be written')
    }
  }
}
