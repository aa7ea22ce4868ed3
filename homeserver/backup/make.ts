/** Makes one archive of everything that cannot be made again, while the server works. */
import { createHash, randomUUID } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, mkdtemp, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import type { Config } from '../config/schema.ts'
import { signingKeyFile } from '../installation.ts'
import { openDatabase } from '../open-database.ts'
import type { Clock } from '../platform/clock.ts'
import { version } from '../platform/version.ts'
import { type Conn, Database } from '../storage/database.ts'
import { listStoredMedia } from '../storage/media-list.ts'
import { appliedMigrations } from '../storage/migrate.ts'
import { listTables, readTable, type Table } from '../storage/tables.ts'
import { FORMAT, MANIFEST, type Manifest, skippedTables } from './manifest.ts'
import { seal } from './seal.ts'
import { end, header, padding } from './tar.ts'

export interface BackupOptions {
  readonly config: Config
  /** Files of settings, which go into the archive as they are. */
  readonly configFiles: readonly string[]
  readonly directory: string
  readonly passphrase: string | undefined
  readonly clock: Clock
}

export interface Backup {
  readonly path: string
  readonly manifest: Manifest
}

const MEDIA_AT_ONCE = 500

/** The archive is under its name when it is whole and on the disk. */
export async function makeBackup({
  config,
  configFiles,
  directory,
  passphrase,
  clock,
}: BackupOptions): Promise<Backup> {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  const work = await mkdtemp(join(directory, '.partial-'))
  try {
    await using database = await openSnapshot(config, work)
    const partial = join(work, 'archive')
    const archive = new Archive({ config, configFiles, work, now: clock.now() })
    const manifest = await database.transaction('backup', async (tx) => {
      const file = createWriteStream(partial, { mode: 0o600 })
      const [rows, pack] = [archive.write(tx), createGzip({ level: 3 })]
      if (passphrase === undefined) await pipeline(rows, pack, file)
      else await pipeline(rows, pack, (packed: AsyncIterable<Buffer>) => seal(packed, passphrase), file)
      return archive.manifest
    })
    await sync(partial)
    const path = join(directory, nameOf(config, clock.now(), passphrase !== undefined))
    await rename(partial, path)
    await sync(directory)
    return { path, manifest }
  } finally {
    await rm(work, { recursive: true, force: true })
  }
}

const nameOf = ({ server_name: server }: Config, now: number, isSealed: boolean): string =>
  `${prefixOf(server)}${new Date(now).toISOString().replaceAll(/[-:]|\.\d+/g, '')}.tar.gz${isSealed ? '.sealed' : ''}`

const prefixOf = (server: string): string => `domovoi-${server.replaceAll(/[^\w.-]/g, '_')}-`

/** The backups of this server in a directory, the oldest first. */
export async function listBackups(directory: string, server: string): Promise<string[]> {
  const names = await readdir(directory).catch(() => [] as string[])
  return names
    .filter((name) => isBackupOf(server, name))
    .toSorted()
    .map((name) => join(directory, name))
}

/** Whether a file of this name is a backup of the server. */
export const isBackupOf = (server: string, name: string): boolean =>
  isBackupName(name) && name.startsWith(prefixOf(server)) && !name.slice(prefixOf(server).length).includes('-')

/** Whether a file of this name is a backup of any server. */
export const isBackupName = (name: string): boolean => /^domovoi-[\w.-]+-\d{8}T\d{6}Z\.tar\.gz(?:\.sealed)?$/.test(name)

/** Keeps the newest, and gives what it has removed. */
export async function pruneBackups(directory: string, server: string, keep: number): Promise<string[]> {
  const old = (await listBackups(directory, server)).slice(0, -keep)
  for (const path of old) await rm(path)
  return old
}

/**
 * What to read from: on Postgres the database itself, in one repeatable-read transaction; on SQLite a copy made by `vacuum
 * into`, which waits for nobody and keeps nobody waiting. Rows are read by statements and not by `pg_dump`, so that a backup
 * of either database can be restored, and compared, on either.
 */
async function openSnapshot(config: Config, work: string): Promise<Database> {
  const { url } = config.database
  if (!url.startsWith('sqlite:')) return await openDatabase(config)
  const copy = join(work, 'copy.db')
  const file = url.slice('sqlite:'.length)
  await stat(file) // else SQLite would make it
  const source = new DatabaseSync(file)
  try {
    source.exec('pragma busy_timeout = 30000')
    source.prepare('vacuum into ?').run(copy)
  } finally {
    source.close()
  }
  const database = await Database.open({ url: `sqlite:${copy}` })
  const [found] = await database.rows<{ integrity_check: string }>('pragma integrity_check(1)')
  if (found?.integrity_check === 'ok') return database
  await database.close()
  throw new Error(`the database is damaged: ${found?.integrity_check}`)
}

