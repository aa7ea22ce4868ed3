/** What a command of `domovoi` is. */
import type { ParseArgsConfig } from 'node:util'
import type { Config } from '../config/schema.ts'
import type { LoadedConfig } from '../config/load.ts'

/** Said to the person at the terminal as it is, with the exit code. */
export class CommandError extends Error {
  override name = 'CommandError'
  readonly exitCode: number

  constructor(message: string, { exitCode = 1 }: { exitCode?: number } = {}) {
    super(message)
    this.exitCode = exitCode
  }
}

/** The arguments do not fit; the usage is shown with the message. */
export class UsageError extends Error {
  override name = 'UsageError'
}

export interface Invocation {
  readonly values: Readonly<Record<string, unknown>>
  readonly positionals: readonly string[]
  /** Throws `ConfigError`. */
  readonly config: () => Config
  readonly loaded: () => LoadedConfig
  readonly print: (text: string) => void
}

export interface Command {
  /** What follows the name. */
  readonly usage: string
  /** Told by `--help`, below the usage. */
  readonly help: string
  readonly options?: NonNullable<ParseArgsConfig['options']>
  run(invocation: Invocation): Promise<void> | void
}
