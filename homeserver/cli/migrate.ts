import { lockDataDir, makeDataDir } from '../installation.ts'
import { openDatabase } from '../open-database.ts'
import { migrate, pendingStatements } from '../storage/migrate.ts'
import type { Command } from './command.ts'

export const migrateCommand: Command = {
  usage: '[--dry-run]',
  help: `Brings the database to the schema of this release, which the server also does when it starts.
--dry-run prints the statements that would be run, and changes nothing.
Refuses while a server works in the data directory.`,
  options: { 'dry-run': { type: 'boolean' } },
  async run({ values, config, print }) {
    const settings = config()
    const dryRun = values['dry-run'] === true
    if (!dryRun) await makeDataDir(settings)
    using _lock = dryRun ? undefined : lockDataDir(settings)
    const database = await openDatabase(settings)
    try {
      if (dryRun) for (const statement of await pendingStatements(database)) print(`${statement.trim()};\n`)
      const { from, to, applied } = await migrate(database, { dryRun })
      if (applied.length === 0) print(`Nothing to do: the database has schema ${to}`)
      else print(`Schema ${from} → ${to}${dryRun ? ' would be reached by' : ':'} ${applied.join(', ')}`)
    } finally {
      await database.close()
    }
  },
}
