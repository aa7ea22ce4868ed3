import knexFactory from 'knex'
import pg from 'pg'
import type { Conn, DatabaseOptions } from './database.ts'
import { type Connection, type Pool, poolOf, silent, type Value } from './pool.ts'

// Stream positions, sizes and timestamps stay below 2^53.
pg.types.setTypeParser(pg.types.builtins.INT8, Number)

type PostgresOptions = Pick<DatabaseOptions, 'url' | 'password' | 'poolSize'>

export function postgresPool({ url, password, poolSize = 10 }: PostgresOptions): Pool {
  const knex = knexFactory({
    client: 'pg',
    log: silent,
    connection: {
      connectionString: url,
      ...(password === undefined ? {} : { password }),
      keepAlive: true,
      connectionTimeoutMillis: 5_000,
      statement_timeout: 60_000,
      idle_in_transaction_session_timeout: 60_000,
    },
    pool: { min: 0, max: poolSize, acquireTimeoutMillis: 10_000 },
  })
  return poolOf<pg.Client>(knex, (raw) => new PostgresConnection(raw))
}

class PostgresConnection implements Connection {
  readonly #raw: pg.Client

  constructor(raw: pg.Client) {
    this.#raw = raw
  }

  async query(sql: string, bindings: readonly Value[]): Promise<unknown[]> {
    return (await this.#raw.query(numbered(sql), bindings as Value[])).rows
  }

  async run(sql: string, bindings: readonly Value[]): Promise<number> {
    return (await this.#raw.query(numbered(sql), bindings as Value[])).rowCount ?? 0
  }
}

/** `?` placeholders as Postgres wants them: `$1`, `$2`, … None of our statements has a question mark in a literal. */
function numbered(sql: string): string {
  let n = 0
  return sql.replace(/\?/g, () => `$${++n}`)
}

/** Throws for a database that sorts by a locale: its indexes break when the locale's rules change. */
export async function checkPostgres(conn: Conn): Promise<void> {
  const found = await conn.row<{ encoding: string; collation: string }>(
    `select pg_encoding_to_char(encoding) as encoding, datcollate as collation
       from pg_database where datname = current_database()`,
  )
  if (found?.encoding === 'UTF8' && ['C', 'C.UTF-8', 'C.utf8', 'POSIX'].includes(found.collation)) return
  throw new Error(
    `The Postgres database must have encoding UTF8 and collation C, not ${found?.encoding} and ${found?.collation}. ` +
      'Make it with: createdb --encoding=UTF8 --locale=C --template=template0 NAME',
  )
}
