/** How the bridge is told of updates, and by how many processes. */
import { createHmac } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { parse } from 'yaml'
import { TelegramBridge } from '../../bridges/telegram/bridge.ts'
import { Lease, LeaseHeldError, OtherBotError } from '../../bridges/telegram/lease.ts'
import { bridgeMetrics } from '../../bridges/telegram/metrics.ts'
import { Telegram } from '../../bridges/telegram/telegram.ts'
import { Webhook } from '../../bridges/telegram/webhook.ts'
import { freePort } from '../../homeserver/domain/rtc/run-livekit.ts'
import { systemClock } from '../../homeserver/platform/clock.ts'
import { FakeClock } from '../../homeserver/platform/fake-clock.ts'
import { Metrics } from '../../homeserver/platform/metrics.ts'
import { Database } from '../../homeserver/storage/database.ts'
import { migrate } from '../../homeserver/storage/migrate.ts'
import { bridgeConfigOf } from '../../homeserver/telegram.ts'
import { forEachDatabase } from '../support/databases.ts'
import type { Person } from '../support/fake-telegram/person.ts'
import { startServer } from '../support/server.ts'
import { Bridged } from '../support/telegram.ts'

/** What Telegram proves itself by, which only the bridge and Telegram know. */
async function secretOf(dataDir: string): Promise<string> {
  const file = await readFile(join(dataDir, 'appservices/telegram.yaml'), 'utf8')
  const { hs_token: key } = parse(file) as { hs_token: string }
  return createHmac('sha256', key).update('telegram webhook').digest('base64url')
}

/** What somebody has said in a room, the oldest first. */
async function said(bridged: Bridged, roomId: string, person: Person): Promise<unknown[]> {
  const all = (await bridged.events(roomId)).filter(
    ({ sender, type }) => sender === bridged.ghost(person) && type === 'm.room.message',
  )
  return all.map(({ content }) => content.body as unknown)
}

