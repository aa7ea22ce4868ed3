/** Settings from the disk. */
import { existsSync, readFileSync } from 'node:fs'
import { messageOf } from '../platform/caught.ts'
import { ConfigError, type LoadedConfig, readConfig } from './load.ts'

export const DEFAULT_FILE = 'config.yaml'

/** The files named, or `config.yaml` if there is one. */
export const configFiles = (named: readonly string[] | undefined): readonly string[] =>
  named ?? (existsSync(DEFAULT_FILE) ? [DEFAULT_FILE] : [])

/** Throws `ConfigError`, also for a file that cannot be read. */
export function readConfigFiles(
  names: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): LoadedConfig {
  const readFile = (path: string): string => readFileSync(path, 'utf8')
  return readConfig({ files: names.map((name) => ({ name, text: textOf(name) })), env, readFile })
}

function textOf(name: string): string {
  try {
    return readFileSync(name, 'utf8')
  } catch (error) {
    throw new ConfigError([`cannot read ${name}: ${messageOf(error)}`])
  }
}
