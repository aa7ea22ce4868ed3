/** What a client asks for of one room: as its lists and its subscription say together. */
import type { UserId } from '../../../core/ids.ts'
import { Lru } from '../../../platform/lru.ts'
import { compileRequiredState, type RequiredState, type StatePattern } from './required-state.ts'

export interface RoomConfig {
  /** Events in the timeline at most. */
  readonly limit: number
  /** State that any of them asks for. */
  readonly required: readonly RequiredState[]
  /** Equal for configs that ask for the same state. */
  readonly key: string
}

/** Patterns in memory. Thousands of clients of one make ask for the same, but `$ME` makes them differ. */
const MAX_PATTERNS = 100_000

export function matches({ required }: RoomConfig, type: string, stateKey: string): boolean {
  return required.some((state) => state.matches(type, stateKey))
}

export function isLazy({ required }: RoomConfig): boolean {
  return required.some(({ lazy }) => lazy)
}

/** What asks for all that both ask for. */
export function combined(a: RoomConfig, b: RoomConfig): RoomConfig {
  const limit = Math.max(a.limit, b.limit)
  if (a.key === b.key) return a.limit === limit ? a : { ...a, limit }
  const known = new Set(a.required.map(({ key }) => key))
  const required = [...a.required, ...b.required.filter(({ key }) => !known.has(key))]
  return configOf(limit, required)
}

export function configOf(limit: number, required: readonly RequiredState[]): RoomConfig {
  const keys = required.map(({ key }) => key).toSorted()
  return { limit, required, key: keys.join('\n') }
}

/** Compiles what clients ask for once, however often they repeat it. */
export class RoomConfigs {
  readonly #compiled = new Lru<string, RequiredState>(MAX_PATTERNS, ({ patterns }) => patterns.length + 1)

  make(limit: number, patterns: readonly (readonly StatePattern[])[], userId: UserId): RoomConfig {
    return configOf(
      limit,
      patterns.map((some) => this.#compile(some, userId)),
    )
  }

  #compile(patterns: readonly StatePattern[], userId: UserId): RequiredState {
    const name = `${userId} ${JSON.stringify(patterns)}`
    const known = this.#compiled.get(name)
    if (known) return known
    const compiled = compileRequiredState(patterns, userId)
    this.#compiled.set(name, compiled)
    return compiled
  }
}
