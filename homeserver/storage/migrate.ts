/** Brings the schema to the version this code wants: forward only, in order, each migration in a transaction of its own. */
import { readdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { Conn, Database, Dialect, Tx } from './database.ts'

/** What a file in migrations/ exports. `up` gives its statements in order; both dialects run them in the same test. */
interface Migration {
  readonly up: (dialect: Dialect) => readonly string[]
}

export interface MigrationReport {
  readonly from: number
  readonly to: number
  readonly applied: readonly string[]
}

/** The database was written by a newer release; nothing has been changed. */
export class NewerSchemaError extends Error {
  override name = 'NewerSchemaError'
}

const folder = new URL('../../migrations/', import.meta.url)

/** Applies what is missing. With `dryRun` it only tells what it would apply, with `upTo` it stops at that schema. Throws `NewerSchemaError` and changes nothing if the schema is ahead. */
export async function migrate(
  database: Database,
  { dryRun = false, upTo }: { dryRun?: boolean; upTo?: number } = {},
): Promise<MigrationReport> {
  const names = await migrationNames()
  const from = await schemaVersion(database)
  if (from > names.length) {
    throw new NewerSchemaError(
      `The database has schema ${from}, this release knows only ${names.length}: use the newer release, or restore a backup`,
    )
  }
  const missing = names.slice(from, upTo)
  if (!dryRun) for (const [index, name] of missing.entries()) await apply(database, name, from + index + 1)
  return { from, to: names.length, applied: missing }
}

/** The statements of the migrations still to come, for `migrate --dry-run`. */
export async function pendingStatements(database: Database): Promise<readonly string[]> {
  const names = (await migrationNames()).slice(await schemaVersion(database))
  const migrations = await Promise.all(names.map(load))
  return migrations.flatMap((migration) => migration.up(database.dialect))
}

/** 0 for an empty database. */
export async function schemaVersion(database: Database): Promise<number> {
  const exists = await database.row(
    database.dialect === 'sqlite'
      ? `select 1 from sqlite_schema where name = 'schema_migrations'`
      : `select 1 from information_schema.tables where table_name = 'schema_migrations' and table_schema = current_schema()`,
  )
  if (!exists) return 0
  const row = await database.row<{ version: number | null }>('select max(version) as version from schema_migrations')
  return row?.version ?? 0
}

/** The migrations that made this database, in their order. */
export async function appliedMigrations(conn: Conn): Promise<string[]> {
  const rows = await conn.rows<{ name: string }>('select name from schema_migrations order by version')
  return rows.map(({ name }) => name)
}

async function apply(database: Database, name: string, version: number): Promise<void> {
  const migration = await load(name)
  await database.transaction(`migration ${name}`, async (tx: Tx) => {
    await tx.run('create table if not exists schema_migrations (version bigint primary key, name text not null)')
    for (const statement of migration.up(tx.dialect)) await tx.run(statement)
    await tx.run('insert into schema_migrations (version, name) values (?, ?)', [version, name])
  })
}

async function load(name: string): Promise<Migration> {
  return (await import(new URL(name, folder).href)) as Migration
}

/** All there are, in their order. */
export async function migrationNames(): Promise<string[]> {
  const files = await readdir(fileURLToPath(folder))
  return files.filter((file) => /^\d{4}_[a-z0-9_]+\.ts$/.test(file)).toSorted()
}
