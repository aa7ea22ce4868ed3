/**
 * Purges that administrators ask for: one after the other, and to the end, also when the server is started anew in
 * between. https://element-hq.github.io/synapse/latest/admin_api/purge_history_api.html
 */
import { randomBytes } from 'node:crypto'
import { AsyncLocalStorage } from 'node:async_hooks'
import { limitExceeded, notFound } from '../../../core/errors.ts'
import type { RoomId, ServerName } from '../../../core/ids.ts'
import { messageOf } from '../../../platform/caught.ts'
import type { Clock } from '../../../platform/clock.ts'
import type { Service } from '../../../platform/lifecycle.ts'
import { logger } from '../../../platform/log.ts'
import type { Database } from '../../../storage/database.ts'
import {
  addPurge,
  endPurge,
  findPurge,
  forgetPurges,
  listActivePurges,
  type Purge,
  type PurgeEnd,
} from '../../../storage/purges.ts'
import type { HistoryPurger } from './purger.ts'

export type { PurgeEnd }

const log = logger('admin')

/** Purges that wait. */
const MAX_ACTIVE = 100
const WAIT_MS = 60_000
/** So long one may be asked about. */
const REMEMBER_MS = 7 * 86_400_000

export interface PurgesParts {
  readonly database: Database
  readonly clock: Clock
  readonly purger: HistoryPurger
  readonly serverName: ServerName
}

export class HistoryPurges implements Service {
  readonly name = 'history purges'
  readonly #parts: PurgesParts
  /** Purges run outside of the request that asked for them. */
  readonly #outside = AsyncLocalStorage.snapshot()
  #signal = AbortSignal.abort()
  #work: Promise<void> | undefined
  /** Whether another one was asked for since the work looked for the next. */
  #again = false

  constructor(parts: PurgesParts) {
    this.#parts = parts
  }

  start(signal: AbortSignal): Promise<void> {
    this.#signal = signal
    this.#run()
    return Promise.resolve()
  }

  async stop(): Promise<void> {
    await this.#work
  }

  /** Gives the id of the purge. Throws `M_LIMIT_EXCEEDED` while too many wait. */
  async begin(roomId: RoomId, end: PurgeEnd, { withLocal }: { readonly withLocal: boolean }): Promise<string> {
    const { database, clock } = this.#parts
    const now = clock.now()
    const id = randomBytes(12).toString('base64url')
    await database.transaction('begin a purge', async (tx) => {
      if ((await listActivePurges(tx, MAX_ACTIVE)).length >= MAX_ACTIVE) {
        throw limitExceeded(WAIT_MS, 'Too many purges are waiting')
      }
      await forgetPurges(tx, now - REMEMBER_MS)
      await addPurge(tx, { id, roomId, end, withLocal }, now)
    })
    this.#run()
    return id
  }

  /** Throws `M_NOT_FOUND`. */
  async get(id: string): Promise<Purge> {
    const purge = await findPurge(this.#parts.database, id)
    if (!purge) throw notFound('There is no such purge')
    return purge
  }

  #run(): void {
    this.#again = true
    if (this.#work || this.#signal.aborted) return
    this.#work = this.#outside(async () => {
      try {
        while (this.#again && !this.#signal.aborted) {
          this.#again = false
          while (await this.#next());
        }
      } catch (error) {
        if (!this.#signal.aborted) log.error({ error }, 'purges cannot go on')
      }
      this.#work = undefined
    })
  }

  /** Brings the first one that waits to its end. False if there is none. */
  async #next(): Promise<boolean> {
    const { database, purger, serverName } = this.#parts
    const [purge] = await listActivePurges(database, 1)
    if (!purge) return false
    const error = await purger
      .purge({ ...purge, sparing: purge.withLocal ? undefined : serverName }, this.#signal)
      .then(() => undefined, messageOf)
    if (this.#signal.aborted) return false // the next start goes on with it
    if (error !== undefined) log.error({ roomId: purge.roomId, error }, 'a history could not be purged')
    await database.transaction('end a purge', (tx) =>
      endPurge(tx, purge.id, error === undefined ? 'complete' : 'failed', error),
    )
    return true
  }
}
