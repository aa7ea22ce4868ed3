/** What the person at the terminal reads when the server has started. Nothing here promises what is not there. */
import { networkInterfaces } from 'node:os'
import { styleText } from 'node:util'
import type { Config } from './config/schema.ts'
import { setupHours } from './domain/accounts/first-admin.ts'
import { logger } from './platform/log.ts'

export interface StartReport {
  readonly version: string
  readonly config: Config
  /** The files the settings came from; none if there was none. */
  readonly configFiles: readonly string[]
  /** Where the first start wrote the settings. */
  readonly wroteConfig: string | undefined
  readonly wroteKey: boolean
  readonly wroteSecrets: boolean
  readonly keyId: string
  /** The path of the link that makes the first administrator, as long as there is none. */
  readonly setupPath: string | undefined
  /** Whether there is an SFU for calls of groups. */
  readonly hasGroupCalls: boolean
  /** Whether Element Web is served. */
  readonly hasElement: boolean
  readonly schema: { readonly from: number; readonly to: number }
  readonly ms: number
}

interface Line {
  readonly name: string
  readonly on: boolean
  readonly text: string
  /** The command or setting that changes it. */
  readonly hint?: string
}

/** Everything on a first start; on later ones what is on. */
function describeStart(report: StartReport): Line[] {
  const { config, wroteConfig } = report
  const first = wroteConfig !== undefined || report.wroteKey
  const lines: Line[] = [
    {
      name: 'config',
      on: true,
      text: `${report.configFiles.join(', ') || 'defaults'} (profile: ${config.profile})`,
      ...(wroteConfig === undefined ? {} : { hint: `${wroteConfig} written` }),
    },
    { name: 'database', on: true, text: `${nameOf(config.database.url)}, ${schemaText(report)}` },
    {
      name: 'signing key',
      on: true,
      text: `${report.keyId}${report.wroteKey ? ' created, mode 0600' : ''}`,
      ...(report.wroteKey ? { hint: `KEEP A COPY: ${config.data_dir}/signing.key` } : {}),
    },
    ...(report.wroteSecrets ? [{ name: 'secrets', on: true, text: `1 made in ${config.data_dir}/secrets/` }] : []),
    { name: 'listening', on: true, text: addresses(config).join('  ') },
    ...(config.metrics.listen ? [metricsLine(config.metrics.listen)] : []),
    elementLine(report),
    callsLine(report),
    telegramLine(config),
    registrationLine(config),
    federationLine(config),
  ]
  return first ? lines : lines.filter((line) => line.on)
}

function nextSteps(report: StartReport): string[] {
  const { config } = report
  return [
    ...setupSteps(report),
    ...(config.registration.mode === 'invite' ? ['Invite somebody:           npm run cli -- invite'] : []),
    `Then log in with any Matrix client; its homeserver is ${config.public_url}`,
    'Stop: Ctrl-C   Settings: docs/config.md',
  ]
}

/** The link is at every address by which the server may be seen before it has a name. */
function setupSteps({ config, setupPath }: StartReport): string[] {
  if (setupPath === undefined) return []
  return [
    `Become the admin (works once, ${setupHours} h):`,
    ...setupPlaces(config).map((place) => `  ${place}${setupPath}`),
    'or, without a browser:     npm run cli -- register-user --admin NAME',
  ]
}

const setupPlaces = (config: Config): string[] =>
  new URL(config.public_url).hostname === 'localhost' ? addresses(config) : [config.public_url]

/** On a terminal a page for people. */
export function printBanner(report: StartReport, write: (text: string) => void): void {
  const { version, config, wroteConfig, wroteKey } = report
  const first = wroteConfig !== undefined || wroteKey
  write(
    `  ${styleText('bold', `Domovoi ${version}`)}   ${config.server_name}   data: ${config.data_dir}${first ? ' (new)' : ''}\n`,
  )
  if (first) write('\n')
  for (const { name, on, text, hint } of describeStart(report)) {
    const mark = on ? styleText('green', '[ok]') : styleText('yellow', '[--]')
    write(`  ${mark} ${name.padEnd(13)} ${text}${hint === undefined ? '' : `   ${hint}`}\n`)
  }
  const steps = first ? nextSteps(report) : setupSteps(report)
  if (steps.length > 0) write(`\n${steps.map((step) => `  ${step}\n`).join('')}\n`)
}

