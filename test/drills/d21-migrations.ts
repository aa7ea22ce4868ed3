/** D21: the process dies at every step of every migration of a database with data in it; the next start goes on where it was. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { isDeepStrictEqual } from 'node:util'
import { fileURLToPath } from 'node:url'
import { Database } from '../../homeserver/storage/database.ts'
import { migrate, migrationNames, schemaVersion } from '../../homeserver/storage/migrate.ts'
import { listTables } from '../../homeserver/storage/tables.ts'
import { type Contents, makeOld, only, readAll } from '../migrations/old-database.ts'
import { Client } from '../support/client.ts'
import { Place } from '../support/program.ts'
import { checkConsistency } from './consistency.ts'
import type { DrillOptions, Outcome } from './drill.ts'
import { DrillServer } from './drill-server.ts'
import type { Failpoint } from './failpoints.ts'
import { schemaText } from './schema-text.ts'
import { inRoom } from './writer.ts'

const failpoints = fileURLToPath(new URL('failpoints.ts', import.meta.url))
const migrateOnly = fileURLToPath(new URL('migrate-only.ts', import.meta.url))
/** The first that has accounts: before it nobody can have written anything. */
const FIRST = '0003_accounts.ts'

interface KillInMigrationsOptions extends DrillOptions {
  /** So many of the migrations; else all since there are accounts. */
  readonly last?: number
}

/** `kills` is how often the process dies in each migration at most. */
export async function killInMigrations({
  databaseUrl,
  kills = Infinity,
  last,
}: KillInMigrationsOptions): Promise<Outcome> {
  await using place = await Place.make()
  const url = databaseUrl ?? `sqlite:${place.path('old.db')}`
  const { contents, newest } = await makeContents()
  const names = await migrationNames()
  const first = last === undefined ? names.indexOf(FIRST) + 1 : names.length - last
  const tables = await makeOld(url, first, contents)
  const problems: string[] = []
  let killed = 0
  for (const [index, name] of names.entries()) {
    for (let step = 1; index >= first; step++) {
      const hasDied = step <= kills && (await migrateTo(url, index + 1, { transaction: `migration ${name}`, step }))
      if (!hasDied) {
        await migrateTo(url, index + 1)
        break
      }
      killed++
      await withDatabase(url, async (database) => {
        const version = await schemaVersion(database)
        if (version !== index && version !== index + 1) problems.push(`${name}, step ${step}: schema ${version}`)
      })
      if (await isAt(url, index + 1)) break // it died after its commit
    }
  }
  const found = await withDatabase(url, async (database) => {
    const there = await readAll(database)
    const changed = tables.filter(({ name, columns }) => {
      const [before, after] = [contents.get(name), there.get(name)]
      return !before || !after || !isDeepStrictEqual(only(after, columns), only(before, columns))
    })
    problems.push(...changed.map(({ name }) => `the rows of ${name} are not as they were`))
    const inconsistent = await checkConsistency(database)
    problems.push(...inconsistent)
    return { changedTables: changed.length, inconsistent: inconsistent.length, schema: await schemaText(database) }
  })
  const wanted = url.startsWith('sqlite:') ? newest : await freshSchema(url)
  if (found.schema !== wanted) problems.push('the schema is not that of a new database')
  for (const problem of problems.slice(0, 20)) process.stderr.write(`${problem}\n`)
  const { changedTables, inconsistent } = found
  const figures = {
    migrations: names.length - first,
    killed,
    changedTables,
    inconsistent,
    schemaDiffers: Number(found.schema !== wanted),
  }
  return { name: 'D21', pass: problems.length === 0, figures }
}

/** What a server has after a little use, and the schema it has it in. */
async function makeContents(): Promise<{ contents: Contents; newest: string }> {
  await using server = await DrillServer.make({})
  await server.start()
  const alice = await new Client(server.url).register('alice', 'password of alice')
  const bob = await new Client(server.url).register('bob', 'password of bob')
  for (let n = 0; n < 5; n++) {
    const roomId = await alice.createRoom({ preset: 'public_chat', name: `Room ${n}` })
    await bob.post(inRoom(roomId, 'join'))
    for (let m = 0; m < 20; m++) await bob.send(roomId, `message ${m}`)
    await alice.request('POST', '/_matrix/media/v3/upload', `file ${n}`)
  }
  await server.stop()
  return await withDatabase(server.databaseUrl, async (database) => ({
    contents: await readAll(database),
    newest: await schemaText(database),
  }))
}

/** True if it died. */
async function migrateTo(url: string, schema: number, failpoint?: Failpoint): Promise<boolean> {
  const child = spawn(process.execPath, ['--import', failpoints, migrateOnly, url, String(schema)], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...(failpoint ? { DRILL_FAILPOINT: JSON.stringify(failpoint) } : {}) },
  })
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
  if (code !== 0 && signal !== 'SIGKILL') throw new Error(`The migration ended with ${code ?? signal}`)
  return signal === 'SIGKILL'
}

const isAt = (url: string, schema: number): Promise<boolean> =>
  withDatabase(url, async (database) => (await schemaVersion(database)) === schema)

/** Of the same Postgres, emptied. */
async function freshSchema(url: string): Promise<string> {
  return await withDatabase(url, async (database) => {
    await database.transaction('empty', async (tx) => {
      for (const { name } of (await listTables(tx)).toReversed()) await tx.run(`drop table ${name} cascade`)
      await tx.run('drop table schema_migrations')
    })
    await migrate(database)
    return await schemaText(database)
  })
}

async function withDatabase<Result>(url: string, look: (database: Database) => Promise<Result>): Promise<Result> {
  const database = await Database.open({ url })
  try {
    return await look(database)
  } finally {
    await database.close()
  }
}
