/**
 * The schema as `config.sample.yaml` and as `docs/config.md`.
 *
 * In the sample every setting is commented out by a bare `#`, so that a default that changes later, or that follows
 * from the profile, is not pinned by a copy of the file.
 */
import { stringify } from 'yaml'
import { editorHint } from './json-schema.ts'
import { profiles } from './schema.ts'
import { type Setting, settings } from './settings.ts'

const WIDTH = 117
/** Settings of a section, itself among them. */
const MANY = 3

export interface SampleOptions {
  /** Settings to write as in force, by key. */
  readonly chosen?: Readonly<Record<string, string>>
}

export function sampleYaml({ chosen = { server_name: 'example.org' } }: SampleOptions = {}): string {
  const lines = [
    editorHint,
    '# Settings of Domovoi. Lines that begin with # and a letter show the default or an example: remove the # to set one.',
    '# The environment wins over this file: media.max_upload is DOMOVOI_MEDIA__MAX_UPLOAD there. Lists: a,b.',
    '# Durations are written as 30s, 15m, 12h, 14d; sizes as 512KiB, 100MiB, 5GB. `npm run cli -- config check` checks them.',
  ]
  let before: Setting | undefined
  for (const setting of settings) {
    if (setting.secret) continue // the sample shows the better way, `*_file`
    const indent = '  '.repeat(setting.path.length - 1)
    if (setting.path.length === 1 && (isLong(setting) || isLong(before))) lines.push('')
    if (setting.path.length === 1) before = setting
    const [text, why] = [lineOf(setting, chosen[setting.key]), explanation(setting)]
    // In one line where it fits, else above.
    if (indent.length + text.length + why.length + 4 <= WIDTH + 2) lines.push(`${indent}${text} # ${why}`)
    else lines.push(...wrap(why, WIDTH - indent.length).map((line) => `${indent}# ${line}`), `${indent}${text}`)
  }
  return `${lines.join('\n')}\n`
}

/** Stands apart from the others. */
const isLong = (setting: Setting | undefined): boolean =>
  setting === undefined || settings.filter(({ path, secret }) => path[0] === setting.key && !secret).length > MANY

function lineOf({ path, isSection, default: value, example }: Setting, chosen: string | undefined): string {
  const name = path.at(-1)
  if (isSection) return `${name}:`
  return chosen === undefined ? `#${name}: ${inYaml(value ?? example)}`.trimEnd() : `${name}: ${chosen}`
}

export function manual(): string {
  const parts = [
    '<!-- Made by `npm run cli -- sample-config --write` from homeserver/config/schema.ts. -->',
    '# Settings',
    'Settings come from `config.yaml` in the working directory, or from the files named by `-c`; later files win. ' +
      'The environment wins over files: `DOMOVOI_` and the path of the setting in capitals, its parts joined by two ' +
      'underscores. Unknown keys are errors. Lists in the environment are parted by commas.',
    'Durations are written as `30s`, `15m`, `12h` or `14d`, sizes as `512KiB`, `100MiB` or `5GB`. Each secret can be ' +
      'given by the name of a file that holds it, in the setting of the same name with `_file`.',
    'A running server reads its settings again on SIGHUP (`systemctl reload domovoi`): those marked ↻ count at once, and it ' +
      'names the others that have changed and count after a restart. Wrong settings are told, and change nothing.',
    'The profile sets these defaults:',
    table(
      ['profile', 'defaults'],
      Object.entries(profiles).map(([name, values]) => [code(name), flatten(values).map(code).join(', ') || 'none']),
    ),
    '## General',
    settingsTable(settings.filter(({ path, isSection }) => path.length === 1 && !isSection)),
  ]
  for (const section of settings.filter(({ isSection }) => isSection)) {
    const members = settings.filter(({ path, isSection }) => !isSection && path.slice(0, -1).join('.') === section.key)
    parts.push(`## ${section.key}`, section.description, settingsTable(members))
  }
  return `${parts.join('\n\n')}\n`
}

const explanation = ({ description, otherwise }: Setting): string =>
  otherwise === undefined ? description : `${description} If left out: ${otherwise}.`

const settingsTable = (members: readonly Setting[]): string =>
  table(
    ['setting', 'default', 'meaning', 'environment'],
    members.map((setting) => [
      code(setting.key) + (setting.reloads ? ' ↻' : ''),
      setting.otherwise ?? (setting.default === undefined ? 'none' : code(inYaml(setting.default))),
      setting.description + (setting.options.length > 0 ? ` (${setting.options.map(code).join(', ')})` : ''),
      code(setting.env),
    ]),
  )

const code = (text: string): string => `\`${text}\``

const table = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows]
    .map((cells) => `| ${cells.map((cell) => cell.replace(/\|/g, '\\|').replace(/</g, '&lt;')).join(' | ')} |`)
    .join('\n')

function* leaves(values: object, above: string): Generator<string> {
  for (const [key, value] of Object.entries(values)) {
    if (typeof value === 'object') yield* leaves(value, `${above}${key}.`)
    else yield `${above}${key}: ${value}`
  }
}

const flatten = (values: object): string[] => [...leaves(values, '')]

const inYaml = (value: unknown): string =>
  value === undefined ? '' : stringify(value, { collectionStyle: 'flow', singleQuote: true, lineWidth: 0 }).trim()

function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else {
      line = line === '' ? word : `${line} ${word}`
    }
  }
  return line === '' ? lines : [...lines, line]
}
