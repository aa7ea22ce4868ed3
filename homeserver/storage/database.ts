/**
 * One database, two dialects. What differs between them is here, in sqlite.ts and in postgres.ts, and nowhere else.
 *
 * Statements are written once, with `?` placeholders, in the SQL both understand: `insert … on conflict … do update`,
 * `returning`, booleans as 0 and 1, structured values as JSON text.
 */
import { AsyncLocalStorage } from 'node:async_hooks'
import { randomInt } from 'node:crypto'
import type { Knex } from 'knex'
import { badJson, DiskFull } from '../core/errors.ts'
import { KeyedLock } from '../platform/keyed-lock.ts'
import { logger } from '../platform/log.ts'
import { noTracing, type SpanOptions, type Tracing } from '../platform/tracing.ts'
import type { Connection, Pool, Value } from './pool.ts'
import { checkPostgres, endAbandoned, postgresPool } from './postgres.ts'
import { sqlitePool } from './sqlite.ts'

export type { Value } from './pool.ts'

export type Dialect = 'sqlite' | 'postgres'

/** A place to read from: the database, or a transaction on it. Store functions take it as their first argument. */
export interface Conn {
  readonly dialect: Dialect
  /** Runs a statement and gives its rows. */
  rows<Row>(sql: string, bindings?: readonly Value[]): Promise<Row[]>
  /** The first row, or undefined. */
  row<Row>(sql: string, bindings?: readonly Value[]): Promise<Row | undefined>
}

/** A running transaction. Asking for it in a signature says: these writes must be atomic with the caller's. */
export interface Tx extends Conn {
  readonly name: string
  /** Runs a writing statement and gives the number of rows it touched. */
  run(sql: string, bindings?: readonly Value[]): Promise<number>
  /** Runs synchronously after the commit, in order: caches first, then the bell. Must not throw. */
  onCommit(fn: () => void): void
  /** Runs synchronously if this try is rolled back. Must not throw. */
  onRollback(fn: () => void): void
}

export interface DatabaseOptions {
  /** `sqlite:PATH` or `postgres://…`. */
  readonly url: string
  readonly password?: string | undefined
  /** Postgres: connections in the pool. */
  readonly poolSize?: number | undefined
  /** Hears of each transaction. */
  readonly tracing?: Tracing
}

const log = logger('database')

const MAX_TRIES = 5
/** SQLite allows 32,766 bound values in a statement, Postgres 65,535. */
const MAX_BINDINGS = 30_000
/** Of one statement that inserts: more would cost memory and save no time, as this one is prepared once. */
const MAX_INSERTED = 5_000

export class Database implements Conn, AsyncDisposable {
  readonly dialect: Dialect
  readonly #writers: Pool
  readonly #readers: Pool
  readonly #tracing: Tracing
  readonly #traced: SpanOptions
  readonly #running = new AsyncLocalStorage<{ readonly name: string }>()
  /** SQLite: the one writing connection is handed from transaction to transaction. */
  #lastWrite: Promise<unknown> = Promise.resolve()
  #waitingWriters = 0
  #diskIsFull = false
  /** Postgres: transactions of one name that got into each other's way go one after the other. */
  readonly #queues = new KeyedLock({ name: 'transactions named' })

  private constructor(
    dialect: Dialect,
    { writers, readers, tracing = noTracing }: { writers: Pool; readers: Pool; tracing?: Tracing | undefined },
  ) {
    this.dialect = dialect
    this.#writers = writers
    this.#readers = readers
    this.#tracing = tracing
    const system = dialect === 'sqlite' ? 'sqlite' : 'postgresql'
    this.#traced = { kind: 'client', attributes: { 'db.system.name': system } }
  }

