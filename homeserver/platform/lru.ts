interface Entry<K, V> {
  readonly key: K
  readonly value: V
  readonly weight: number
  older: Entry<K, V> | undefined
  newer: Entry<K, V> | undefined
}

/**
 * A map that forgets what was used longest ago as soon as the weights add up to more than `max`. Its entries are a list
 * in order of use: taking one out of a large Map and putting it back for each use would cost far more than the look-up.
 */
export class Lru<K, V> {
  readonly #max: number
  readonly #weigh: (value: V, key: K) => number
  readonly #entries = new Map<K, Entry<K, V>>()
  #oldest: Entry<K, V> | undefined
  #newest: Entry<K, V> | undefined
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
    if (entry !== this.#newest) {
      this.#unlink(entry)
      this.#link(entry)
    }
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
    const entry: Entry<K, V> = { key, value, weight, older: undefined, newer: undefined }
    this.#entries.set(key, entry)
    this.#link(entry)
    this.#weight += weight
    while (this.#oldest && this.#weight > this.#max) this.delete(this.#oldest.key)
  }

  delete(key: K): boolean {
    const entry = this.#entries.get(key)
    if (!entry) return false
    this.#weight -= entry.weight
    this.#unlink(entry)
    return this.#entries.delete(key)
  }

  /** Looks at every entry, and takes away those that `test` finds. Does not count as use. */
  deleteWhere(test: (value: V, key: K) => boolean): void {
    for (const [key, { value }] of this.#entries) if (test(value, key)) this.delete(key)
  }

  clear(): void {
    this.#entries.clear()
    this.#oldest = undefined
    this.#newest = undefined
    this.#weight = 0
  }

  /** The keys, longest unused first. */
  *keys(): Generator<K> {
    for (let entry = this.#oldest; entry; entry = entry.newer) yield entry.key
  }

  #link(entry: Entry<K, V>): void {
    entry.older = this.#newest
    entry.newer = undefined
    if (this.#newest) this.#newest.newer = entry
    else this.#oldest = entry
    this.#newest = entry
  }

  #unlink({ older, newer }: Entry<K, V>): void {
    if (older) older.newer = newer
    else this.#oldest = newer
    if (newer) newer.older = older
    else this.#newest = older
  }
}
