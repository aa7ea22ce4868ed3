import { chmod, mkdtemp, rm, truncate, unlink, utimes, writeFile } from 'node:fs/promises'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, jest, test } from '@jest/globals'
import { hasOpenssl, makeCertificate } from '../../test/support/certificates.ts'
import { FakeDns } from '../../test/support/fake-dns.ts'
import { FakeSfu } from '../../test/support/fake-sfu.ts'
import { FakeTelegram } from '../../test/support/fake-telegram/fake-telegram.ts'
import { makeBackup } from '../backup/make.ts'
import { backupDirectory } from '../backup/place.ts'
import { loadConfig } from '../config/load.ts'
import type { Config } from '../config/schema.ts'
import { furnish, makeDataDir, survey } from '../installation.ts'
import { openDatabase } from '../open-database.ts'
import { systemClock as clock } from '../platform/clock.ts'
import { FakeClock } from '../platform/fake-clock.ts'
import { createFetcher } from '../platform/fetch.ts'
import { diagnose } from '../domain/federation/diagnose.ts'
import { migrate } from '../storage/migrate.ts'
import { beginPartialRoom } from '../storage/partial-rooms.ts'
import { setPusher } from '../storage/pushers.ts'
import { lookAtCalls } from './calls.ts'
import { lookAtConfig } from './config.ts'
import { lookAtDatabase } from './database.ts'
import { lookAtFederation } from './federation.ts'
import { lookAtBackups, lookAtDisk, lookAtFiles } from './files.ts'
import type { Finding } from './finding.ts'
import { type Ask, lookAtMail, lookAtNames, lookAtServer, lookAtTls } from './network.ts'
import { lookAtPush } from './push.ts'
import { lookAtTelegram } from './telegram.ts'

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
  expect(levels(await lookAtDatabase(config, clock.now()))).toEqual(new Set(['good']))
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
  expect(await lookAtDatabase(config, clock.now())).toContainEqual(found('fail', /./, /restore|database\.url/))
})

test('fault 7: a database that is not there', async () => {
  await using house = await House.make()
  expect(await lookAtDatabase(house.config(), clock.now())).toEqual([found('fail', /^There is no /, /npm start/)])
  const elsewhere = house.config(`database: { url: 'postgres://domovoi@127.0.0.1:1/domovoi' }`)
  expect(await lookAtDatabase(elsewhere, clock.now())).toEqual([found('fail', /^cannot open the database/, /Postgres/)])
})

