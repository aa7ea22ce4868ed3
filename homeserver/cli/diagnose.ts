import { configFiles } from '../config/files.ts'
import { ConfigError } from '../config/load.ts'
import type { Config } from '../config/schema.ts'
import { lookAtCalls } from '../diagnose/calls.ts'
import { lookAtConfig } from '../diagnose/config.ts'
import { lookAtDatabase } from '../diagnose/database.ts'
import { lookAtFederation } from '../diagnose/federation.ts'
import { lookAtBackups, lookAtDisk, lookAtFiles } from '../diagnose/files.ts'
import { fail, type Finding } from '../diagnose/finding.ts'
import { type Ask, lookAtMail, lookAtNames, lookAtServer, lookAtTls } from '../diagnose/network.ts'
import { lookAtPush } from '../diagnose/push.ts'
import { lookAtTelegram } from '../diagnose/telegram.ts'
import { diagnose as diagnoseServer, type Diagnosis } from '../domain/federation/diagnose.ts'
import { findLivekit } from '../domain/rtc/find-livekit.ts'
import { openOutgoing } from '../outgoing.ts'
import { systemClock as clock } from '../platform/clock.ts'
import { createDns } from '../platform/dns.ts'
import { type Command, CommandError, type Invocation, UsageError } from './command.ts'

export const diagnose: Command = {
  usage: '[--json] | federation SERVER [--json]',
  help: `Looks at everything around the server and says what mends what is wrong: settings, files and their modes, database,
disk, backups, the server itself, its public name, certificate and clock, mail, calls, push, the bot in Telegram, and
whether other servers find this one. Changes nothing. Works beside a running
server and without one, which it then tells. Ends with 0 if all is good, 1 with warnings, 2 if something fails.

With federation SERVER it looks at the way from this machine to another server, hop by hop: delegation, SRV records,
addresses, certificate, signing keys, version. Says which hop fails and what mends it. Give your own server's name to see
what others see, as far as this machine sees the same. Ends with 1 if the server cannot be talked with.

  --json    the findings for programs`,
  options: { json: { type: 'boolean' } },
  async run(invocation) {
    const { positionals } = invocation
    const [subject, server, ...rest] = positionals
    if (subject === undefined) return await diagnoseHere(invocation)
    if (subject !== 'federation' || server === undefined || rest.length > 0) {
      throw new UsageError('The arguments do not fit')
    }
    await diagnoseFederation(invocation, server)
  },
}

async function diagnoseHere({ values, config, print }: Invocation): Promise<void> {
  const files = configFiles(values['config'] as string[] | undefined) // as the option is declared
  const findings = await lookAround(config, files)
  print(values['json'] === true ? JSON.stringify(findings, null, 2) : findings.map(lineOf).join('\n'))
  const failing = findings.filter(({ level }) => level === 'fail').length
  const warnings = findings.filter(({ level }) => level === 'warn').length
  if (failing + warnings === 0) return
  throw new CommandError(`${failing} to mend, ${warnings} to think about`, { exitCode: failing > 0 ? 2 : 1 })
}

/** Wrong settings are a finding, after which there is nothing more to look at. */
async function lookAround(config: Invocation['config'], files: readonly string[]): Promise<Finding[]> {
  let settings
  try {
    settings = config()
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    return error.message.split('\n').map((line) => fail('config', line, 'docs/config.md has every setting'))
  }
  const areas = await Promise.all([
    lookAtConfig(settings, files),
    lookAtFiles(settings),
    lookAtDatabase(settings, clock.now()),
    lookAtDisk(settings),
    lookAtBackups(settings, clock.now()),
    lookAtServer(settings, ask),
    lookAtNames(settings, clock, ask),
    lookAtTls(settings, clock.now()),
    lookAtMail(settings),
    findLivekit(settings.data_dir, process.env).then((livekit) =>
      lookAtCalls(settings, { livekit, asking: ask, clock }),
    ),
    lookAtPush(settings, clock.now()),
    lookAtTelegram(settings, ask),
    lookAtFederation(settings, (server) => lookAtServerOf(settings, server)),
  ])
  return areas.flat()
}

const TIMEOUT_MS = 10_000

const ask: Ask = async (url) => {
  const response = await fetch(url, { signal: AbortSignal.timeout(TIMEOUT_MS), redirect: 'manual' })
  return { status: response.status, headers: response.headers, text: await response.text() }
}

const marks = { good: 'good', warn: 'warn', fail: 'FAIL' } as const

function lineOf({ area, level, what, fix }: Finding): string {
  const line = `${marks[level]}  ${area.padEnd(11)}${what}`
  return fix === undefined ? line : `${line}\n${' '.repeat(17)}${fix}`
}

async function diagnoseFederation({ values, config, print }: Invocation, server: string): Promise<void> {
  const diagnosis = await lookAtServerOf(config(), server)
  print(values['json'] === true ? JSON.stringify(diagnosis, null, 2) : textOf(diagnosis))
  if (!diagnosis.ok) throw new CommandError(`${server} cannot be talked with`)
}

async function lookAtServerOf(config: Config, server: string): Promise<Diagnosis> {
  const dns = createDns({ clock })
  const fetch = await openOutgoing(config, { dns, clock })
  try {
    return await diagnoseServer({ dns, fetch, clock }, server)
  } finally {
    fetch.close()
  }
}

function textOf({ hops }: Diagnosis): string {
  return hops
    .map(({ hop, ok, detail, fix }) => {
      const line = `${ok ? 'good' : 'BAD '}  ${hop.padEnd(11)}${detail}`
      return fix === undefined ? line : `${line}\n${' '.repeat(17)}${fix}`
    })
    .join('\n')
}
