import { chmod, mkdtemp, rm, truncate, unlink, utimes, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, jest, test } from '@jest/globals'
import { hasOpenssl, makeCertificate } from '../../test/support/certificates.ts'
import { makeBackup } from '../backup/make.ts'
import { backupDirectory } from '../backup/place.ts'
import { loadConfig } from '../config/load.ts'
import type { Config } from '../config/schema.ts'
import { furnish, makeDataDir, survey } from '../installation.ts'
import { openDatabase } from '../open-database.ts'
import { systemClock as clock } from '../platform/clock.ts'
import { FakeClock } from '../platform/fake-clock.ts'
import { migrate } from '../storage/migrate.ts'
import { lookAtConfig } from './config.ts'
import { lookAtDatabase } from './database.ts'
import { lookAtBackups, lookAtDisk, lookAtFiles } from './files.ts'
import type { Finding } from './finding.ts'
import { type Ask, lookAtMail, lookAtNames, lookAtServer, lookAtTls } from './network.ts'

jest.setTimeout(30_000)

const day = 86_400_000

class House implements AsyncDisposable {
  readonly directory: string

  constructor(directory: string) {
    this.directory = directory
  }

  static async make(): Promise<House> {
    return new House(await mkdtemp(join(tmpdir(), 'domovoi-diagnose-')))
  }

  config(more = ''): Config {
    const text = `server_name: chat.example.org\ndata_dir: ${this.directory}/data\n`
    const files = [text, more].map((each, n) => ({ name: String(n), text: each }))
    return loadConfig({ files, env: {}, readFile: () => '' })
  }

  /** As after a first start. */
  async furnish(): Promise<Config> {
    const config = this.config()
    const missing = await survey(config)
    await makeDataDir(config)
    await furnish(config, missing)
    const database = await openDatabase(config)
    await migrate(database)
    await database.close()
    return config
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.directory, { recursive: true, force: true })
  }
}

const levels = (findings: readonly Finding[]) => new Set(findings.map(({ level }) => level))
const found = (level: Finding['level'], what: RegExp, fix: RegExp) =>
  expect.objectContaining({ level, what: expect.stringMatching(what), fix: expect.stringMatching(fix) })

/** Answers of a reverse proxy, by the end of the URL. */
const proxy =
  (answers: Record<string, { status?: number; headers?: Record<string, string>; text: string }>): Ask =>
  (url) => {
    const [, answer] = Object.entries(answers).find(([end]) => url.endsWith(end)) ?? []
    if (!answer) return Promise.reject(new Error('connection refused'))
    return Promise.resolve({ status: 200, ...answer, headers: new Headers(answer.headers) })
  }

const open = { 'access-control-allow-origin': '*' }
const versions = { headers: open, text: '{"versions":[]}' }
const leading = { headers: open, text: '{"m.homeserver":{"base_url":"https://chat.example.org"}}' }

test('a house in order has nothing to mend', async () => {
  await using house = await House.make()
  const config = await house.furnish()
  expect(levels(await lookAtConfig(config, []))).toEqual(new Set(['good']))
  expect(levels(await lookAtFiles(config))).toEqual(new Set(['good']))
  expect(levels(await lookAtDatabase(config))).toEqual(new Set(['good']))
  expect(levels(await lookAtDisk(config, { bytes: 0, share: 0 }))).not.toContain('fail')
  const asking = proxy({ '/versions': versions, 'matrix/client': leading })
  expect(levels(await lookAtNames(config, clock, asking))).toEqual(new Set(['good']))
  expect(levels(await lookAtServer(config, asking))).toEqual(new Set(['good']))
  await makeBackup({ config, configFiles: [], directory: backupDirectory(config), passphrase: undefined, clock })
  expect(levels(await lookAtBackups(config, clock.now()))).toEqual(new Set(['good']))
})

test('fault 1: dangerous settings', async () => {
  await using house = await House.make()
  const more =
    'registration: { mode: open, i_accept_abuse_risk: true }\nlimits: { preset: off }\nmetrics: { listen: 0.0.0.0:9009 }'
  const findings = await lookAtConfig(house.config(more), [])
  expect(findings).toContainEqual(found('warn', /^Anybody can make an account/, /mode: invite/))
  expect(findings).toContainEqual(found('warn', /^Metrics are for everybody/, /127\.0\.0\.1/))
  expect(findings).toContainEqual(found('warn', /no rate limits/, /normal/))
})

test('fault 2: settings that everybody reads', async () => {
  await using house = await House.make()
  const file = join(house.directory, 'config.yaml')
  await writeFile(file, '', { mode: 0o644 })
  await chmod(file, 0o644)
  expect(await lookAtConfig(house.config(), [file])).toEqual([found('warn', /can be read by everybody/, /^chmod 600/)])
})

test('fault 3: no data directory', async () => {
  await using house = await House.make()
  expect(await lookAtFiles(house.config())).toEqual([found('fail', /^There is no /, /npm start/)])
})

test('fault 4: files open to others', async () => {
  await using house = await House.make()
  const config = await house.furnish()
  await chmod(config.data_dir, 0o755)
  await chmod(`${config.data_dir}/signing.key`, 0o644)
  const findings = await lookAtFiles(config)
  expect(findings).toContainEqual(found('fail', /is open to other users/, /^chmod 700/))
  expect(findings).toContainEqual(found('fail', /signing\.key can be read by others/, /^chmod 600/))
})