test('fault 19: a room that has waited for its members for hours', async () => {
  await using house = await House.make()
  const config = await house.furnish()
  const database = await openDatabase(config)
  const join = { roomId: '!hall', eventId: '$join', toldBy: 'gone.test', servers: ['gone.test'] } as const
  await database.transaction('join', (tx) => beginPartialRoom(tx, join, clock.now() - day))
  await database.close()
  expect(await lookAtDatabase(config, clock.now())).toContainEqual(
    found('warn', /^1 rooms have waited .*!hall/, /no whole state/),
  )
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

test('fault 14: no SFU, or none that holds its ports, and apps that are not told of it', async () => {
  await using house = await House.make()
  const surroundings = { livekit: undefined, asking: proxy({}), clock }
  expect(await lookAtCalls(house.config(), surroundings)).toEqual([found('warn', /no livekit-server/, /calls:install/)])
  expect(await lookAtCalls(house.config('calls: { sfu: off }'), surroundings)).toEqual([])

  const [udp, tcp] = [createSocket('udp4').bind(0), createServer().listen(0, '127.0.0.1')]
  await Promise.all([once(udp, 'listening'), once(tcp, 'listening')])
  const ports = (ofUdp: number, ofTcp: number) => house.config(`calls: { udp_port: ${ofUdp}, tcp_port: ${ofTcp} }`)
  const held = ports(udp.address().port, (tcp.address() as AddressInfo).port)
  const told = { headers: open, text: '{"rtc":[{"livekit_service_url":"https://chat.example.org/livekit/jwt"}]}' }
  const look = async (answer: typeof told, config = held) =>
    await lookAtCalls(config, { livekit: '/bin/livekit', asking: proxy({ 'matrix/client': answer }), clock })
  expect(levels(await look(told))).toEqual(new Set(['good']))
  expect(await look(leading)).toContainEqual(found('fail', /are not told of the SFU/, /restart/))
  await Promise.all([once(udp.close(), 'close'), once(tcp.close(), 'close')])
  const closed = await look(told, ports(20_017, 20_018)) // below those that systems give away
  expect(closed).toContainEqual(found('fail', /^Nothing listens at UDP port/, /livekit in its log/))
  expect(closed).toContainEqual(found('fail', /^Nothing listens at TCP port/, /livekit in its log/))
})

test('fault 15: an SFU elsewhere that is down, does not know our key, or is not to be reached by apps', async () => {
  await using house = await House.make()
  const sfu = await FakeSfu.start()
  const settings = sfu.config
  const config = (secret = sfu.secret, publicUrl = sfu.publicUrl) =>
    house.config(settings.replace(sfu.secret, secret).replace(sfu.publicUrl, publicUrl))
  const asking = proxy({ 'sfu.test': { text: 'OK' } })
  const look = async (given: Config) => await lookAtCalls(given, { livekit: undefined, asking, clock })
  expect(levels(await look(config()))).toEqual(new Set(['good']))
  expect(await look(config('another secret of more than thirty-two'))).toContainEqual(found('fail', /401/, /api_key/))
  expect(await look(config(sfu.secret, 'wss://gone.test'))).toContainEqual(found('fail', /^Apps do not reach/, /DNS/))
  expect(await look(config(sfu.secret, 'ws://sfu.test'))).toContainEqual(found('fail', /^Browsers refuse/, /wss/))
  await sfu[Symbol.asyncDispose]()
  expect(await look(config())).toContainEqual(found('fail', /cannot be reached/, /livekit_internal_url/))
})

test('fault 16: a bot that is not ours, hears nothing, or belongs to another program; a bridge nobody knows', async () => {
  await using house = await House.make()
  await using telegram = await FakeTelegram.start()
  const asking: Ask = async (url) => {
    const answer = await fetch(url)
    return { status: answer.status, headers: answer.headers, text: await answer.text() }
  }
  const config = (token: string = telegram.token, root: string = telegram.url) =>
    house.config(`telegram: { bot_token: '${token}', api_root: '${root}' }`)
  expect(await lookAtTelegram(house.config(), asking)).toEqual([])
  expect(await lookAtTelegram(config(), asking)).toEqual([
    expect.objectContaining({ level: 'good' }),
    found('fail', /^The registration of the bridge is missing/, /npm start/),
  ])
  telegram.bot.readsAll = false
  expect(await lookAtTelegram(config(), asking)).toContainEqual(found('warn', /privacy mode/, /setprivacy/))
  await fetch(`${telegram.url}/bot${telegram.token}/setWebhook?url=https://elsewhere.test`)
  expect(await lookAtTelegram(config(), asking)).toContainEqual(found('warn', /has set a webhook/, /other program/))
  const wrong = await lookAtTelegram(config('1:AAWrong'), asking)
  expect(wrong).toContainEqual(found('fail', /does not know the token/, /BotFather/))
  const nowhere = await lookAtTelegram(config('1:AAWrong', 'http://127.0.0.1:1'), asking)
  expect(nowhere).toContainEqual(found('fail', /does not answer/, /api_root/))
  expect(JSON.stringify([wrong, nowhere])).not.toContain('AAWrong')
})

test('fault 17: gateways that take no pushes', async () => {
  await using house = await House.make()
  expect(await lookAtPush(house.config(), clock.now())).toEqual([])
  const config = await house.furnish()
  expect(await lookAtPush(config, clock.now())).toEqual([])
  const pusher = {
    userId: '@alice:chat.example.org',
    appId: 'app',
    kind: 'http',
    awaited: undefined,
    deviceId: undefined,
    profileTag: undefined,
  } as const
  const shown = { appDisplayName: 'App', deviceDisplayName: 'Phone', lang: 'en', data: { url: 'https://push.test' } }
  const database = await openDatabase(config)
  await database.transaction('plant', async (tx) => {
    for (const pushkey of ['one', 'two']) {
      await setPusher(tx, { ...pusher, ...shown, pushkey, enabled: true, setTs: 0 }, 0)
    }
  })
  expect(await lookAtPush(config, clock.now())).toEqual([
    { area: 'push', level: 'good', what: 'All 2 devices are told' },
  ])
  await database.transaction('plant', (tx) =>
    tx.run(`update pushers set failing_since = ? where pushkey = 'two'`, [clock.now() - day]),
  )
  await database.close()
  expect(await lookAtPush(config, clock.now())).toEqual([found('warn', /^1 of 2 devices.* 24 h$/, /allow_ranges/)])
})

test('fault 18: a name under which other servers find nothing', async () => {
  await using house = await House.make()
  const dns = new FakeDns()
  dns.serve('chat.example.org', 1)
  const outgoing = createFetcher({ allow: ['127.0.0.0/8'], resolve: (host) => dns.addresses(host), clock })
  const look = async (settings: string) =>
    await lookAtFederation(house.config(settings), (server) => diagnose({ dns, fetch: outgoing, clock }, server))
  expect(await look('federation: { mode: off }')).toEqual([])
  expect(await look('federation: { mode: open }')).toEqual([found('warn', /localhost:1 cannot be reached/, /listens/)])
  dns.addresses = () => Promise.reject(new Error('no address'))
  expect(await look('federation: { mode: open }')).toEqual([found('fail', /has no address/, /A or AAAA/)])
  outgoing.close()
})
