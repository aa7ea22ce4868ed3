import { dirname } from 'node:path'
import { listBackups, makeBackup, passphraseOf, pruneBackups } from '../backup/make.ts'
import { backupDirectory } from '../backup/place.ts'
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
  verify FILE             puts a backup into a temporary place, compares every row, starts a server there and asks it
  list                    the backups there are, the newest last

Files of users in S3 are not in it: the store has copies of its own, or needs them.`,
  options: { to: { type: 'string' }, 'passphrase-file': { type: 'string' } },
  async run({ positionals: [action, file, ...rest], values, config, print }) {
    if (rest.length > 0) throw new UsageError(`Unexpected argument ${rest[0]}`)
    const settings = config()
    const directory = typeof values['to'] === 'string' ? values['to'] : backupDirectory(settings)
    const passphraseFile = typeof values['passphrase-file'] === 'string' ? values['passphrase-file'] : undefined
    if (action === 'list' && file === undefined) {
      const found = await listBackups(directory, settings.server_name)
      return print(found.length === 0 ? `There is no backup in ${directory}` : found.join('\n'))
    }
    if (action === 'verify' && file !== undefined) return print(await verify(settings, file, passphraseFile))
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
  },
}

async function verify(settings: Config, path: string, passphraseFile: string | undefined): Promise<string> {
  configureLogging({ level: 'error' })
  const passphrase = await passphraseFor(settings, path, passphraseFile)
  const manifest = await verifyBackup({ path, passphrase }, dirname(path))
  const when = new Date(manifest.created_ts).toISOString().slice(0, 16)
  return `${path} is good: ${manifest.server_name} as it was at ${when}Z, ${Object.keys(manifest.tables).length} tables compared`
}

/** Asked for where the backup is encrypted and nothing says how. */
export async function passphraseFor(settings: Config, path: string, file?: string): Promise<string | undefined> {
  if (!(await isSealedFile(path))) return undefined
  return (await passphraseOf(settings, file)) ?? (await readPassword({ name: 'Passphrase', isNew: false }))
}
