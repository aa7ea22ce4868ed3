/** Looks into backups, and puts one into an empty place. */
import { createHash } from 'node:crypto'
import { createReadStream, createWriteStream } from 'node:fs'
import { mkdir, open, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip } from 'node:zlib'
import type { Config } from '../config/schema.ts'
import { signingKeyFile } from '../installation.ts'
import { openDatabase } from '../open-database.ts'
import type { Tx } from '../storage/database.ts'
import { migrate, migrationNames, schemaVersion } from '../storage/migrate.ts'
import { beginAfterRestore } from '../storage/restored.ts'
import { continueNumbers, listTables, readTable, type Row, writeRows } from '../storage/tables.ts'
import { MANIFEST, manifest as manifestSchema, type Manifest } from './manifest.ts'
import { isSealed, unseal } from './seal.ts'
import { type Entry, readTar } from './tar.ts'

/** The backup cannot be used, or not here: one sentence for the person who wants it. */
export class BackupError extends Error {
  override name = 'BackupError'
}

export interface Source {
  readonly path: string
  readonly passphrase: string | undefined
}

const ROWS_AT_ONCE = 500

export async function isSealedFile(path: string): Promise<boolean> {
  await using file = await open(path)
  const { buffer, bytesRead } = await file.read(Buffer.alloc(32), 0, 32, 0)
  return isSealed(buffer.subarray(0, bytesRead))
}

async function readEntries({ path, passphrase }: Source, use: Parameters<typeof readTar>[1]): Promise<void> {
  const bytes: AsyncIterable<Buffer> = createReadStream(path)
  const sealed = await isSealedFile(path)
  if (sealed && passphrase === undefined) throw new BackupError('The backup is encrypted: give its passphrase')
  const packed = sealed ? unseal(bytes, passphrase ?? '') : bytes
  await pipeline(packed, createGunzip(), async (unpacked: AsyncIterable<Buffer>) => {
    await readTar(unpacked, use)
  })
}

/** Reads a backup to its end. Throws where anything is not what the manifest says. `onConfig` gets each file of settings. */
export async function inspect(source: Source, onConfig?: (text: string) => void): Promise<Manifest> {
  const found = new Map<string, string>()
  let text = ''
  await readEntries(source, async ({ name, size }, content) => {
    const hash = createHash('sha256')
    const kept: Buffer[] = []
    const isKept = name === MANIFEST || name.startsWith('config/')
    for await (const piece of content) {
      hash.update(piece)
      if (isKept) kept.push(Buffer.from(piece))
    }
    if (name === MANIFEST) text = Buffer.concat(kept).toString()
    else if (name.startsWith('config/')) onConfig?.(Buffer.concat(kept).toString())
    found.set(name, `${size} ${hash.digest('hex')}`)
  })
  if (text === '') throw new BackupError('There is no manifest: this is no backup, or not all of one')
  const parsed = manifestSchema.safeParse(JSON.parse(text))
  if (!parsed.success) throw new BackupError(parsed.error.issues[0]?.message ?? 'The manifest is none')
  const tables = Object.entries(parsed.data.tables).map(
    ([table, digest]) => [`database/${table}.ndjson`, digest] as const,
  )
  for (const [name, { size, sha256 }] of [...tables, ...Object.entries(parsed.data.files)]) {
    if (found.get(name) !== `${size} ${sha256}`)
      throw new BackupError(`${name} in the backup is not what the manifest says`)
  }
  return parsed.data
}

/**
 * Puts a backup where the settings say, which must be an empty place. What it has written is read again and compared; then
 * what must not come twice is taken away. Nothing is kept of the database if anything fails.
 */
export async function restore(source: Source, config: Config): Promise<Manifest> {
  const manifest = await inspect(source)
  await refuseUnfit(manifest, config)
  await mkdir(config.data_dir, { recursive: true, mode: 0o700 })
  await using database = await openDatabase(config)
  if ((await schemaVersion(database)) > 0)
    throw new BackupError('The database is in use: a backup goes into an empty one')
  await migrate(database, { upTo: manifest.migrations.length })
  await database.transaction('restore', async (tx) => {
    await removeDefaults(tx, manifest)
    await readEntries(source, async (entry, content) => {
      const table = /^database\/(\w+)\.ndjson$/.exec(entry.name)?.[1]
      if (table === undefined) return await restoreFile(config, entry, content)
      await restoreTable(tx, table, content)
    })
    await compare(tx, manifest)
    await beginAfterRestore(tx)
    await continueNumbers(tx)
  })
  await migrate(database)
  return manifest
}

async function refuseUnfit(manifest: Manifest, config: Config): Promise<void> {
  const { server_name: server, data_dir: dataDir } = config
  if (manifest.server_name !== server) {
    throw new BackupError(`The backup is of ${manifest.server_name}, the settings are of ${server}`)
  }
  const names = await migrationNames()
  if (manifest.migrations.some((name, n) => names[n] !== name)) {
    throw new BackupError(`The backup was made by release ${manifest.version}, whose schema this one does not know`)
  }
  if (await stat(signingKeyFile(config)).catch(() => undefined)) {
    throw new BackupError(`There is a server in ${dataDir} already: a backup goes into an empty place`)
  }
}

/** Rows that migrations have made are in the backup too, as they were then. */
async function removeDefaults(tx: Tx, { tables }: Manifest): Promise<void> {
  for (const { name } of (await listTables(tx)).toReversed()) {
    if (Object.hasOwn(tables, name)) await tx.run(`delete from ${name}`)
  }
}

async function restoreTable(tx: Tx, table: string, content: AsyncIterable<Buffer>): Promise<void> {
  let columns: string[] | undefined
  let rows: Row[] = []
  for await (const line of createInterface({ input: Readable.from(content), crlfDelay: Infinity })) {
    const values = JSON.parse(line) as Row // written by `makeBackup`, and its digest was looked at
    if (!columns) columns = values as string[]
    else rows.push(values)
    if (rows.length < ROWS_AT_ONCE) continue
    await writeRows(tx, table, columns, rows)
    rows = []
  }
  if (columns && rows.length > 0) await writeRows(tx, table, columns, rows)
}

async function restoreFile(config: Config, { name }: Entry, content: AsyncIterable<Buffer>): Promise<void> {
  const path = placeOf(config, name)
  if (path === undefined) return
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  await pipeline(Readable.from(content), createWriteStream(path, { mode: 0o600, flush: true }))
}

/** Names that no backup of ours has lead nowhere. */
function placeOf({ data_dir: dataDir, media }: Config, name: string): string | undefined {
  const key = /^media\/([\da-f]{32})$/.exec(name)?.[1]
  if (key !== undefined) return join(media.path, key.slice(0, 2), key)
  return /^data\/(?:signing\.key|secrets\/[\w.-]+)$/.test(name) && !name.includes('..')
    ? join(dataDir, name.slice('data/'.length))
    : undefined
}

/** Throws where a table is not as it was. */
async function compare(tx: Tx, manifest: Manifest): Promise<void> {
  for (const table of await listTables(tx)) {
    const wanted = manifest.tables[table.name]
    if (!wanted) continue
    const hash = createHash('sha256').update(`${JSON.stringify(table.columns)}\n`)
    for await (const rows of readTable(tx, table)) for (const row of rows) hash.update(`${JSON.stringify(row)}\n`)
    if (hash.digest('hex') !== wanted.sha256) throw new BackupError(`The table ${table.name} is not as it was`)
  }
}
