/** Makes backups as often as the settings say, each in a process of its own, so that nobody waits for it. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { stat } from 'node:fs/promises'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { Config } from '../config/schema.ts'
import type { Clock } from '../platform/clock.ts'
import { logger } from '../platform/log.ts'
import type { Metrics } from '../platform/metrics.ts'
import { listBackups } from './make.ts'
import { backupDirectory } from './place.ts'

const log = logger('backup')
const program = fileURLToPath(new URL('../cli/domovoi.ts', import.meta.url))

/** How often it looks whether it is time. */
const LOOK_MS = 5 * 60_000

export interface ScheduleParts {
  readonly config: Config
  /** As the server was started with. */
  readonly configFiles: readonly string[]
  readonly clock: Clock
  readonly metrics: Metrics
  readonly signal: AbortSignal
}

/** Resolves when `signal` is aborted; a backup that is being made ends with it. */
export async function scheduleBackups({ config, configFiles, clock, metrics, signal }: ScheduleParts): Promise<void> {
  const { every } = config.backup
  if (every === undefined) return
  const noteAge = observeBackups({ clock, metrics })
  const look = async (): Promise<void> => {
    const age = await ageOfNewest(config, clock.now())
    noteAge(age)
    if (age >= every) await make(configFiles, signal)
  }
  await clock.every(Math.min(every, LOOK_MS), 'backups', look, signal)
}

/** Shows how old the newest backup is, as far as it is noted; where there is none, since when one is waited for. */
export function observeBackups({ clock, metrics }: Pick<ScheduleParts, 'clock' | 'metrics'>): (age: number) => void {
  const began = clock.now()
  let newest = began
  metrics.observed('backup_age_seconds', 'Since the newest backup', 'gauge', () => (clock.now() - newest) / 1000)
  return (age) => {
    newest = Number.isFinite(age) ? clock.now() - age : began
  }
}

/** In milliseconds; infinite where there is none. */
export async function ageOfNewest(config: Config, now: number): Promise<number> {
  const newest = (await listBackups(backupDirectory(config), config.server_name)).at(-1)
  return newest === undefined ? Infinity : now - (await stat(newest)).mtimeMs
}

async function make(configFiles: readonly string[], signal: AbortSignal): Promise<void> {
  const args = configFiles.flatMap((file) => ['-c', file])
  const child = spawn(process.execPath, [program, 'backup', ...args], { stdio: ['ignore', 'pipe', 'pipe'], signal })
  const ended = once(child, 'exit') as Promise<[number | null]> // its first argument
  const [output, problem, [code]] = await Promise.all([text(child.stdout), text(child.stderr), ended])
  if (code === 0) log.info({ path: output.split('\n')[0] }, 'backup made')
  else log.error({ problem: problem.trim() }, 'backup failed')
}
