/** Deletes what is over: in every room, before the time that its policy says. */
import type { Clock } from '../../../platform/clock.ts'
import type { Service } from '../../../platform/lifecycle.ts'
import { logger } from '../../../platform/log.ts'
import type { Database } from '../../../storage/database.ts'
import { listRoomsToPurge } from '../../../storage/purges.ts'
import type { Retention } from '../../rooms/retention/policy.ts'
import type { HistoryPurger } from './purger.ts'

const log = logger('retention')

const EVERY_MS = 15 * 60_000
const ROOMS_AT_ONCE = 500

export interface RetentionSweeperParts {
  readonly database: Database
  readonly clock: Clock
  readonly retention: Retention
  readonly purger: HistoryPurger
  /** Whether rooms that say nothing have a policy too. */
  readonly everywhere: boolean
}

export class RetentionSweeper implements Service {
  readonly name = 'retention'
  readonly #parts: RetentionSweeperParts
  #sweeping: Promise<void> | undefined

  constructor(parts: RetentionSweeperParts) {
    this.#parts = parts
  }

  start(signal: AbortSignal): Promise<void> {
    const { retention, clock } = this.#parts
    if (retention.isOn) {
      this.#sweeping = clock.every(EVERY_MS, this.name, (stopped) => this.sweep(stopped), signal)
    }
    return Promise.resolve()
  }

  async stop(): Promise<void> {
    await this.#sweeping
  }

  /** Once through all rooms. */
  async sweep(signal: AbortSignal): Promise<void> {
    const { database, everywhere, retention, purger } = this.#parts
    let gone = 0
    for (let after = ''; ;) {
      const rooms = await listRoomsToPurge(database, { all: everywhere, after, limit: ROOMS_AT_ONCE })
      for (const roomId of rooms) {
        const cut = await retention.cutOf(roomId)
        if (cut !== undefined) gone += await purger.purge({ roomId, end: { ts: cut } }, signal)
        signal.throwIfAborted()
      }
      if (rooms.length < ROOMS_AT_ONCE) break
      after = rooms.at(-1) ?? ''
    }
    if (gone > 0) log.info({ events: gone }, 'deleted messages whose time was over')
  }
}
