#!/usr/bin/env node
/** The command line: `npm run cli -- COMMAND`. One file for each command. */
import { parseArgs } from 'node:util'
import { configFiles, readConfigFiles } from '../config/files.ts'
import { ConfigError } from '../config/load.ts'
import { suggest } from '../config/suggest.ts'
import { type Command, CommandError, UsageError } from './command.ts'

interface Entry {
  readonly summary: string
  /** Loaded when asked for: most commands need neither the database nor the server. */
  readonly load: () => Promise<Command>
}

const commands: Readonly<Record<string, Entry>> = {
  'register-user': {
    summary: 'make an account, with --admin an administrator',
    load: async () => (await import('./register-user.ts')).registerUser,
  },
  invite: {
    summary: 'make a code with which somebody can make an account',
    load: async () => (await import('./invite.ts')).invite,
  },
  user: {
    summary: 'list, lock, export, erase accounts, reset a password',
    load: async () => (await import('./user.ts')).user,
  },
  room: {
    summary: 'list rooms, or close one',
    load: async () => (await import('./room.ts')).room,
  },
  media: {
    summary: 'remove old files',
    load: async () => (await import('./media.ts')).media,
  },
  appservice: {
    summary: 'list or add application services (bridges and bots), or ask one whether it is there',
    load: async () => (await import('./appservice.ts')).appservice,
  },
  webhook: {
    summary: 'list the webhooks of all rooms, or remove one',
    load: async () => (await import('./webhook.ts')).webhook,
  },
  backup: {
    summary: 'make a backup, prove one, list them',
    load: async () => (await import('./backup.ts')).backup,
  },
  restore: {
    summary: 'put a backup into an empty place',
    load: async () => (await import('./restore.ts')).restore,
  },
  'element-fetch': {
    summary: 'bring Element Web, which the server then serves at /element',
    load: async () => (await import('./element-fetch.ts')).elementFetch,
  },
  'element-config': {
    summary: 'print the configuration of Element Web for this server',
    load: async () => (await import('./element-config.ts')).elementConfigCommand,
  },
  migrate: {
    summary: 'bring the database to the schema of this release; --dry-run only tells',
    load: async () => (await import('./migrate.ts')).migrateCommand,
  },
  'rotate-keys': {
    summary: 'make a new key for signing; the old one goes on counting for what it has signed',
    load: async () => (await import('./rotate-keys.ts')).rotateKeys,
  },
  call: {
    summary: 'list who is or was in a call, end one, make a voice room',
    load: async () => (await import('./call.ts')).call,
  },
  'calls-install': {
    summary: 'build LiveKit, through which calls of groups go, and put it where the server finds it',
    load: async () => (await import('./calls-install.ts')).callsInstall,
  },
  'call-simulate': {
    summary: 'make a real call through the server, and say what is wrong where it fails',
    load: async () => (await import('./call-simulate.ts')).callSimulate,
  },
  diagnose: {
    summary: 'look at everything around this server, or at the way to another one, and say what mends it',
    load: async () => (await import('./diagnose.ts')).diagnose,
  },
  config: {
    summary: 'check the settings, or show those in force',
    load: async () => (await import('./config.ts')).configCommand,
  },
  'sample-config': {
    summary: 'print a file with all settings explained',
    load: async () => (await import('./sample-config.ts')).sampleConfig,
  },
}

const OVERVIEW = `Usage: npm run cli -- COMMAND [options]        or: domovoi COMMAND [options]

${Object.entries(commands)
  .map(([name, { summary }]) => `  ${name.padEnd(16)}${summary}\n`)
  .join('')}
  -c, --config FILE   settings, as for the server; may be given again   [config.yaml]
  -h, --help          this, or the help of a command

Exit codes: 0 done, 1 failed, 64 wrong arguments, 78 wrong settings.
`

process.umask(0o077)

async function main([name, ...rest]: readonly string[]): Promise<number> {
  if (name === undefined || name === '-h' || name === '--help' || name === 'help') {
    print(OVERVIEW)
    return 0
  }
  const entry = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (!entry) {
    const meant = suggest(name, Object.keys(commands))
    return fail(`There is no command ${name}${meant ? `; did you mean ${meant}?` : ''}\n\n${OVERVIEW}`, 64)
  }
  const command = await entry.load()
  const usage = `Usage: npm run cli -- ${name} ${command.usage}\n\n${command.help}\n`
  try {
    const { values, positionals } = parseArgs({
      args: rest,
      allowPositionals: true,
      options: {
        ...command.options,
        config: { type: 'string', short: 'c', multiple: true },
        help: { type: 'boolean', short: 'h' },
      },
    })
    if (values['help'] === true) {
      print(usage)
      return 0
    }
    const named = values['config']
    const loaded = () => readConfigFiles(configFiles(named), process.env)
    await command.run({ values, positionals, loaded, config: () => loaded().config, print })
    return 0
  } catch (error) {
    if (error instanceof ConfigError) return fail(error.message, 78)
    if (error instanceof UsageError || isArgumentError(error)) return fail(`${error.message}\n\n${usage}`, 64)
    return fail(
      error instanceof Error ? error.message : String(error),
      error instanceof CommandError ? error.exitCode : 1,
    )
  }
}

const isArgumentError = (error: unknown): error is Error =>
  error instanceof TypeError && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS')

function print(text: string): void {
  process.stdout.write(text.endsWith('\n') ? text : `${text}\n`)
}

function fail(message: string, exitCode: number): number {
  process.stderr.write(`${message.trimEnd()}\n`)
  return exitCode
}

process.exitCode = await main(process.argv.slice(2))
