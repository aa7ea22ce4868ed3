/**
 * `npm run drill -- D1 [D3…] [--database sqlite|postgres] [--kills N]`: breaks a real server and looks what is left.
 * Prints a JSON line for each drill and database; the exit code is 1 if one fails.
 */
import { parseArgs } from 'node:util'
import { findPostgres, startPostgres } from '../support/postgres.ts'
import { killWhileWriting } from './d1-kill-while-writing.ts'
import { syncBeforeAnswer } from './d2-sync-before-answer.ts'
import { killInCommit } from './d3-kill-in-commit.ts'
import { postgresCrashes } from './d4-postgres-crashes.ts'
import { olderDatabase } from './d5-older-database.ts'
import { oneRoom } from './d6-one-room.ts'
import { diskFull } from './d8-disk-full.ts'
import { storeAway } from './d9-store-away.ts'
import { clockJumps } from './d10-clock-jumps.ts'
import { catchUp } from './d12-catch-up.ts'
import { deadDestinations } from './d13-dead-destinations.ts'
import { outOfMemory } from './d14-out-of-memory.ts'
import { slowReaders } from './d15-slow-readers.ts'
import { thunderingHerd } from './d16-thundering-herd.ts'
import { largeJoin } from './d17-large-join.ts'
import { partialJoin } from './d17b-partial-join.ts'
import { stopAtWork } from './d18-stop-at-work.ts'
import { killInMigrations } from './d21-migrations.ts'
import type { Drill } from './drill.ts'

const drills: Readonly<Record<string, Drill>> = {
  D1: killWhileWriting,
  D2: syncBeforeAnswer,
  D3: killInCommit,
  D4: postgresCrashes,
  D5: olderDatabase,
  D6: oneRoom,
  D8: diskFull,
  D9: storeAway,
  D10: clockJumps,
  D12: catchUp,
  D13: deadDestinations,
  D14: outOfMemory,
  D15: slowReaders,
  D16: thunderingHerd,
  D17: largeJoin,
  D17b: partialJoin,
  D18: stopAtWork,
  D21: killInMigrations,
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { database: { type: 'string', multiple: true }, kills: { type: 'string' } },
})

for (const name of positionals.length > 0 ? positionals : Object.keys(drills)) {
  const drill = drills[name]
  if (!drill) throw new Error(`There is no drill ${name}: there are ${Object.keys(drills).join(', ')}`)
  for (const dialect of values.database ?? ['sqlite', 'postgres']) {
    const databaseUrl = dialect === 'postgres' ? await freshPostgres() : undefined
    const kills = values.kills === undefined ? undefined : Number(values.kills)
    const { pass, figures } = await drill({ databaseUrl, kills })
    process.stdout.write(`${JSON.stringify({ name, database: dialect, pass, figures })}\n`)
    if (!pass) process.exitCode = 1
  }
}

async function freshPostgres(): Promise<string> {
  const bin = findPostgres()
  if (!bin) throw new Error('There is no Postgres here: install the package postgresql, or give --database sqlite')
  return await startPostgres(bin)
}