  /** Opens the database and refuses one we could not be safe on, such as a Postgres database sorted by a locale. */
  static async open(options: DatabaseOptions): Promise<Database> {
    const { tracing } = options
    if (options.url.startsWith('sqlite:')) {
      const filename = options.url.slice('sqlite:'.length)
      const writers = sqlitePool(filename, { size: 1, readOnly: false })
      const readers = sqlitePool(filename, { size: 3, readOnly: true })
      const opened = new Database('sqlite', { writers, readers, tracing })
      await opened.transaction('make the file', () => Promise.resolve()) // a reader cannot make it
      return opened
    }
    const pool = postgresPool(options)
    const opened = new Database('postgres', { writers: pool, readers: pool, tracing })
    try {
      await checkPostgres(opened)
    } catch (error) {
      await opened.close()
      throw error
    }
    return opened
  }

  /** For migrations alone. */
  get knex(): Knex {
    return this.#writers.knex
  }

  /** Makes sure that no transaction of a process that was killed can still commit. On SQLite they died with it. */
  async takeOver(): Promise<void> {
    if (this.dialect === 'postgres') await endAbandoned(this)
  }

  /** How many transactions wait for the writing connection (SQLite). */
  get waitingWriters(): number {
    return this.#waitingWriters
  }

  async rows<Row>(sql: string, bindings: readonly Value[] = []): Promise<Row[]> {
    this.#refuseInsideTransaction('a read outside of it')
    refuseNul(bindings)
    const connection = await this.#readers.acquire()
    try {
      return (await connection.query(sql, bindings)) as Row[]
    } finally {
      this.#readers.release(connection)
    }
  }

  async row<Row>(sql: string, bindings: readonly Value[] = []): Promise<Row | undefined> {
    return (await this.rows<Row>(sql, bindings))[0]
  }

  /**
   * Runs `fn` in a transaction and gives its result after the commit. `fn` may run again after a serialization failure, a
   * row that is there already, a deadlock or a busy database, so its outside effects belong in `tx.onCommit`. Nested
   * transactions throw.
   */
  async transaction<T>(name: string, fn: (tx: Tx) => Promise<T>): Promise<T> {
    this.#refuseInsideTransaction(`transaction '${name}'`)
    return await this.#tracing.span(name, this.#traced, () =>
      this.dialect === 'postgres' ? this.#concurrently(name, fn) : this.#inTurn(name, fn),
    )
  }

  async #inTurn<T>(name: string, fn: (tx: Tx) => Promise<T>): Promise<T> {
    const previous = this.#lastWrite
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#lastWrite = promise
    this.#waitingWriters++
    try {
      await previous
      return await this.#attempt(name, fn)
    } finally {
      this.#waitingWriters--
      resolve()
    }
  }

  async close(): Promise<void> {
    await this.#lastWrite
    await this.#readers.close()
    if (this.#writers !== this.#readers) await this.#writers.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #concurrently<T>(name: string, fn: (tx: Tx) => Promise<T>): Promise<T> {
    if (!this.#queues.isHeld(name)) {
      try {
        return await this.#attempt(name, fn, 1)
      } catch (error) {
        if (!isTransient(error)) throw error
      }
    }
    return await this.#queues.run(name, () => this.#attempt(name, fn))
  }

  async #attempt<T>(name: string, fn: (tx: Tx) => Promise<T>, maxTries = MAX_TRIES): Promise<T> {
    for (let tries = 1; ; tries++) {
      const connection = await this.#writers.acquire()
      const tx = new Transaction(name, this.dialect, connection)
      try {
        await connection.begin()
        const result = await this.#running.run({ name }, () => fn(tx))
        await connection.commit()
        tx.end({ committed: true })
        this.#diskIsFull = false
        return result
      } catch (error) {
        await connection.rollback().catch(() => undefined) // the connection may be gone, and the transaction with it
        tx.end({ committed: false })
        if (isDiskFull(error)) throw this.#full(name, error)
        if (tries >= maxTries || !isTransient(error)) throw error
      } finally {
        this.#writers.release(connection)
      }
      await new Promise((resolve) => setTimeout(resolve, randomInt(20 * tries)))
    }
  }

  /** Whoever runs the server is told once, until something can be written again. */
  #full(name: string, error: unknown): DiskFull {
    if (!this.#diskIsFull) log.error({ transaction: name, error }, 'the disk of the database is full')
    this.#diskIsFull = true
    return new DiskFull('The disk of the database is full', { cause: error })
  }

  #refuseInsideTransaction(what: string): void {
    const running = this.#running.getStore()
    if (running) throw new Error(`${what} inside transaction '${running.name}': use its tx`)
  }
}