test('fault 5: the signing key is gone, or garbage', async () => {
  await using house = await House.make()
  const config = await house.furnish()
  await writeFile(`${config.data_dir}/signing.key`, 'garbage')
  expect(await lookAtFiles(config)).toContainEqual(found('fail', /cannot be used/, /backup/))
  await unlink(`${config.data_dir}/signing.key`)
  expect(await lookAtFiles(config)).toContainEqual(found('fail', /signing\.key is missing/, /backup/))
})

test('fault 6: a damaged database', async () => {
  await using house = await House.make()
  const config = await house.furnish()
  const file = `${config.data_dir}/domovoi.db`
  await rm(`${file}-wal`, { force: true })
  await truncate(file, 4096)
  await truncate(file, 400_000) // all but the first page is nought
  expect(await lookAtDatabase(config)).toContainEqual(found('fail', /./, /restore|database\.url/))
})

test('fault 7: a database that is not there', async () => {
  await using house = await House.make()
  expect(await lookAtDatabase(house.config())).toEqual([found('fail', /^There is no /, /npm start/)])
  const elsewhere = house.config(`database: { url: 'postgres://domovoi@127.0.0.1:1/domovoi' }`)
  expect(await lookAtDatabase(elsewhere)).toEqual([found('fail', /^cannot open the database/, /Postgres/)])
})

test('fault 8: a full disk', async () => {
  await using house = await House.make()
  const config = await house.furnish()
  expect(await lookAtDisk(config, { bytes: Infinity, share: 0 })).toContainEqual(found('fail', /GiB are free/, /purge/))
})

test('fault 9: no backup, or an old one', async () => {
  await using house = await House.make()
  const config = await house.furnish()
  expect(await lookAtBackups(config, clock.now())).toEqual([found('warn', /^There is no backup/, /cli -- backup/)])
  const options = { config, configFiles: [], directory: backupDirectory(config), passphrase: undefined, clock }
  const { path } = await makeBackup(options)
  const old = new Date(clock.now() - 5 * day)
  await utimes(path, old, old)
  expect(await lookAtBackups(config, clock.now())).toEqual([found('warn', /is 5 days old/, /every/)])
})

test('fault 10: the public address leads nowhere, or somewhere else', async () => {
  await using house = await House.make()
  const config = house.config()
  const look = async (answers: Parameters<typeof proxy>[0]) => await lookAtNames(config, clock, proxy(answers))
  expect(await look({})).toContainEqual(found('fail', /does not answer: connection refused/, /reverse proxy/))
  const parked = { text: '<html>parked</html>' }
  expect(await look({ '/versions': parked })).toContainEqual(found('fail', /^Something else answers/, /proxy/))
  const strict = { text: '{"versions":[]}' }
  expect(await look({ '/versions': strict })).toContainEqual(found('fail', /CORS/, /proxy/))
  expect(
    await look({ 'matrix/client': { headers: open, text: '{"m.homeserver":{"base_url":"https://old"}}' } }),
  ).toContainEqual(found('fail', /leads to https:\/\/old/, /base_url/))
  expect(await look({ 'matrix/client': { status: 404, text: '' } })).toContainEqual(
    found('warn', /answers 404/, /base_url/),
  )
  expect(await lookAtServer(config, proxy({}))).toEqual([found('fail', /^No server answers/, /npm start/)])
})

test('fault 11: a clock that is wrong', async () => {
  await using house = await House.make()
  const late = new FakeClock()
  const date = new Date(late.now() + 60_000).toUTCString()
  const answers = { '/versions': { headers: { ...open, date }, text: '{"versions":[]}' }, 'matrix/client': leading }
  expect(await lookAtNames(house.config(), late, proxy(answers))).toContainEqual(
    found('fail', /differ by \d+ s/, /ntp/),
  )
})

const describeTls = hasOpenssl ? describe : describe.skip

describeTls('fault 12', () => {
  test('a certificate of another name, over, or without its key', async () => {
    await using house = await House.make()
    const [ours, other] = [makeCertificate('chat.example.org'), makeCertificate('other.example.org')]
    const [cert, key] = [join(house.directory, 'cert.pem'), join(house.directory, 'key.pem')]
    const config = house.config(`tls: { mode: files, cert: '${cert}', key: '${key}' }`)
    const look = async (certificate: string, itsKey: string, now = clock.now()) => {
      await writeFile(cert, certificate)
      await writeFile(key, itsKey)
      return await lookAtTls(config, now)
    }
    expect(await look(ours.cert, ours.key)).toEqual([found('warn', /ends in \d+ days/, /renew/)])
    expect(await look(ours.cert, ours.key, clock.now() - 30 * day)).toMatchObject([{ level: 'good' }])
    expect(await look(ours.cert, ours.key, clock.now() + 30 * day)).toEqual([found('fail', /is over/, /renew/)])
    expect(await look(ours.cert, other.key)).toEqual([found('fail', /does not belong to/, /tls\.key/)])
    expect(await look(other.cert, other.key)).toEqual([found('warn', /is not for chat\.example\.org/, /delegation/)])
  })
})

test('fault 13: a mail server that does not answer', async () => {
  await using house = await House.make()
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  await new Promise((resolve) => server.close(resolve))
  const config = house.config(`mail: { host: 127.0.0.1, port: ${port}, encryption: none }`)
  expect(await lookAtMail(config)).toEqual([found('fail', /does not take our letters/, /mail/)])
})
