/** Takes away what uploads left behind that did not end well, and copies whose time is over. */
import type { Clock } from '../../platform/clock.ts'
import type { Service } from '../../platform/lifecycle.ts'
import { logger } from '../../platform/log.ts'
import type { Database } from '../../storage/database.ts'
import { isStored, removeExpiredCopies, removeExpiredPromises } from '../../storage/media.ts'
import { removeExpiredUrlPreviews } from '../../storage/url-previews.ts'
import type { MediaStore } from './media-store.ts'
import type { Spool } from './spool.ts'

const log = logger('media')

const EVERY_MS = 10 * 60_000
const COPIES_AT_ONCE = 100

interface SweeperParts {
  readonly database: Database
  readonly store: MediaStore
  readonly spool: Spool
  readonly clock: Clock
}

export class MediaSweeper implements Service {
  readonly name = 'media sweeper'
  readonly #database: Database
  readonly #store: MediaStore
  readonly #spool: Spool
  readonly #clock: Clock
  #sweeping: Promise<void> | undefined

  constructor({ database, store, spool, clock }: SweeperParts) {
    this.#database = database
    this.#store = store
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
    const now = this.#clock.now()
    const promises = await this.#database.transaction('forget promised files', async (tx) => {
      await removeExpiredUrlPreviews(tx, now)
      return await removeExpiredPromises(tx, now)
    })
    const copies = await this.#removeCopies(now)
    const files = await this.#spool.sweep((storageKey) => isStored(this.#database, storageKey))
    if (promises + copies + files > 0) log.info({ promises, copies, files }, 'swept up media')
  }

  async #removeCopies(now: number): Promise<number> {
    let removed = 0
    for (;;) {
      const keys = await this.#database.transaction('forget copies', (tx) =>
        removeExpiredCopies(tx, now, COPIES_AT_ONCE),
      )
      if (keys.length === 0) return removed
      for (const key of keys) await this.#store.delete(key)
      removed += keys.length
    }
  }
}
