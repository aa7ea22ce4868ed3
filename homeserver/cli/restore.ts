import { existsSync, readFileSync } from 'node:fs'
import { createInterface } from 'node:readline/promises'
import { inspect, restore as restoreBackup } from '../backup/restore.ts'
import { configFiles, DEFAULT_FILE } from '../config/files.ts'
import { loadConfig, show } from '../config/load.ts'
import type { Config } from '../config/schema.ts'
import { createFile, lockDataDir, makeDataDir } from '../installation.ts'
import { passphraseFor, withLocalCopy } from './backup.ts'
import { type Command, CommandError, type Invocation, UsageError } from './command.ts'

export const restore: Command = {
  usage: 'FILE [--yes]',
  help: `Puts a backup into an empty place: the data directory and the database of the settings. Where there is no
${DEFAULT_FILE}, that of the backup is written first. Asks for the name of the server, to be sure; --yes does not ask.
No server may run there. FILE may be in S3: s3:NAME, with backup.s3 in the settings or in the environment.

  --passphrase-file FILE  the passphrase of an encrypted backup   [backup.passphrase, or asked for]`,
  options: { yes: { type: 'boolean' }, 'passphrase-file': { type: 'string' } },
  async run({ positionals: [path, ...rest], values, config, print }) {
    if (path === undefined || rest.length > 0) throw new UsageError('One FILE, please')
    await withLocalCopy(config(), path, (copy) => restoreFrom(copy, { values, config, print }))
  },
}

async function restoreFrom(
  path: string,
  { values, config, print }: Pick<Invocation, 'values' | 'config' | 'print'>,
): Promise<void> {
  if (!existsSync(path)) throw new CommandError(`There is no ${path}`)
  const file = typeof values['passphrase-file'] === 'string' ? values['passphrase-file'] : undefined
  const passphrase = await passphraseFor(config(), path, file)
  const source = { path, passphrase }
  const texts: string[] = []
  const manifest = await inspect(source, (text) => texts.push(text))
  const hasSettings = configFiles(values['config'] as string[] | undefined).length > 0
  const text = hasSettings ? undefined : texts[0]
  const settings = text === undefined ? config() : settingsOf(text)
  const when = new Date(manifest.created_ts).toISOString().slice(0, 16)
  print(
    `${manifest.server_name} as it was at ${when}Z goes into ${settings.data_dir} and ${show(settings.database.url)}`,
  )
  if (values['yes'] !== true) await confirm(manifest.server_name)
  if (text !== undefined) await createFile(DEFAULT_FILE, text)
  await makeDataDir(settings)
  using _lock = lockDataDir(settings)
  await restoreBackup(source, settings)
  print('Done: start the server. Devices will upload new one-time keys, and apps load their rooms anew.')
}

const settingsOf = (text: string): Config =>
  loadConfig({
    files: [{ name: DEFAULT_FILE, text }],
    env: process.env,
    readFile: (path) => readFileSync(path, 'utf8'),
  })

async function confirm(serverName: string): Promise<void> {
  if (!process.stdin.isTTY) throw new UsageError('Say that you are sure with --yes')
  const terminal = createInterface({ input: process.stdin, output: process.stdout })
  const typed = await terminal.question('Type the name of the server to go on: ')
  terminal.close()
  if (typed.trim() !== serverName) throw new CommandError('Nothing was changed')
}
