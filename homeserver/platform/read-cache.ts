import { Lru } from './lru.ts'

/**
 * What was read, kept in memory until there is news of it. What is being read while news come is given to who asked and
 * not kept: it may be from before them.
 */
export class ReadCache<K, V> {
  readonly #known: Lru<K, V>
  /** Counts news. */
  #version = 0

  /** As of `Lru`. */
  constructor(max: number, weigh?: (value: V, key: K) => number) {
    this.#known = new Lru<K, V>(max, weigh)
  }

  /** Undefined where it has to be read. */
  get(key: K): V | undefined {
    return this.#known.get(key)
  }

  async of(key: K, read: () => Promise<V>): Promise<V> {
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const version = this.#version
    const value = await read()
    this.#keep(key, value, version)
    return value
  }

  /** `read` is asked once, for what is missing; what it does not find is not kept. */
  async list(keys: Iterable<K>, read: (missing: K[]) => Promise<Iterable<readonly [K, V]>>): Promise<Map<K, V>> {
    const found = new Map<K, V>()
    const missing: K[] = []
    for (const key of keys) {
      const known = this.#known.get(key)
      if (known === undefined) missing.push(key)
      else found.set(key, known)
    }
    if (missing.length === 0) return found
    const version = this.#version
    for (const [key, value] of await read(missing)) {
      found.set(key, value)
      this.#keep(key, value, version)
    }
    return found
  }

  /** By news that say what it is from now on. */
  set(key: K, value: V): void {
    this.#version++
    this.#known.set(key, value)
  }

  /** There is news of these. */
  drop(keys: Iterable<K>): void {
    for (const key of keys) {
      this.#version++
      this.#known.delete(key)
    }
  }

  /** There is news, of whatever. */
  clear(): void {
    this.#version++
    this.#known.clear()
  }

  /** There is news, of which what is known was told. */
  overtake(): void {
    this.#version++
  }

  #keep(key: K, value: V, version: number): void {
    if (version === this.#version) this.#known.set(key, value)
  }
}
