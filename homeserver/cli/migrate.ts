import { makeBackup, passphraseOf } from '../backup/make.ts'
import { backupDirectory } from '../backup/place.ts'
import { configFiles } from '../config/files.ts'
import type { Config } from '../config/schema.ts'
import { lockDataDir, makeDataDir } from '../installation.ts'
import { openDatabase } from '../open-database.ts'
import { systemClock as clock } from '../platform/clock.ts'
import { migrate, pendingStatements } from '../storage/migrate.ts'
import type { Command } from './command.ts'

export const migrateCommand: Command = {
  usage: '[--dry-run] [--no-backup]',
  help: `Brings the database to the schema of this release, which the server also does when it starts.
A backup is made first where there is something to lose.

  --dry-run     prints the statements that would be run, and changes nothing
  --no-backup   does without

Refuses while a server works in the data directory.`,
  options: { 'dry-run': { type: 'boolean' }, 'no-backup': { type: 'boolean' } },
  async run({ values, config, print }) {
    const settings = config()
    const dryRun = values['dry-run'] === true
    if (!dryRun) await makeDataDir(settings)
    using _lock = dryRun ? undefined : lockDataDir(settings)
    if (!dryRun && values['no-backup'] !== true) await backUp(settings, filesOf(values['config']), print)
    await using database = await openDatabase(settings)
    if (dryRun) for (const statement of await pendingStatements(database)) print(`${statement.trim()};\n`)
    const { from, to, applied } = await migrate(database, { dryRun })
    if (applied.length === 0) print(`Nothing to do: the database has schema ${to}`)
    else print(`Schema ${from} → ${to}${dryRun ? ' would be reached by' : ':'} ${applied.join(', ')}`)
  },
}

const filesOf = (named: unknown): readonly string[] => configFiles(Array.isArray(named) ? named.map(String) : undefined)

/** Nothing is done where nothing would change, or nothing is there. */
async function backUp(config: Config, files: readonly string[], print: (text: string) => void): Promise<void> {
  {
    await using database = await openDatabase(config)
    const { from, applied } = await migrate(database, { dryRun: true })
    if (from === 0 || applied.length === 0) return
  }
  const passphrase = await passphraseOf(config)
  const { path } = await makeBackup({
    config,
    configFiles: files,
    directory: backupDirectory(config),
    passphrase,
    clock,
  })
  print(`${path} made, to go back to`)
}
