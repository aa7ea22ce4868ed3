import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { listBackups, makeBackup, passphraseOf, pruneBackups } from '../backup/make.ts'
import { backupDirectory } from '../backup/place.ts'
import { REMOTE, RemoteBackups } from '../backup/remote-backups.ts'
import { isSealedFile } from '../backup/restore.ts'
import { verifyBackup } from './verify-backup.ts'
import { configFiles } from '../config/files.ts'
import type { Config } from '../config/schema.ts'
import { configureLogging } from '../platform/log.ts'
import { systemClock as clock } from '../platform/clock.ts'
import { type Command, CommandError, UsageError } from './command.ts'
import { readPassword } from './password.ts'

export const backup: Command = {
  usage: '[--to DIR] | verify FILE | list',
  help: `Makes one archive of the database, the signing key, the secrets, the settings and what people uploaded, and
removes the oldest beyond backup.keep. Works beside a running server, which goes on, and without one.

  --to DIR                into another directory   [backup.path]
  --passphrase-file FILE  encrypts with the passphrase in the file   [backup.passphrase]
  list                    the backups there are, the newest last, then those in S3
  verify FILE             puts a backup into a temporary place, compares every row, starts a server there and asks it

FILE may be in S3: s3:NAME. Where backup.s3 names a bucket each backup goes there as well, and the oldest beyond backup.keep
are removed there too. Files of users in S3 are not in a backup: the store has copies of its own, or needs them.`,
  options: { to: { type: 'string' }, 'passphrase-file': { type: 'string' } },
  async run({ positionals: [action, file, ...rest], values, config, print }) {
    if (rest.length > 0) throw new UsageError(`Unexpected argument ${rest[0]}`)
    const settings = config()
    const directory = typeof values['to'] === 'string' ? values['to'] : backupDirectory(settings)
    const passphraseFile = typeof values['passphrase-file'] === 'string' ? values['passphrase-file'] : undefined
    using remote = await RemoteBackups.open(settings, clock)
    if (action === 'list' && file === undefined) {
      const found = await listBackups(directory, settings.server_name)
      for (const name of (await remote?.list()) ?? []) found.push(REMOTE + name)
      return print(found.length === 0 ? `There is no backup in ${directory}` : found.join('\n'))
    }
    if (action === 'verify' && file !== undefined) {
      return print(await withLocalCopy(settings, file, (path) => verify(settings, { file, path }, passphraseFile)))
    }
    if (action !== undefined) throw new UsageError('The arguments do not fit')
    if (!settings.registration.shared_secret)
      throw new CommandError('There is no server here yet: start it once with  npm start')
    const passphrase = await passphraseOf(settings, passphraseFile)
    const files = configFiles(values['config'] as string[] | undefined) // as the option is declared
    const { path, manifest } = await makeBackup({ config: settings, configFiles: files, directory, passphrase, clock })
    print(path)
    const rows = Object.values(manifest.tables).reduce((sum, table) => sum + table.rows, 0)
    print(`${rows} rows, ${Object.keys(manifest.files).length} files`)
    if (passphrase === undefined) print('It is not encrypted: whoever reads it can be your server')
    for (const old of await pruneBackups(directory, settings.server_name, settings.backup.keep)) print(`${old} removed`)
    if (!remote) return
    const there = new Set(await remote.list())
    // Those as well that did not get there in their time.
    const missing = (await listBackups(directory, settings.server_name)).filter((each) => !there.has(basename(each)))
    for (const each of missing) print(`${REMOTE}${await remote.put(each)}`)
    for (const old of await remote.prune(settings.backup.keep)) print(`${REMOTE}${old} removed`)
  },
}

/** Brings a backup from S3 if that is where it is, for as long as `use` takes. Throws `BackupError`. */
export async function withLocalCopy<T>(settings: Config, file: string, use: (path: string) => Promise<T>): Promise<T> {
  if (!file.startsWith(REMOTE)) return await use(file)
  using remote = await RemoteBackups.open(settings, clock)
  if (!remote) throw new CommandError('The settings name no bucket for backups: backup.s3')
  const parent = backupDirectory(settings)
  await mkdir(parent, { recursive: true, mode: 0o700 })
  const directory = await mkdtemp(join(parent, '.fetched-'))
  try {
    return await use(await remote.get(file.slice(REMOTE.length), directory))
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

async function verify(
  settings: Config,
  { file, path }: { readonly file: string; readonly path: string },
  passphraseFile: string | undefined,
): Promise<string> {
  configureLogging({ level: 'error' })
  const passphrase = await passphraseFor(settings, path, passphraseFile)
  const manifest = await verifyBackup({ path, passphrase }, dirname(path))
  const when = new Date(manifest.created_ts).toISOString().slice(0, 16)
  return `${file} is good: ${manifest.server_name} as it was at ${when}Z, ${Object.keys(manifest.tables).length} tables compared`
}

/** Asked for where the backup is encrypted and nothing says how. */
export async function passphraseFor(settings: Config, path: string, file?: string): Promise<string | undefined> {
  if (!(await isSealedFile(path))) return undefined
  return (await passphraseOf(settings, file)) ?? (await readPassword({ name: 'Passphrase', isNew: false }))
}
