import { stringify } from 'yaml'
import { show } from '../config/load.ts'
import { settings } from '../config/settings.ts'
import { type Command, type Invocation, UsageError } from './command.ts'

export const configCommand: Command = {
  usage: 'check | show [--effective]',
  help: `check   tells everything that is wrong, with file, line and the likely meaning; exit code 78 if anything is
show    the settings that are set, and where; with --effective all, defaults included. Secrets are not shown.`,
  options: { effective: { type: 'boolean' } },
  run(invocation) {
    const [action, ...rest] = invocation.positionals
    if (rest.length > 0) throw new UsageError(`Unexpected argument ${rest[0]}`)
    if (action === 'check') return check(invocation)
    if (action === 'show') return showSettings(invocation)
    throw new UsageError('check or show?')
  },
}

function check({ loaded, print }: Invocation): void {
  const { config, origins } = loaded()
  print(`The settings are good: ${config.server_name}, profile ${config.profile}, ${origins.size} set`)
}

function showSettings({ loaded, values, print }: Invocation): void {
  const { config, origins } = loaded()
  const rows = settings
    .filter(({ isSection, key }) => !isSection && (values['effective'] === true || origins.has(key)))
    .map(({ key, path }) => {
      const value = path.reduce<unknown>((part, name) => (part as Record<string, unknown>)[name], config) // paths are the schema's
      return { text: `${key}: ${value === undefined ? '' : inYaml(value)}`, origin: origins.get(key) ?? 'default' }
    })
  const width = Math.min(60, Math.max(0, ...rows.map(({ text }) => text.length)))
  for (const { text, origin } of rows) print(`${text.padEnd(width)}  # ${origin}`)
}

const inYaml = (value: unknown): string =>
  typeof value === 'object' ? show(value) : stringify(typeof value === 'string' ? hidePassword(value) : value).trim()

const hidePassword = (text: string): string => JSON.parse(show(text)) as string // a text stays a text
