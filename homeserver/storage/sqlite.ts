import knexFactory from 'knex'
import type sqlite3 from 'sqlite3'
import { type Connection, type Pool, poolOf, silent, type Value } from './pool.ts'

/** One file, in write-ahead mode, on the disk before a commit is answered. */
export function sqlitePool(filename: string, { size, readOnly }: { size: number; readOnly: boolean }): Pool {
  const pragmas = [
    'pragma busy_timeout = 5000',
    'pragma journal_mode = wal',
    'pragma synchronous = full',
    'pragma foreign_keys = on',
    'pragma journal_size_limit = 67108864',
    'pragma cell_size_check = on',
    'pragma secure_delete = fast', // what was redacted must not stay in free space of pages that are written anyway
    'pragma trusted_schema = off',
    'pragma temp_store = memory',
    ...(readOnly ? ['pragma query_only = on'] : []),
  ]
  const knex = knexFactory({
    client: 'sqlite3',
    log: silent,
    connection: { filename },
    useNullAsDefault: true,
    pool: {
      min: readOnly ? 0 : 1,
      max: size,
      acquireTimeoutMillis: 60_000,
      afterCreate: (raw: sqlite3.Database, done: (error: Error | null, raw: sqlite3.Database) => void) => {
        raw.exec(pragmas.join(';'), (error) => done(error, raw))
      },
    },
  })
  return poolOf<sqlite3.Database>(knex, (raw) => new SqliteConnection(raw))
}

/** Keeps prepared statements: preparing costs more than most of them take to run. */
class SqliteConnection implements Connection {
  static readonly #MAX_STATEMENTS = 256
  /** Longer ones have long lists, of a length that does not come again, and take megabytes. */
  static readonly #MAX_LENGTH = 20_000
  readonly #raw: sqlite3.Database
  readonly #statements = new Map<string, sqlite3.Statement>()

  constructor(raw: sqlite3.Database) {
    this.#raw = raw
  }

  async query(sql: string, bindings: readonly Value[]): Promise<unknown[]> {
    const statement = this.#known(sql) ?? (await this.#prepare(sql))
    return await new Promise((resolve, reject) => {
      statement.all(bindings, (error: Error | null, rows: unknown[]) => (error ? reject(error) : resolve(rows)))
      this.#done(statement, sql)
    })
  }

  async run(sql: string, bindings: readonly Value[]): Promise<number> {
    const statement = this.#known(sql) ?? (await this.#prepare(sql))
    return await new Promise((resolve, reject) => {
      statement.run(bindings, function (this: { changes: number }, error: Error | null) {
        return error ? reject(error) : resolve(this.changes)
      })
      this.#done(statement, sql)
    })
  }

  /** What is not kept ends when it has run: a statement does one thing after the other. */
  #done(statement: sqlite3.Statement, sql: string): void {
    if (sql.length > SqliteConnection.#MAX_LENGTH) statement.finalize()
  }

  async begin(): Promise<void> {
    await this.run('begin immediate', [])
  }

  async commit(): Promise<void> {
    await this.run('commit', [])
  }

  async rollback(): Promise<void> {
    await this.run('rollback', [])
  }

  /** A statement in use becomes the youngest: those that are run once must not push it out. */
  #known(sql: string): sqlite3.Statement | undefined {
    const statement = this.#statements.get(sql)
    if (!statement) return undefined
    this.#statements.delete(sql)
    this.#statements.set(sql, statement)
    return statement
  }

  async #prepare(sql: string): Promise<sqlite3.Statement> {
    const statement = await new Promise<sqlite3.Statement>((resolve, reject) => {
      const prepared = this.#raw.prepare(sql, (error: Error | null) => (error ? reject(error) : resolve(prepared)))
    })
    if (sql.length > SqliteConnection.#MAX_LENGTH) return statement
    this.#statements.set(sql, statement)
    if (this.#statements.size > SqliteConnection.#MAX_STATEMENTS) {
      const [oldest, oldStatement] = this.#statements.entries().next().value ?? []
      if (oldest !== undefined) this.#statements.delete(oldest)
      oldStatement?.finalize()
    }
    return statement
  }
}
