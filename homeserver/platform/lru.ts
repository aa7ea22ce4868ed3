/** A map that forgets what was used longest ago as soon as the weights add up to more than `max`. */
export class Lru<K, V> {
  readonly #max: number
  readonly #weigh: (value: V, key: K) => number
  /** In order of use, the latest last. */
  readonly #entries = new Map<K, { readonly value: V; readonly weight: number }>()
  #weight = 0

  /** `weigh` gives bytes, say; without it every entry weighs 1 and `max` is a count. */
  constructor(max: number, weigh: (value: V, key: K) => number = () => 1) {
    this.#max = max
    this.#weigh = weigh
  }

  get size(): number {
    return this.#entries.size
  }

  get weight(): number {
    return this.#weight
  }

  get(key: K): V | undefined {
    const entry = this.#entries.get(key)
    if (!entry) return undefined
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    return entry.value
  }

  /** Does not count as use. */
  has(key: K): boolean {
    return this.#entries.has(key)
  }

  /** A value heavier than the whole map is not kept. Weighed once: set again what has grown. */
  set(key: K, value: V): void {
    this.delete(key)
    const weight = this.#weigh(value, key)
    if (weight > this.#max) return
    this.#entries.set(key, { value, weight })
    this.#weight += weight
    for (const oldest of this.#entries.keys()) {
      if (this.#weight <= this.#max) break
      this.delete(oldest)
    }
  }

  delete(key: K): boolean {
    const entry = this.#entries.get(key)
    if (!entry) return false
    this.#weight -= entry.weight
    return this.#entries.delete(key)
  }

  /** Looks at every entry, and takes away those that `test` finds. Does not count as use. */
  deleteWhere(test: (value: V, key: K) => boolean): void {
    for (const [key, { value }] of this.#entries) if (test(value, key)) this.delete(key)
  }

  clear(): void {
    this.#entries.clear()
    this.#weight = 0
  }

  /** The keys, longest unused first. */
  keys(): IterableIterator<K> {
    return this.#entries.keys()
  }
}