interface Digest {
  readonly size: number
  readonly sha256: string
}

class Archive {
  readonly manifest: Manifest
  readonly #config: Config
  readonly #configFiles: readonly string[]
  readonly #work: string

  constructor(parts: { config: Config; configFiles: readonly string[]; work: string; now: number }) {
    this.#config = parts.config
    this.#configFiles = parts.configFiles
    this.#work = parts.work
    this.manifest = {
      format: FORMAT,
      version,
      server_name: parts.config.server_name,
      dialect: parts.config.database.url.startsWith('sqlite:') ? 'sqlite' : 'postgres',
      created_ts: parts.now,
      migrations: [],
      tables: {},
      files: {},
      media: parts.config.media.store === 'disk' ? 'included' : 'elsewhere',
    }
  }

  async *write(conn: Conn): AsyncGenerator<Buffer, void> {
    this.manifest.migrations.push(...(await appliedMigrations(conn)))
    for (const table of await listTables(conn)) {
      if (!skippedTables.some((pattern) => pattern.test(table.name))) yield* this.#table(conn, table)
    }
    yield* this.#file('data/signing.key', signingKeyFile(this.#config))
    yield* this.#secrets()
    for (const [n, file] of this.#configFiles.entries()) yield* this.#file(`config/${n}.yaml`, file)
    if (this.manifest.media === 'included') yield* this.#media(conn)
    const text = Buffer.from(JSON.stringify(this.manifest, null, 2))
    yield header({ name: MANIFEST, size: text.length }, this.manifest.created_ts)
    yield text
    yield padding(text.length)
    yield end()
  }

  async *#table(conn: Conn, table: Table): AsyncGenerator<Buffer, void> {
    const path = join(this.#work, `rows-${randomUUID()}`)
    let rows = 0
    await pipeline(async function* () {
      yield `${JSON.stringify(table.columns)}\n`
      for await (const batch of readTable(conn, table)) {
        rows += batch.length
        yield batch.map((row) => `${JSON.stringify(row)}\n`).join('')
      }
    }, createWriteStream(path))
    const digest = yield* this.#content(`database/${table.name}.ndjson`, path)
    if (digest) this.manifest.tables[table.name] = { ...digest, rows }
    await rm(path)
  }

  async *#secrets(): AsyncGenerator<Buffer, void> {
    const directory = join(this.#config.data_dir, 'secrets')
    const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => [])
    for (const entry of entries) {
      if (!entry.isFile()) continue
      const path = join(entry.parentPath, entry.name)
      yield* this.#file(`data/secrets/${relative(directory, path)}`, path)
    }
  }

  /** What people uploaded here. Copies from other servers come again, thumbnails are made again. */
  async *#media(conn: Conn): AsyncGenerator<Buffer, void> {
    for (let after = '', more = true; more;) {
      const keys = await listStoredMedia(conn, { after, limit: MEDIA_AT_ONCE })
      for (const key of keys) {
        yield* this.#file(`media/${key}`, join(this.#config.media.path, key.slice(0, 2), key))
      }
      after = keys.at(-1) ?? ''
      more = keys.length === MEDIA_AT_ONCE
    }
  }

  async *#file(name: string, path: string): AsyncGenerator<Buffer, void> {
    const digest = yield* this.#content(name, path)
    if (digest) this.manifest.files[name] = digest
  }

  /** Undefined for a file that is gone by now. */
  async *#content(name: string, path: string): AsyncGenerator<Buffer, Digest | undefined> {
    const found = await stat(path).catch(() => undefined)
    if (!found) return undefined
    const hash = createHash('sha256')
    yield header({ name, size: found.size }, found.mtimeMs)
    let left = found.size
    if (left > 0) {
      for await (const piece of createReadStream(path, { end: left - 1 }) as AsyncIterable<Buffer>) {
        hash.update(piece)
        left -= piece.length
        yield piece
      }
    }
    if (left > 0) throw new Error(`${path} became shorter while it was read`)
    yield padding(found.size)
    return { size: found.size, sha256: hash.digest('hex') }
  }
}

async function sync(path: string): Promise<void> {
  await using file = await open(path)
  await file.sync()
}

/** The passphrase of the settings. */
export async function passphraseOf({ backup }: Config, file?: string): Promise<string | undefined> {
  if (file !== undefined) return (await readFile(file, 'utf8')).replace(/\r?\n$/, '')
  return backup.passphrase?.reveal()
}