class Transaction implements Tx {
  readonly name: string
  readonly dialect: Dialect
  readonly #connection: Connection
  readonly #onCommit: (() => void)[] = []
  readonly #onRollback: (() => void)[] = []
  #over = false

  constructor(name: string, dialect: Dialect, connection: Connection) {
    this.name = name
    this.dialect = dialect
    this.#connection = connection
  }

  async rows<Row>(sql: string, bindings: readonly Value[] = []): Promise<Row[]> {
    this.#refuseWhenOver()
    refuseNul(bindings)
    return (await this.#connection.query(sql, bindings)) as Row[]
  }

  async row<Row>(sql: string, bindings: readonly Value[] = []): Promise<Row | undefined> {
    return (await this.rows<Row>(sql, bindings))[0]
  }

  async run(sql: string, bindings: readonly Value[] = []): Promise<number> {
    this.#refuseWhenOver()
    refuseNul(bindings)
    return await this.#connection.run(sql, bindings)
  }

  onCommit(fn: () => void): void {
    this.#onCommit.push(fn)
  }

  onRollback(fn: () => void): void {
    this.#onRollback.push(fn)
  }

  end({ committed }: { committed: boolean }): void {
    this.#over = true
    for (const fn of committed ? this.#onCommit : this.#onRollback) fn()
  }

  #refuseWhenOver(): void {
    if (this.#over) throw new Error(`transaction '${this.name}' is over`)
  }
}

/** Inserts many rows in few statements. `conflict` is the rest of the statement: `on conflict … do …`. */
export async function insertMany(
  tx: Tx,
  table: string,
  columns: readonly string[],
  rows: readonly (readonly Value[])[],
  conflict = '',
): Promise<void> {
  const perStatement = Math.floor(MAX_INSERTED / columns.length)
  const tuple = `(${columns.map(() => '?').join(', ')})`
  for (let from = 0; from < rows.length; from += perStatement) {
    const chunk = rows.slice(from, from + perStatement)
    const tuples = chunk.map(() => tuple).join(', ')
    await tx.run(`insert into ${table} (${columns.join(', ')}) values ${tuples} ${conflict}`, chunk.flat())
  }
}

/** Reads by a list of any length: `sql` has one `(?)`, which becomes the list; `before` and `after` bind around it. */
export async function rowsIn<Row>(
  conn: Conn,
  sql: string,
  list: readonly Value[],
  { before = [], after = [] }: { before?: readonly Value[]; after?: readonly Value[] } = {},
): Promise<Row[]> {
  const found: Row[] = []
  for (let from = 0; from < list.length; from += MAX_BINDINGS) {
    const chunk = list.slice(from, from + MAX_BINDINGS)
    const text = sql.replace('(?)', `(${chunk.map(() => '?').join(',')})`)
    const rows = await conn.rows<Row>(text, [...before, ...chunk, ...after])
    for (const row of rows) found.push(row)
  }
  return found
}

/** Escapes text for use within a `like` pattern that ends in `escape '\'`. */
export function escapeLike(text: string): string {
  return text.replace(/[\\%_]/g, '\\$&')
}

/** Postgres keeps no U+0000 in a text. What one engine refuses, the other one refuses in the same words (T08). */
function refuseNul(bindings: readonly Value[]): void {
  for (const value of bindings) {
    if (typeof value === 'string' && value.includes('\0')) throw badJson('A name or an id holds U+0000')
  }
}

/** Codes of what may not happen again: on Postgres also a row that was not there when it was looked for. */
const transient: ReadonlySet<unknown> = new Set(['40001', '40P01', '23505', 'SQLITE_BUSY'])

const full: ReadonlySet<unknown> = new Set(['SQLITE_FULL', '53100'])

function isDiskFull(error: unknown): boolean {
  return full.has((error as { code?: unknown }).code)
}

function isTransient(error: unknown): boolean {
  return transient.has((error as { code?: unknown }).code)
}
