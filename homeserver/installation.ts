/**
 * What the server keeps on disk beside its database: the data directory, the signing key, the generated secrets.
 * `survey` looks and refuses; only then does `furnish` write.
 */
import { randomBytes, randomInt } from 'node:crypto'
import { constants } from 'node:fs'
import { access, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { sharedSecretFile } from './config/load.ts'
import type { Config } from './config/schema.ts'
import { formatSigningKey, type KeyId, parseSigningKeys, type SigningKey } from './core/signing.ts'
import { openDatabase } from './open-database.ts'
import { hasCode, messageOf } from './platform/caught.ts'
import { schemaVersion } from './storage/migrate.ts'

/** The server does not start: one sentence for the person who started it. Nothing has been written. */
export class StartRefused extends Error {
  override name = 'StartRefused'
}

export interface Missing {
  readonly dataDir: boolean
  readonly signingKey: boolean
  readonly sharedSecret: boolean
}

export const signingKeyFile = (config: Config): string => `${config.data_dir}/signing.key`

/** Tells what `furnish` will have to make. Throws `StartRefused` where the server could not work or could do harm. */
export async function survey(config: Config): Promise<Missing> {
  const dataDir = await checkDirectory(config.data_dir)
  const signingKey = await checkSigningKey(signingKeyFile(config))
  if (signingKey && (await hasHistory(config))) {
    throw new StartRefused(
      `${signingKeyFile(config)} is missing, but the database is in use: put the key back from a backup. ` +
        'With a new key other servers would take this one for an impostor.',
    )
  }
  if (!signingKey) await readSigningKeys(config)
  return { dataDir, signingKey, sharedSecret: config.registration.shared_secret === undefined }
}

export async function makeDataDir(config: Config): Promise<void> {
  await mkdir(config.data_dir, { recursive: true, mode: 0o700 })
}

/** Makes the files that are missing, readable by the server's user alone. */
export async function furnish(config: Config, missing: Missing): Promise<void> {
  if (missing.signingKey) await createFile(signingKeyFile(config), formatSigningKey(keyVersion(), randomBytes(32)))
  if (!missing.sharedSecret) return
  const file = sharedSecretFile(config.data_dir)
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  await createFile(file, `${randomBytes(32).toString('base64url')}\n`)
}

/**
 * Keeps every other server and command that writes out of the data directory, until it is disposed of or the process
 * ends, however it ends. Throws `StartRefused`. The caller must hold on to what it gets.
 */
export function lockDataDir(config: Config): Disposable {
  const lock = new DatabaseSync(`${config.data_dir}/lock`) // an empty file: SQLite knows how to lock on every system
  try {
    lock.exec('begin exclusive')
  } catch (error) {
    lock.close()
    throw new StartRefused(`another server works in ${config.data_dir}: stop it first, or set data_dir`, {
      cause: error,
    })
  }
  return { [Symbol.dispose]: () => lock.close() }
}

/** The key that signs, and those that did before it. */
export async function readSigningKeys(config: Config): Promise<[SigningKey, ...SigningKey[]]> {
  const file = signingKeyFile(config)
  try {
    return parseSigningKeys(await readFile(file, 'utf8'))
  } catch (error) {
    throw new StartRefused(`cannot use ${file}: ${messageOf(error)}`, { cause: error })
  }
}

/**
 * Puts a new signing key before those there are, and gives its id. The server signs with it from its next start on, and
 * shows others the earlier ones as keys that have signed once. Throws `StartRefused`.
 */
export async function rotateSigningKey(config: Config): Promise<KeyId> {
  const file = signingKeyFile(config)
  const known = new Set((await readSigningKeys(config)).map(({ keyId }) => keyId))
  let version = keyVersion()
  while (known.has(`ed25519:${version}`)) version = keyVersion()
  const next = `${file}.new`
  await rm(next, { force: true }) // left behind by a crash
  await createFile(next, formatSigningKey(version, randomBytes(32)) + (await readFile(file, 'utf8')))
  await rename(next, file)
  return `ed25519:${version}`
}

/** Writes a new file for the server's user alone, and returns when it is on the disk. */
export async function createFile(path: string, content: string): Promise<void> {
  await using file = await open(path, 'wx', 0o600)
  await file.writeFile(content)
  await file.sync()
}

/** Versions of signing keys need only differ from those before. https://spec.matrix.org/v1.19/appendices/#signing-details */
function keyVersion(): string {
  const alphabet = 'ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789'
  return `a_${Array.from({ length: 4 }, () => alphabet[randomInt(alphabet.length)]).join('')}`
}

/** Whether it is missing. */
async function checkDirectory(path: string): Promise<boolean> {
  const found = await statOrUndefined(path)
  if (found && !found.isDirectory()) throw new StartRefused(`data_dir ${path} is not a directory`)
  const nearest = found ? path : await nearestDirectory(resolve(path))
  try {
    await access(nearest, constants.W_OK | constants.X_OK)
  } catch {
    throw new StartRefused(`cannot write to ${nearest}: give it to the user that runs the server, or set data_dir`)
  }
  return found === undefined
}

async function nearestDirectory(path: string): Promise<string> {
  const parent = dirname(path)
  const found = await statOrUndefined(parent)
  if (found === undefined) return await nearestDirectory(parent)
  if (!found.isDirectory()) throw new StartRefused(`cannot make ${path}: ${parent} is not a directory`)
  return parent
}

/** Whether it is missing. */
async function checkSigningKey(path: string): Promise<boolean> {
  const found = await statOrUndefined(path)
  if (found && (found.mode & 0o007) !== 0) {
    throw new StartRefused(`${path} is open to every user of this machine: chmod 600 ${path}`)
  }
  return found === undefined
}

/** Whether the database has been used before, without making it. */
async function hasHistory(config: Config): Promise<boolean> {
  const { url } = config.database
  const file = url.startsWith('sqlite:') ? url.slice('sqlite:'.length) : undefined
  if (file !== undefined) return ((await statOrUndefined(file))?.size ?? 0) > 0
  await using database = await openDatabase(config)
  return (await schemaVersion(database)) > 0
}

async function statOrUndefined(path: string) {
  try {
    return await stat(path)
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return undefined
    throw new StartRefused(`cannot look at ${path}: ${messageOf(error)}`, { cause: error })
  }
}
