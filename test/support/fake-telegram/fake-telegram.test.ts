/** The real library against our Telegram: it must behave as the one whose part it plays. */
import { expect, test } from '@jest/globals'
import { Api, InputFile, TelegramApiError } from 'node-telegram-bot-api'
import { FakeTelegram, fullRights } from './fake-telegram.ts'

const api = (telegram: FakeTelegram, maxRetries = 0): Api =>
  new Api(telegram.token, { apiRoot: telegram.url, maxRetries, retryBackoffMs: 1 })

test('updates wait until they are confirmed, in order, and only of the kinds that were asked for', async () => {
  await using telegram = await FakeTelegram.start()
  const bot = api(telegram)
  const alice = telegram.person('Alice')
  const polled = bot.getUpdates({ timeout: 50, allowed_updates: ['message'] })
  await telegram.until(() => telegram.bot.polls === 1)
  alice.say(alice.bot, 'one')
  const [first] = await polled
  alice.say(alice.bot, 'two')
  const both = await bot.getUpdates({ timeout: 0 })
  expect(both.map((update) => 'message' in update && update.message.text)).toEqual(['one', 'two'])
  const rest = await bot.getUpdates({ offset: (first?.update_id ?? 0) + 1, timeout: 0 })
  expect(rest).toHaveLength(1)
})

test('a second poll ends the first, and neither works beside a webhook', async () => {
  await using telegram = await FakeTelegram.start()
  const bot = api(telegram)
  const first = expect(bot.getUpdates({ timeout: 50 })).rejects.toMatchObject({ errorCode: 409 })
  await telegram.until(() => telegram.bot.polls === 1)
  const second = bot.getUpdates({ timeout: 50 })
  await first
  const bob = telegram.person('Bob')
  bob.say(bob.bot, 'hello')
  expect(await second).toHaveLength(1)
  await bot.setWebhook({ url: 'http://127.0.0.1:1/' })
  await expect(bot.getUpdates({})).rejects.toMatchObject({ errorCode: 409 })
})

test('a file goes up by multipart and comes down again', async () => {
  await using telegram = await FakeTelegram.start()
  const bot = api(telegram)
  const alice = telegram.person('Alice')
  const group = telegram.supergroup('Kitchen', { owner: alice })
  const document = new InputFile(new Uint8Array([1, 2, 3]), { filename: 'a "b".bin', contentType: 'x/y' })
  const sent = await bot.sendDocument({ chat_id: group.chat.id, document, caption: 'a file' })
  expect(sent).toMatchObject({ document: { file_size: 3, mime_type: 'x/y' }, caption: 'a file' })
  const { file_path: path } = await bot.getFile({ file_id: sent.document?.file_id ?? '' })
  const answer = await fetch(`${telegram.url}/file/bot${telegram.token}/${path}`)
  expect([...new Uint8Array(await answer.arrayBuffer())]).toEqual([1, 2, 3])
})

test('entities that leave the text are refused, in UTF-16 units', async () => {
  await using telegram = await FakeTelegram.start()
  const alice = telegram.person('Alice')
  const { chat } = telegram.supergroup('Kitchen', { owner: alice })
  const say = (text: string, offset: number, length: number) =>
    api(telegram).sendMessage({ chat_id: chat.id, text, entities: [{ type: 'bold', offset, length }] })
  expect(await say('😀 bold', 3, 4)).toMatchObject({ entities: [{ type: 'bold', offset: 3, length: 4 }] })
  await expect(say('bold', 1, 4)).rejects.toBeInstanceOf(TelegramApiError)
  await expect(say('😀', 0, 1)).rejects.toMatchObject({ errorCode: 400 })
})

test('faults happen as ordered, and a cut after the call leaves its effect', async () => {
  await using telegram = await FakeTelegram.start()
  const alice = telegram.person('Alice')
  const group = telegram.supergroup('Kitchen', { owner: alice, bot: fullRights })
  const say = (text: string) => api(telegram).sendMessage({ chat_id: group.chat.id, text })
  telegram.fail({ kind: '429', method: 'sendMessage', retryAfter: 3 })
  await expect(say('a')).rejects.toMatchObject({ retryAfter: 3 })
  telegram.fail({ kind: '502html' })
  await expect(say('b')).rejects.toMatchObject({ code: 'EFETCH' })
  telegram.fail({ kind: 'dropBefore' })
  await expect(say('c')).rejects.toMatchObject({ code: 'EFETCH' })
  telegram.fail({ kind: 'dropAfter' })
  await expect(say('d')).rejects.toMatchObject({ code: 'EFETCH' })
  await say('e')
  expect(telegram.said(group).map(({ text }) => text)).toEqual(['d', 'e'])
})

test('a group that moves tells its new number, and reactions are told to administrators alone', async () => {
  await using telegram = await FakeTelegram.start()
  const bot = api(telegram)
  const alice = telegram.person('Alice')
  const group = telegram.group('Kitchen', { owner: alice })
  const moved = telegram.migrate(group, alice)
  await expect(bot.sendMessage({ chat_id: group.chat.id, text: 'x' })).rejects.toMatchObject({
    migrateToChatId: moved.chat.id,
  })
  await bot.getUpdates({ timeout: 0, allowed_updates: ['message_reaction'] })
  alice.react(alice.say(moved, 'hi'), '👍')
  telegram.addBot(moved, alice, fullRights)
  alice.react(alice.say(moved, 'hi again'), '🔥')
  const updates = (await bot.getUpdates({ timeout: 0 })).flatMap((u) =>
    'message_reaction' in u ? u.message_reaction : [],
  )
  expect(updates.map(({ new_reaction: now }) => now)).toEqual([[{ type: 'emoji', emoji: '🔥' }]])
})
