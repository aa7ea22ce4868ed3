#!/usr/bin/env node
/** The command line: `npm run cli -- COMMAND`. One file for each command. */
import { parseArgs } from 'node:util'
import { configFiles, readConfigFiles } from '../config/files.ts'
import { ConfigError } from '../config/load.ts'
import { suggest } from '../config/suggest.ts'
import { messageOf } from '../platform/caught.ts'
import { CommandError, UsageError } from './command.ts'
import { commands } from './commands.ts'

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
    return fail(messageOf(error), error instanceof CommandError ? error.exitCode : 1)
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
