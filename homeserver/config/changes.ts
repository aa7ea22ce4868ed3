/** What sets two configurations apart. */
import { isDeepStrictEqual } from 'node:util'
import { Secret } from '../platform/secret.ts'
import type { Config } from './schema.ts'
import { type Setting, settings } from './settings.ts'

/** The settings that are not the same in both, in the order of the schema. */
export function changedSettings(one: Config, other: Config): readonly Setting[] {
  return settings.filter(({ path, isSection }) => !isSection && !isDeepStrictEqual(at(one, path), at(other, path)))
}

function at(config: Config, path: readonly string[]): unknown {
  const value = path.reduce<unknown>((above, name) => (above as Record<string, unknown>)[name], config) // as in the schema
  return value instanceof Secret ? value.reveal() : value
}