/** Elsewhere one log line for each fact, so that it is JSON where the log is. */
export function logBanner(report: StartReport): void {
  const log = logger('start')
  for (const { name, on, text, hint } of describeStart(report)) log.info({ name, on, text, hint }, 'state')
  const { config, setupPath } = report
  if (setupPath !== undefined) {
    log.info({ links: setupPlaces(config).map((place) => place + setupPath), hours: setupHours }, 'become the admin')
  }
  log.info({ version: report.version, serverName: config.server_name, ms: report.ms }, 'ready')
}

const nameOf = (url: string): string =>
  url.startsWith('sqlite:')
    ? `SQLite ${url.slice('sqlite:'.length)}`
    : `Postgres ${url.replace(/^\w+:\/\/(?:[^/]*@)?|\?.*$/g, '')}` // not every Postgres address is a URL

const schemaText = ({ schema, ms }: StartReport): string =>
  schema.from === schema.to
    ? `schema ${schema.to}, ready in ${ms} ms`
    : `schema ${schema.from} → ${schema.to}, ready in ${ms} ms`

function registrationLine({ registration }: Config): Line {
  const texts = {
    closed: 'closed: accounts are made by  npm run cli -- register-user',
    invite: 'by invite',
    open: 'OPEN to everybody',
  }
  const { mode } = registration
  return {
    name: 'registration',
    on: mode !== 'closed',
    text: texts[mode],
    ...(mode === 'invite' ? { hint: 'npm run cli -- invite' } : {}),
  }
}

const metricsLine = ({ host, port }: { host: string; port: number }): Line => ({
  name: 'metrics',
  on: true,
  text: `http://${inUrl(host)}:${port}/metrics`,
})

function elementLine({ config, hasElement }: StartReport): Line {
  return hasElement
    ? { name: 'element', on: true, text: `${config.public_url}/element` }
    : { name: 'element', on: false, text: 'not here: any Matrix client will do', hint: 'npm run element:fetch' }
}

function callsLine({ config: { calls }, hasGroupCalls: on }: StartReport): Line {
  if (on) return { name: 'calls', on, text: calls.sfu === 'auto' ? 'of groups, by a LiveKit of its own' : 'of groups' }
  const hint = calls.sfu === 'off' ? 'calls: { sfu: auto }' : 'npm run calls:install'
  return { name: 'calls', on, text: 'of two only', hint }
}

function telegramLine({ telegram }: Config): Line {
  return telegram.bot_token
    ? { name: 'telegram', on: true, text: 'bridged by a bot' }
    : { name: 'telegram', on: false, text: 'no bot', hint: 'docs/telegram.md' }
}

function federationLine({ federation }: Config): Line {
  if (federation.mode === 'off') {
    return { name: 'federation', on: false, text: 'off: an island', hint: 'federation: { mode: open }' }
  }
  const only = federation.allow.length > 0 ? `only with ${federation.allow.join(', ')}` : 'with every Matrix server'
  return { name: 'federation', on: true, text: only }
}

/** How to reach a server that listens on all addresses, or on one. */
function addresses({ listen, tls }: Config): string[] {
  const hosts =
    listen.host === '0.0.0.0' || listen.host === '::' ? ['localhost', ...lanAddresses()] : [inUrl(listen.host)]
  const plain = hosts.map((host) => `http://${host}:${listen.port}`)
  return tls.mode === 'files' ? [...plain, `https://${hosts[0]}:${tls.port}`] : plain
}

function lanAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((addresses = []) => addresses)
    .filter(({ family, internal }) => family === 'IPv4' && !internal)
    .map(({ address }) => address)
    .slice(0, 2)
}

const inUrl = (host: string): string => (host.includes(':') ? `[${host}]` : host)