forEachDatabase(({ dialect, freshUrl }) => {
  test('case 4: Telegram posts updates where it was told to, nobody else can, and what comes twice is bridged once', async () => {
    const port = await freePort()
    const url = `http://127.0.0.1:${port}`
    await using bridged = await Bridged.start(dialect, `listen: { port: ${port} }\ntelegram: { webhook: '${url}' }`)
    const { telegram, tom, server } = bridged
    const { bot } = telegram
    await telegram.until(() => bot.webhook)
    const secret = await secretOf(server.dataDir)
    expect(bot.webhook).toEqual({ url: `${url}/telegram/webhook`, secret })
    expect(telegram.calls.find(({ method }) => method === 'setWebhook')?.params['allowed_updates']).toContain(
      'message_reaction',
    )
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    const said = tom.say(group, 'by webhook')
    await bridged.text(roomId, 'by webhook')
    expect(bot.polls).toBe(0)

    const post = async (body: unknown, headers: Record<string, string>) => {
      const response = await fetch(`${url}/telegram/webhook`, { method: 'POST', headers, body: JSON.stringify(body) })
      return response.status
    }
    const proof = { 'x-telegram-bot-api-secret-token': secret }
    const forged = { update_id: 999_999_999, message: { ...said, text: 'forged' } }
    expect(await post(forged, {})).toBe(401)
    expect(await post(forged, { 'x-telegram-bot-api-secret-token': `${secret}x` })).toBe(401)
    expect(
      await post(forged, {
        'x-telegram-bot-api-secret-token': `A${secret.slice(1)}` === secret ? 'B' : `A${secret.slice(1)}`,
      }),
    ).toBe(401)
    expect(await post({ message: said }, proof)).toBe(400)
    const next = { update_id: 800_000_000, message: { ...said, message_id: 5000, text: 'once' } }
    expect([await post(next, proof), await post(next, proof)]).toEqual([200, 200])
    expect(await post({ update_id: 800_000_001, message: { ...said, message_id: 5001, text: 'last' } }, proof)).toBe(
      200,
    )
    await bridged.text(roomId, 'last')
    const bodies = (await bridged.events(roomId)).map((event) => event['content'].body as unknown)
    expect(bodies.filter((body) => body === 'once' || body === 'forged')).toEqual(['once'])
  })

  test('case 4: while there is no database Telegram is told to come again, and then nothing is lost', async () => {
    const port = await freePort()
    const url = `http://127.0.0.1:${port}`
    await using bridged = await Bridged.start(dialect, `listen: { port: ${port} }\ntelegram: { webhook: '${url}' }`)
    const { telegram, tom, server } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    const database = await Database.open({ url: server.server.services.config.database.url })
    await using _closing = { [Symbol.asyncDispose]: () => database.close() }
    const rename = (from: string, to: string) =>
      database.transaction('rename', (tx) => tx.run(`alter table ${from} rename to ${to}`))
    await rename('telegram_updates', 'updates_elsewhere')
    tom.say(group, 'meanwhile')
    tom.say(group, 'and then')
    while (!telegram.bot.answers.includes(503)) await bridged.alice.get('/account/whoami')
    await rename('updates_elsewhere', 'telegram_updates')
    await bridged.text(roomId, 'and then')
    expect(await said(bridged, roomId, tom)).toEqual(['meanwhile', 'and then'])
  })

  test('from polling to a webhook and back nothing is lost, and nothing comes twice', async () => {
    const port = await freePort()
    await using bridged = await Bridged.start(dialect, `listen: { port: ${port} }`)
    const { alice, telegram, tom, server } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    const { data_dir: dataDir, database } = server.server.services.config
    const place = `data_dir: ${dataDir}\nlisten: { port: ${port} }\ndatabase: { url: '${database.url}' }`
    const bot = `telegram: { bot_token: '${telegram.token}', api_root: '${telegram.url}' }`
    const start = (mode: string) => startServer({ database: dialect, config: [place, bot, mode] })
    tom.say(group, 'asked for')
    await bridged.text(roomId, 'asked for')

    await server.server.stop()
    tom.say(group, 'while it goes over')
    const told = await start(`telegram: { webhook: 'http://127.0.0.1:${port}' }`)
    tom.say(group, 'told')
    await bridged.text(roomId, 'told')
    await alice.send(roomId, 'heard')
    await bridged.said(group, ({ text }) => text === 'alice: heard')
    expect(telegram.bot.answers).toContain(200)

    await told.server.stop()
    tom.say(group, 'while it goes back')
    await using asking = await start('')
    tom.say(group, 'asked for again')
    await bridged.text(roomId, 'asked for again')
    expect(telegram.bot.webhook).toBeUndefined()
    const all = ['asked for', 'while it goes over', 'told', 'while it goes back', 'asked for again']
    expect(await said(bridged, roomId, tom)).toEqual(all)
    expect(asking.url).toContain(String(port))
  })

  test('from webhook to polling nothing is lost', async () => {
    await using bridged = await Bridged.start(dialect)
    const { telegram, tom } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    telegram.bot.webhook = { url: 'http://127.0.0.1:1/', secret: undefined } // as a process before would have left it
    tom.say(group, 'in between')
    await bridged.text(roomId, 'in between')
    await telegram.until(() => telegram.bot.webhook === undefined)
  })

  test('case 11: with a revoked token everything waits, and goes on when it is good again', async () => {
    await using bridged = await Bridged.start(dialect)
    const { telegram, tom } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    const polls = telegram.bot.polls
    telegram.fail({ kind: '401', method: 'getUpdates', times: 2 })
    tom.say(group, 'meanwhile') // the poll that waits takes it; those after it fail
    await telegram.until(() => telegram.bot.polls > polls)
    tom.say(group, 'and then')
    await bridged.text(roomId, 'and then')
    const bodies = (await bridged.events(roomId)).map((event) => event['content'].body as unknown)
    expect(bodies.filter((body) => body === 'meanwhile' || body === 'and then')).toEqual(['meanwhile', 'and then'])
  })

  test('case 12: a second process waits for the first, and another poller is no crash', async () => {
    await using bridged = await Bridged.start(dialect)
    const { telegram, tom, server } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    const { config: settings } = server.server.services
    const database = await Database.open({ url: settings.database.url })
    await using _closing = { [Symbol.asyncDispose]: () => database.close() }
    const config = await bridgeConfigOf(settings, server.url)
    if (!config) throw new Error('there is a bot')
    await expect(TelegramBridge.start({ config, database, clock: systemClock })).rejects.toThrow(LeaseHeldError)
    const other = new Telegram(config)
    await other.sender.getUpdates({ timeout: 0 }) // ends the poll of the bridge: 409
    tom.say(group, 'still there')
    await bridged.text(roomId, 'still there')
    expect(telegram.bot.polls).toBeGreaterThan(1)
  })

  test('the token of another bot is refused while rooms are bridged', async () => {
    await using bridged = await Bridged.start(dialect)
    const { telegram, server } = bridged
    telegram.world.addBot('5555:other', 'other_bot', 'Other')
    const { config: settings } = server.server.services
    const config = await bridgeConfigOf(settings, server.url)
    if (!config) throw new Error('there is a bot')
    const database = await Database.open({ url: settings.database.url })
    await using _closing = { [Symbol.asyncDispose]: () => database.close() }
    await bridged.bridge(bridged.group())
    const other = { config: { ...config, token: '5555:other' }, database, clock: systemClock }
    await expect(TelegramBridge.start(other)).rejects.toThrow(OtherBotError)
  })

  test('a lease ends with its holder, or when it was not renewed; who has lost it learns of that', async () => {
    const database = await Database.open({ url: await freshUrl() })
    await using _closing = { [Symbol.asyncDispose]: () => database.close() }
    await migrate(database)
    const clock = new FakeClock()
    const parts = { database, clock, bot: { id: '1', username: 'bot' } }
    const [first, second] = [new Lease(parts), new Lease(parts)]
    await first.take()
    await expect(second.take()).rejects.toThrow(LeaseHeldError)
    await first.end()
    await second.take()
    await expect(first.take()).rejects.toThrow(LeaseHeldError)
    await clock.advance(15_000) // the second was not heard of
    await first.take()
    const kept = second.keep(new AbortController().signal)
    await clock.advance(5_000)
    await kept
    await new Lease({ ...parts, holder: 'homeserver', bot: { id: '2', username: 'bot' } }).take()
    await new Lease({ ...parts, holder: 'homeserver', bot: { id: '2', username: 'bot' } }).take() // after a crash
  })
})

test('an update that cannot be kept is answered 503, so that Telegram posts it again', async () => {
  const database = {
    rows: () => Promise.resolve([]),
    row: () => Promise.resolve(undefined),
    transaction: () => Promise.reject(new Error('no database')),
  }
  const telegram = new Telegram({ token: '1:x', apiRoot: 'http://127.0.0.1:1' })
  const bot = { id: '1', username: 'bot' }
  const metrics = bridgeMetrics(new Metrics())
  const parts = { telegram, database, clock: systemClock, bot, retryMs: 1, arrived: () => undefined, metrics }
  const webhook = new Webhook({ ...parts, url: 'http://127.0.0.1:1', key: 'key' })
  const secret = createHmac('sha256', 'key').update('telegram webhook').digest('base64url')
  const read = () => Promise.resolve(Buffer.from('{"update_id":1}'))
  await expect(webhook.take({ secret, read })).rejects.toMatchObject({ status: 503 })
  await expect(webhook.take({ secret: 'wrong', read })).rejects.toMatchObject({ status: 401 })
})
