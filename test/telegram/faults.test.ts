/** What Telegram may do to the bridge, beside what to-telegram.test.ts shows of its sending; and what is logged of it (T95). */
import { readFile } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { afterEach, expect, test } from '@jest/globals'
import { Telegram, verdictOf } from '../../bridges/telegram/telegram.ts'
import { FakeClock } from '../../homeserver/platform/fake-clock.ts'
import { configureLogging } from '../../homeserver/platform/log.ts'
import { forEachDatabase } from '../support/databases.ts'
import { FakeTelegram, fullRights } from '../support/fake-telegram/fake-telegram.ts'
import { Bridged } from '../support/telegram.ts'

afterEach(() => configureLogging({}))

async function isReady(dataDir: string): Promise<boolean> {
  const { promise, resolve, reject } = Promise.withResolvers<boolean>()
  request({ socketPath: join(dataDir, 'telegram.sock'), path: '/ready' }, (response) =>
    resolve(response.resume().statusCode === 200),
  )
    .on('error', reject)
    .end()
  return await promise
}

forEachDatabase(({ dialect }) => {
  test('case 11: while the token is refused the bridge is not ready; then it goes on, and nothing is lost', async () => {
    const clock = new FakeClock()
    await using bridged = await Bridged.start(dialect, '', { clock })
    const { alice, tom, telegram, server } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    expect(await isReady(server.dataDir)).toBe(true)
    telegram.fail({ kind: '401', method: 'getUpdates', times: 2 })
    telegram.fail({ kind: '401', method: 'sendMessage', times: 2 })
    tom.say(group, 'the last for a while')
    await bridged.text(roomId, 'the last for a while')
    tom.say(group, 'said meanwhile')
    await alice.send(roomId, 'wrote meanwhile')
    while (await isReady(server.dataDir)) await alice.get('/account/whoami')
    const written = () => telegram.said(group).filter(({ text }) => text?.startsWith('alice: wrote meanwhile') === true) // and when, if that is long ago by now
    const isThere = () => written().length > 0
    while (!isThere() || !(await isReady(server.dataDir))) {
      await clock.advance(1_000)
      await alice.get('/account/whoami') // what goes on beside has time to: after six hours it would not be sent
    }
    await bridged.text(roomId, 'said meanwhile')
    expect(written()).toHaveLength(1)
  })

  test('case 44: neither tokens nor codes nor what people say is logged', async () => {
    const lines: string[] = []
    await using bridged = await Bridged.start(dialect)
    configureLogging({ level: 'info', format: 'json', write: (line) => void lines.push(line) })
    const { alice, tom, telegram, server } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    const registration = await readFile(join(server.dataDir, 'appservices/telegram.yaml'), 'utf8')
    const tokens = [...registration.matchAll(/_token: (\S+)/g)].map(([, token]) => token ?? '')
    for (const kind of ['500', 'dropBefore', '403', 'badJson'] as const) {
      telegram.fail({ kind, method: 'sendMessage', chat: group.chat.id })
      await alice.send(roomId, `whispered ${kind}`)
    }
    await bridged.said(group, ({ text }) => text === 'alice: whispered badJson')
    telegram.bot.tell({ message: { chat: group.chat, text: 'muttered' } })
    tom.say(group, 'cried')
    await bridged.text(roomId, 'cried')
    const log = lines.join('\n')
    expect(log).toContain('not bridged')
    expect(tokens).toHaveLength(2)
    for (const secret of [telegram.token, ...tokens, alice.token, 'whispered', 'muttered', 'cried']) {
      expect(log).not.toContain(secret)
    }
  })
})

test('a call that hangs is given up, and whether it had an effect is in doubt', async () => {
  await using telegram = await FakeTelegram.start()
  const group = telegram.supergroup('Kitchen', { owner: telegram.person('Tom'), bot: fullRights })
  telegram.fail({ kind: 'hang', method: 'sendMessage' })
  const { sender } = new Telegram({ token: telegram.token, apiRoot: telegram.url, timeoutMs: 50 })
  const failed = await sender.sendMessage({ chat_id: group.chat.id, text: 'x' }).catch((error: unknown) => error)
  expect(verdictOf(failed)).toEqual({ kind: 'unknown' })
})
