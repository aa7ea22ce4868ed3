/** Takes away what uploads left behind that did not end well. */
import type { Clock } from '../../platform/clock.ts'
import type { Service } from '../../platform/lifecycle.ts'
import { logger } from '../../platform/log.ts'
import type { Database } from '../../storage/database.ts'
import { isStored, removeExpiredMedia } from '../../storage/media.ts'
import type { Spool } from './spool.ts'

const log = logger('media')

const EVERY_MS = 10 * 60_000

export class MediaSweeper implements Service {
  readonly name = 'media sweeper'
  readonly #database: Database
  readonly #spool: Spool
  readonly #clock: Clock
  #sweeping: Promise<void> | undefined

  constructor({ database, spool, clock }: { database: Database; spool: Spool; clock: Clock }) {
    this.#database = database
    this.#spool = spool
    this.#clock = clock
  }

  start(signal: AbortSignal): Promise<void> {
    this.#sweeping = this.#clock.every(EVERY_MS, 'sweep media', () => this.sweep(), signal)
    return Promise.resolve()
  }

  async stop(): Promise<void> {
    await this.#sweeping
  }

  async sweep(): Promise<void> {
    const promises = await this.#database.transaction('forget promised files', (tx) =>
      removeExpiredMedia(tx, this.#clock.now()),
    )
    const files = await this.#spool.sweep((storageKey) => isStored(this.#database, storageKey))
    if (promises + files > 0) log.info({ promises, files }, 'swept up after uploads')
  }
}
