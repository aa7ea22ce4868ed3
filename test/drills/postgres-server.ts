/** A Postgres of a drill's own, to be stopped and started again. Unlike that of the tests it keeps what it committed. */
import { execFile } from 'node:child_process'
import { chown, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { findPostgres, NOBODY } from '../support/postgres.ts'

const run = promisify(execFile)

export class PostgresServer implements AsyncDisposable {
  readonly #bin: string
  readonly #folder: string

  private constructor(bin: string, folder: string) {
    this.#bin = bin
    this.#folder = folder
  }

  /** Resolves when it answers, with an empty database. */
  static async start(): Promise<PostgresServer> {
    const bin = findPostgres()
    if (!bin) throw new Error('There is no Postgres here: install the package postgresql')
    const folder = await mkdtemp(join(tmpdir(), 'domovoi-drill-postgres-'))
    if (process.getuid?.() === 0) await chown(folder, NOBODY, NOBODY)
    const server = new PostgresServer(bin, folder)
    await server.#run('initdb', '--username=postgres', '--auth=trust', '--encoding=UTF8', '--locale=C', '--no-sync')
    await server.start()
    return server
  }

  /** As the setting `database.url`. */
  get url(): string {
    return `postgres://postgres@/postgres?host=${encodeURIComponent(this.#folder)}`
  }

  async start(): Promise<void> {
    const options = `-k ${this.#folder} -c listen_addresses= -c max_connections=100`
    await this.#run('pg_ctl', 'start', '--wait', `--log=${join(this.#folder, 'log')}`, `--options=${options}`)
  }

  /** As if it were killed: all connections break, and nobody is told. */
  async crash(): Promise<void> {
    await this.#run('pg_ctl', 'stop', '--mode=immediate')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.crash().catch(() => undefined) // it may not run
    await rm(this.#folder, { recursive: true, force: true })
  }

  async #run(program: string, ...args: readonly string[]): Promise<void> {
    const asNobody = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {}
    const given = [`--pgdata=${join(this.#folder, 'data')}`, ...args]
    await run(join(this.#bin, program), given, { cwd: this.#folder, ...asNobody })
  }
}
