/** Empty databases for tests, on SQLite and on Postgres. Each test file loses its own when it is through. */
import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe } from '@jest/globals'
import pg from 'pg'
import { Database } from '../../homeserver/storage/database.ts'
import { migrate } from '../../homeserver/storage/migrate.ts'

export type Dialect = 'sqlite' | 'postgres'

const { TEST_PG: givenPostgres, TEST_PG_OFFER: offer } = process.env

/** Why there is no Postgres for this run, or undefined if there is. */
export const postgresMissing =
  givenPostgres || offer ? undefined : 'no Postgres: install the package postgresql or set TEST_PG'

const leftovers: (() => Promise<unknown>)[] = []
afterAll(() => Promise.all(leftovers.splice(0).map((remove) => remove())))

/** The URL of a new and empty database, in the form of the setting `database.url`. */
export async function freshDatabaseUrl(dialect: Dialect): Promise<string> {
  return dialect === 'sqlite' ? await freshSqlite() : await freshPostgres()
}

/**
 * Declares the same tests for each database. Where there is no Postgres its tests are skipped, and their name says why.
 *
 *     forEachDatabase(({ freshUrl }) => {
 *       test('…', async () => { const url = await freshUrl() … })
 *     })
 */
export function forEachDatabase(
  declare: (database: { readonly dialect: Dialect; readonly freshUrl: () => Promise<string> }) => void,
): void {
  for (const dialect of ['sqlite', 'postgres'] as const) {
    const missing = dialect === 'postgres' ? postgresMissing : undefined
    const group = missing ? describe.skip : describe
    group(missing ? `on ${dialect} (${missing})` : `on ${dialect}`, () => {
      declare({ dialect, freshUrl: () => freshDatabaseUrl(dialect) })
    })
  }
}

/** A new database with all tables. */
export async function openMigrated(url: string): Promise<Database> {
  const database = await Database.open({ url })
  await migrate(database)
  return database
}

/** Every row of every table as text. */
export async function dumpOf(url: string): Promise<string> {
  const database = await Database.open({ url })
  const tables = await database.rows<{ name: string }>(
    database.dialect === 'sqlite'
      ? `select name from sqlite_schema where type = 'table'`
      : `select table_name as name from information_schema.tables where table_schema = current_schema()`,
  )
  const rows = await Promise.all(tables.map(({ name }) => database.rows(`select * from ${name}`)))
  await database.close()
  return JSON.stringify(rows)
}

async function freshSqlite(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'domovoi-sqlite-'))
  leftovers.push(() => rm(directory, { recursive: true, force: true }))
  return `sqlite:${join(directory, 'test.db')}`
}

async function freshPostgres(): Promise<string> {
  const server = await postgresUrl()
  const name = `test_${randomUUID().replaceAll('-', '')}`
  await onPostgres(server, `create database ${name} template template0 encoding 'UTF8' lc_collate 'C' lc_ctype 'C'`)
  leftovers.push(() => onPostgres(server, `drop database ${name} with (force)`))
  return server.replace(/^(postgres(?:ql)?:\/\/[^/?]*)[^?]*/, `$1/${name}`)
}

/** Of a database where we may make others. */
async function postgresUrl(): Promise<string> {
  if (givenPostgres) return givenPostgres
  if (!offer) throw new Error(postgresMissing)
  const answer = await fetch(offer)
  const text = await answer.text()
  if (!answer.ok) throw new Error(text)
  return text
}

async function onPostgres(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(statement)
  } finally {
    await client.end()
  }
}
