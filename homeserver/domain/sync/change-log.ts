/** When each room or user was last touched, as far back as memory reaches: spares a look at the tables. */

const MAX_KEYS = 10_000

export class ChangeLog {
  readonly #max: number
  readonly #last = new Map<string, number>()
  /** Changes in the order of their positions; of a key only the last one counts. */
  #order: { readonly key: string; readonly position: number }[] = []
  /** Nothing is known of changes at or below. */
  #floor: number

  constructor(floor: number, max = MAX_KEYS) {
    this.#floor = floor
    this.#max = max
  }

  /** Positions never go back. */
  record(key: string, position: number): void {
    if (this.#last.get(key) === position) return
    this.#last.set(key, position)
    this.#order.push({ key, position })
    if (this.#order.length > 2 * this.#max) this.#compact()
  }

  /** False only if nothing has touched the key since. */
  hasChanged(key: string, since: number): boolean {
    return since < (this.#last.get(key) ?? this.#floor)
  }

  /** Each key touched since, once; undefined where memory does not reach back. */
  changedSince(since: number): string[] | undefined {
    if (since < this.#floor) return undefined
    const changed: string[] = []
    for (let at = this.#firstAfter(since); at < this.#order.length; at++) {
      const entry = this.#order[at]
      if (entry && this.#last.get(entry.key) === entry.position) changed.push(entry.key)
    }
    return changed
  }

  #firstAfter(since: number): number {
    let [low, high] = [0, this.#order.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if ((this.#order[middle]?.position ?? Infinity) <= since) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Keeps the last change of each key, and of those the latest. */
  #compact(): void {
    const current = this.#order.filter(({ key, position }) => this.#last.get(key) === position)
    for (const { key, position } of current.splice(0, Math.max(0, current.length - this.#max))) {
      this.#last.delete(key)
      this.#floor = position
    }
    this.#order = current
  }
}
