import { readFile, writeFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { parseDocument } from 'yaml'
import { DEFAULT_FILE } from '../config/files.ts'
import type { Config } from '../config/schema.ts'
import { MatrixError } from '../core/errors.ts'
import { type Appservice, Appservices } from '../domain/accounts/appservices.ts'
import { readRegistrations } from '../domain/accounts/registration-files.ts'
import { AppserviceClient } from '../domain/appservice/client.ts'
import { AppservicePing } from '../domain/appservice/ping.ts'
import { openDatabase } from '../open-database.ts'
import { messageOf } from '../platform/caught.ts'
import { systemClock as clock } from '../platform/clock.ts'
import { createDns } from '../platform/dns.ts'
import { findAppserviceProgress } from '../storage/appservices.ts'
import { type Command, CommandError, UsageError } from './command.ts'

export const appservice: Command = {
  usage: 'list | ping ID | add FILE',
  help: `Looks after the application services of the settings: bridges and bots. Works beside a running server and without one.

  list      id, sender, URL, transactions so far, and whether one waits to be taken
  ping ID   asks the application service whether it is there, from this machine
  add FILE  writes a registration file into the settings, if it is good; a server takes it up on SIGHUP`,
  async run({ positionals: [action, id, ...rest], values, config, print }) {
    if (action === 'add' && id !== undefined && rest.length === 0) {
      return print(await add(config(), id, settingsFile(values['config'])))
    }
    const settings = config()
    if (action === 'list' && id === undefined) return print(await list(settings))
    if (action === 'ping' && id !== undefined && rest.length === 0) return print(await ping(settings, id))
    throw new UsageError(action === undefined ? 'What is to be done?' : 'The arguments do not fit')
  },
}

async function registered(config: Config): Promise<Appservices> {
  try {
    return new Appservices({ files: await readRegistrations(config.appservices), serverName: config.server_name })
  } catch (error) {
    throw new CommandError(messageOf(error), { exitCode: 78 })
  }
}

/** The file that wins over the others. */
const settingsFile = (named: unknown): string => (Array.isArray(named) ? String(named.at(-1)) : DEFAULT_FILE)

/** Keeps the comments and the order of the file. */
async function add(config: Config, file: string, settings: string): Promise<string> {
  const path = resolve(file)
  if (config.appservices.some((known) => resolve(known) === path)) return `${settings} names ${path} already`
  await registered({ ...config, appservices: [...config.appservices, path] }) // tells what is wrong with it
  const document = parseDocument(await readFile(settings, 'utf8'))
  if (document.has('appservices')) document.addIn(['appservices'], path)
  else document.set('appservices', [path])
  await writeFile(settings, document.toString({ lineWidth: 0 }))
  return `${settings} names ${path}. A server that runs takes it up with: kill -HUP`
}

async function list(config: Config): Promise<string> {
  const { all } = await registered(config)
  if (all.length === 0) return 'The settings name no application service'
  await using database = await openDatabase(config)
  const lines = all.map(async ({ id, sender, url }: Appservice) => {
    const progress = await findAppserviceProgress(database, id)
    const waits = progress?.pending ? 'one waits' : ''
    return [id, sender, url ?? 'hears nothing', `${progress?.txnId ?? 0} transactions`, waits].join('\t').trimEnd()
  })
  return (await Promise.all(lines)).join('\n')
}

async function ping(config: Config, id: string): Promise<string> {
  const found = (await registered(config)).find(id)
  if (!found) throw new CommandError(`The settings name no application service ${id}`)
  const client = new AppserviceClient({ clock, dns: createDns({ clock }) })
  try {
    return `${id} answered within ${await new AppservicePing({ client, clock }).ping(found, 'cli')} ms`
  } catch (error) {
    throw error instanceof MatrixError ? new CommandError(error.message) : error
  } finally {
    client.close()
  }
}
