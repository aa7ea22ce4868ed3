import { randomUUID } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import knexFactory from 'knex'
import pg from 'pg'
import type { Conn, DatabaseOptions } from './database.ts'
import { type Connection, type Pool, poolOf, silent, type Value } from './pool.ts'

// Stream positions, sizes and timestamps stay below 2^53.
pg.types.setTypeParser(pg.types.builtins.INT8, Number)

/** Tells the connections of this process from those of others. */
const applicationName = `domovoi ${randomUUID()}`

type PostgresOptions = Pick<DatabaseOptions, 'url' | 'password' | 'poolSize'>

export function postgresPool({ url, password, poolSize = 10 }: PostgresOptions): Pool {
  const connection = {
    connectionString: url,
    ...(password === undefined ? {} : { password }),
    application_name: applicationName,
    keepAlive: true,
    connectionTimeoutMillis: 5_000,
    statement_timeout: 60_000,
    idle_in_transaction_session_timeout: 60_000,
  }
  const knex = knexFactory({
    client: 'pg',
    log: silent,
    connection,
    pool: { min: 0, max: poolSize, acquireTimeoutMillis: 10_000 },
  })
  const closing = new AbortController()
  const isCommitted = (transaction: number): Promise<boolean> =>
    outcomeOf(transaction, () => new pg.Client(connection), closing.signal)
  const pool = poolOf<pg.Client>(knex, (raw) => new PostgresConnection(raw, isCommitted))
  return {
    ...pool,
    close: async () => {
      closing.abort()
      await pool.close()
    },
  }
}

class PostgresConnection implements Connection {
  readonly #raw: pg.Client
  readonly #isCommitted: (transaction: number) => Promise<boolean>
  /** What Postgres calls the transaction that runs. */
  #transaction = 0

  constructor(raw: pg.Client, isCommitted: (transaction: number) => Promise<boolean>) {
    this.#raw = raw
    this.#isCommitted = isCommitted
  }

  async query(sql: string, bindings: readonly Value[]): Promise<unknown[]> {
    return (await this.#raw.query(numbered(sql), bindings as Value[])).rows
  }

  async run(sql: string, bindings: readonly Value[]): Promise<number> {
    return (await this.#raw.query(numbered(sql), bindings as Value[])).rowCount ?? 0
  }

  async begin(): Promise<void> {
    const text = 'begin isolation level repeatable read; select txid_current() as id'
    // Of several statements in one text there are several results.
    const [, begun] = (await this.#raw.query(text)) as unknown as readonly pg.QueryResult<{ id: number }>[]
    this.#transaction = begun?.rows[0]?.id ?? 0
  }

  async commit(): Promise<void> {
    let command: string
    try {
      command = (await this.#raw.query('commit')).command
    } catch (error) {
      // The connection may have broken before Postgres heard of it, or after.
      if (await this.#isCommitted(this.#transaction)) return
      throw error
    }
    if (command !== 'COMMIT') throw new Error('a transaction went on after a statement of it had failed')
  }

  async rollback(): Promise<void> {
    await this.#raw.query('rollback')
  }
}

const ASK_AGAIN_MS = 200

/**
 * Whether a transaction was committed whose connection broke. Asks until Postgres answers: as long as that is not known
 * nobody can say where the streams stand. Rejects when the pool closes.
 */
async function outcomeOf(transaction: number, connect: () => pg.Client, closing: AbortSignal): Promise<boolean> {
  for (;;) {
    const status = await statusOf(transaction, connect())
    if (status === 'committed') return true
    if (status !== undefined && status !== 'in progress') return false
    await pause(ASK_AGAIN_MS, undefined, { signal: closing })
  }
}

/** Undefined while Postgres does not answer. */
async function statusOf(transaction: number, client: pg.Client): Promise<string | undefined> {
  client.on('error', () => undefined) // whoever asks is told by the rejection
  try {
    await client.connect()
    const { rows } = await client.query<{ status: string | null }>('select txid_status($1) as status', [transaction])
    return rows[0]?.status ?? 'unknown'
  } catch (error) {
    return (error as { code?: unknown }).code === invalidParameter ? 'unknown' : undefined
  } finally {
    await client.end().catch(() => undefined)
  }
}

/** Of a transaction that this Postgres has never heard of, as after a fail-over to one that lagged behind. */
const invalidParameter = '22023'

/** `?` placeholders as Postgres wants them: `$1`, `$2`, … None of our statements has a question mark in a literal. */
function numbered(sql: string): string {
  let n = 0
  return sql.replace(/\?/g, () => `$${++n}`)
}

const PATIENCE_MS = 10_000

/**
 * Ends the transactions that a killed process left on their way, and resolves when there are none: a commit that came now
 * would add rows below positions that are counted from the tables.
 */
export async function endAbandoned(conn: Conn): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS
  for (;;) {
    const others = await conn.rows<{ ended: boolean }>(
      `select pg_terminate_backend(pid) as ended from pg_stat_activity
        where datname = current_database() and application_name like 'domovoi %' and application_name <> ?
          and state <> 'idle'`,
      [applicationName],
    )
    if (others.length === 0) return
    if (performance.now() > deadline) throw new Error('another process of this server is at work on the database')
    await pause(20)
  }
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
