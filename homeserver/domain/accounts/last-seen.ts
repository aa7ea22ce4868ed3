/** When, from where and with what a device was last used: noted in memory, written now and then. */
import type { Clock } from '../../platform/clock.ts'
import type { Service } from '../../platform/lifecycle.ts'
import type { Database } from '../../storage/database.ts'
import { type DeviceSeen, noteSeen } from '../../storage/sessions.ts'
import type { Requester } from './requester.ts'
import type { Origin } from './sessions.ts'

const FLUSH_MS = 60_000
const BATCH = 500
const MAX_USER_AGENT = 512
/** More devices than this in one interval are not noted. */
const MAX_NOTED = 20_000

export class LastSeen implements Service {
  readonly name = 'last seen'
  readonly #database: Database
  readonly #clock: Clock
  /** By the requester, of whom the cache of sessions has one for each session. */
  #noted = new Map<Requester, DeviceSeen>()
  #flushing: Promise<void> = Promise.resolve()

  constructor({ database, clock }: { database: Database; clock: Clock }) {
    this.#database = database
    this.#clock = clock
  }

  /** Remembers once a flush: the first request of a minute tells enough. */
  note(who: Requester, { ip, userAgent }: Origin): void {
    const { userId, deviceId } = who
    if (deviceId === undefined || this.#noted.has(who) || this.#noted.size >= MAX_NOTED) return
    this.#noted.set(who, {
      userId,
      deviceId,
      ts: this.#clock.now(),
      ip,
      userAgent: userAgent?.slice(0, MAX_USER_AGENT),
    })
  }

  async start(signal: AbortSignal): Promise<void> {
    this.#flushing = this.#clock.every(FLUSH_MS, 'write last seen', () => this.flush(), signal)
  }

  async stop(): Promise<void> {
    await this.#flushing
    await this.flush()
  }

  async flush(): Promise<void> {
    const noted = [...this.#noted.values()]
    this.#noted = new Map()
    for (let from = 0; from < noted.length; from += BATCH) {
      const batch = noted.slice(from, from + BATCH)
      await this.#database.transaction('write last seen', (tx) => noteSeen(tx, batch))
    }
  }
}
