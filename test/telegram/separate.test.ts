/** The bridge in a process of its own, beside a homeserver of ours and beside a Synapse. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from '@jest/globals'
import { parse } from 'yaml'
import { freePort } from '../../homeserver/domain/rtc/run-livekit.ts'
import type { Client } from '../support/client.ts'
import { makeCertificate } from '../support/certificates.ts'
import { FakeTelegram, fullRights } from '../support/fake-telegram/fake-telegram.ts'
import { loopback } from '../support/loopback.ts'
import { missingPrograms } from '../support/mixed.ts'
import { Place, stop } from '../support/program.ts'
import { startServer } from '../support/server.ts'
import { Synapse } from '../support/synapse.ts'
import { Watcher } from '../support/watcher.ts'

const program = fileURLToPath(new URL('../../homeserver/telegram-main.ts', import.meta.url))

/** A bridge that has its settings and its registration, and does not run yet. */
class Bridge {
  readonly telegram: FakeTelegram
  readonly place: Place
  readonly port: number

  constructor(telegram: FakeTelegram, place: Place, port: number) {
    this.telegram = telegram
    this.place = place
    this.port = port
  }

  async configure(serverName: string, homeserver: string): Promise<void> {
    const { telegram, place, port } = this
    await writeFile(
      place.path('config.yaml'),
      `
server_name: '${serverName}'
data_dir: ${place.path('data')}
log: { level: info, format: json }
telegram:
  bot_token: '${telegram.token}'
  api_root: '${telegram.url}'
  run: separate
  listen: 127.0.0.1:${port}
  homeserver: '${homeserver}'
  group_rate: 100000
`,
    )
  }

  /** Writes the registration, and gives where it is. */
  async register(): Promise<string> {
    const { code, stdout, stderr } = await this.place.run(program, { args: ['--register'] })
    if (code !== 0) throw new Error(stderr)
    return stdout.trim()
  }

  /** Starts it; `atWork` when it has found Telegram and the homeserver. */
  launch(): { child: ChildProcess; atWork: Promise<void> } {
    const child = this.place.launch(program)
    const { promise, resolve } = Promise.withResolvers<void>()
    child.stdout?.on('data', (chunk: Buffer) => {
      if (chunk.includes('Telegram bridge at work')) resolve()
    })
    child.stderr?.resume()
    return { child, atWork: promise }
  }

  async ask(path: string): Promise<{ status: number; text: string }> {
    const response = await fetch(`http://127.0.0.1:${this.port}${path}`)
    return { status: response.status, text: await response.text() }
  }

  /** Joins a room with a group, as people do, and says something in each. */
  async converse(alice: Client, serverName: string): Promise<{ readonly ghost: unknown; readonly tom: string }> {
    const { telegram } = this
    const bot = `@telegrambot:${serverName}`
    const watcher = new Watcher(alice)
    const tom = telegram.person('Tom')
    const group = telegram.supergroup('Kitchen', { owner: tom, bot: fullRights })
    const roomId = await alice.createRoom({ name: 'Room', invite: [bot], preset: 'private_chat' })
    await watcher.seesMember(roomId, bot, 'join')
    const heard = (look: (body: string, event: Record<string, unknown>) => boolean) =>
      watcher.until(({ events }) =>
        [...events.values()].find(
          (event) => typeof event['content'].body === 'string' && look(event['content'].body as string, event),
        ),
      )
    await alice.send(roomId, '!tg bridge')
    const answer = await heard((body) => /\/bridge@\w+ [A-Z2-9]{8}/.test(body))
    const [, code] = /\/bridge@\w+ ([A-Z2-9]{8})/.exec(answer['content'].body as string) ?? []
    tom.say(group, `/bridge ${code}`)
    await telegram.until(() => telegram.said(group).find(({ text }) => text?.startsWith('This group is bridged')))
    tom.say(group, 'from Telegram')
    const said = await heard((body) => body === 'from Telegram')
    await alice.send(roomId, 'from Matrix')
    await telegram.until(() => telegram.said(group).find(({ text }) => text?.endsWith(': from Matrix')))
    return { ghost: said['sender'], tom: `@telegram_${tom.user.id}:${serverName}` }
  }
}

test('in a process of its own the bridge joins a group with a room, tells how it is, and ends when it is asked to', async () => {
  await using telegram = await FakeTelegram.start()
  await using place = await Place.make()
  const bridge = new Bridge(telegram, place, await freePort())
  const port = await freePort()
  await bridge.configure('hs.test', `http://127.0.0.1:${port}`)
  const registration = await bridge.register()
  expect(parse(await readFile(registration, 'utf8'))).toMatchObject({
    id: 'telegram',
    url: `http://127.0.0.1:${bridge.port}`,
  })
  const { child, atWork } = bridge.launch() // before the homeserver is there: it keeps trying
  await using server = await startServer({ config: `listen: { port: ${port} }\nappservices: ['${registration}']` })
  await atWork
  const alice = await server.register('alice')
  const { ghost, tom } = await bridge.converse(alice, 'hs.test')
  expect(ghost).toBe(tom)
  const { portals } = await alice.get('/_domovoi/client/v1/telegram/portals')
  expect(portals).toMatchObject([{ bridged_by: alice.userId, state: 'active' }])
  const unasked = await fetch(`http://127.0.0.1:${bridge.port}/_matrix/app/unstable/org.domovoi.telegram/chats`, {
    method: 'POST',
    body: JSON.stringify({ user_id: alice.userId }),
  })
  expect(unasked.status).toBe(403)
  expect((await bridge.ask('/healthz')).status).toBe(200)
  expect((await bridge.ask('/readyz')).status).toBe(200)
  expect((await bridge.ask('/metrics')).text).toMatch(
    /^domovoi_telegram_bridged_total\{direction="to_matrix",result="done"\} [1-9]/m,
  )
  expect((await bridge.ask('/_matrix/app/v1/ping')).status).toBe(403)
  expect(await stop(child)).toBe(0)
})

const describeSynapse = missingPrograms.length === 0 ? describe : describe.skip

describeSynapse(`beside a Synapse${missingPrograms.map((name) => ` (no ${name})`).join('')}`, () => {
  test('case 42: the bridge joins a group with a room, with the registration that it wrote', async () => {
    await using telegram = await FakeTelegram.start()
    await using place = await Place.make()
    const bridge = new Bridge(telegram, place, await freePort())
    const host = loopback(7)
    const name = `${host}:8448`
    await bridge.configure(name, `http://${host}:8008`)
    const registration = await bridge.register()
    const tls = { key: place.path('key.pem'), cert: place.path('cert.pem') }
    const made = makeCertificate(host)
    await Promise.all([writeFile(tls.key, made.key), writeFile(tls.cert, made.cert)])
    await using synapse = await Synapse.start({ host, name, tls, registrations: [registration] })
    const { child, atWork } = bridge.launch()
    await atWork // Synapse waits long after it has not found a service
    const { ghost, tom } = await bridge.converse(await synapse.register('alice'), name)
    expect(ghost).toBe(tom)
    child.kill('SIGKILL')
    await once(child, 'exit')
  })
})
