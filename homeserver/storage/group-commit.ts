/** Small writes of many requests in few transactions: what arrives while one commits goes together into the next. */
import type { Database, Tx } from './database.ts'

export interface GroupCommitParts<Item, Result> {
  readonly database: Database
  /** Names the transactions. */
  readonly name: string
  /** Writes the items in their order and gives a result for each. May run again, so it has no outside effects. */
  readonly write: (tx: Tx, items: readonly Item[]) => Promise<readonly Result[]>
}

interface Waiting<Item, Result> {
  readonly item: Item
  readonly resolve: (result: Result) => void
  readonly reject: (error: unknown) => void
}

/** So that one transaction does not make others wait for long. */
const MAX_ITEMS = 500

export class GroupCommit<Item, Result> {
  readonly #parts: GroupCommitParts<Item, Result>
  #queue: Waiting<Item, Result>[] = []
  #running = false

  constructor(parts: GroupCommitParts<Item, Result>) {
    this.#parts = parts
  }

  /** Resolves when the item is on disk. Rejects only with an error of its own: it is tried alone before that. */
  add(item: Item): Promise<Result> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ item, resolve, reject })
      if (!this.#running) void this.#run()
    })
  }

  async #run(): Promise<void> {
    this.#running = true
    while (this.#queue.length > 0) {
      let batch: Waiting<Item, Result>[] = []
      // Taken when the transaction has begun: it may have had to wait for others.
      await this.#write(() => (batch.length > 0 ? batch : (batch = this.#queue.splice(0, MAX_ITEMS))))
    }
    this.#running = false
  }

  async #write(take: () => readonly Waiting<Item, Result>[]): Promise<void> {
    const { database, name, write } = this.#parts
    try {
      const results = await database.transaction(name, (tx) => {
        const items = take().map(({ item }) => item)
        return write(tx, items)
      })
      // One result for each item, as `write` promises.
      for (const [index, { resolve }] of take().entries()) resolve(results[index] as Result)
    } catch (error) {
      const failed = take()
      if (failed.length > 1) for (const one of failed) await this.#write(() => [one])
      else failed[0]?.reject(error)
    }
  }
}
