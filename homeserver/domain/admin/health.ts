/** Whether the server can do its work now: what balancers and supervisors ask. */
import type { Clock } from '../../platform/clock.ts'
import type { Database } from '../../storage/database.ts'

/** A database that takes longer is as good as none. */
const PATIENCE_MS = 2_000

export class Health {
  readonly #database: Database
  readonly #clock: Clock

  constructor({ database, clock }: { database: Database; clock: Clock }) {
    this.#database = database
    this.#clock = clock
  }

  /** Never rejects. */
  async isReady(): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const cancel = this.#clock.after(PATIENCE_MS, () => resolve(false))
    this.#database.row('select 1 as one').then(
      () => resolve(true),
      () => resolve(false),
    )
    const isReady = await promise
    cancel()
    return isReady
  }
}
