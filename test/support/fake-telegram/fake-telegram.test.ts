/** The real library against our Telegram: it must behave as the one whose part it plays. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { Api, InputFile, TelegramApiError } from 'node-telegram-bot-api'
import { loadConfig } from '../../../homeserver/config/load.ts'
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

test('an answer may come slowly, and a group be told to have moved', async () => {
  await using telegram = await FakeTelegram.start()
  const group = telegram.supergroup('Kitchen', { owner: telegram.person('Alice'), bot: fullRights })
  const say = () => api(telegram).sendMessage({ chat_id: group.chat.id, text: 'hi' })
  telegram.fail({ kind: 'slowBody', method: 'sendMessage' })
  expect(await say()).toMatchObject({ text: 'hi' })
  telegram.fail({ kind: 'migrate', to: -100500 })
  await expect(say()).rejects.toMatchObject({ migrateToChatId: -100500 })
})

test('a bot sends blocks, copies many, lets people in and looks at stickers', async () => {
  await using telegram = await FakeTelegram.start()
  const [alice, bob] = [telegram.person('Alice'), telegram.person('Bob')]
  const group = telegram.supergroup('Kitchen', { owner: alice, bot: fullRights })
  const bot = api(telegram)
  const chat = { chat_id: group.chat.id }
  const blocks = [{ type: 'heading', size: 1, text: 'News' }]
  expect(await bot.sendRichMessage({ ...chat, rich_message: { blocks } })).toMatchObject({ rich_message: { blocks } })
  await expect(bot.sendRichMessage({ ...chat, rich_message: {} })).rejects.toMatchObject({ errorCode: 400 })
  const ids = ['a', 'b'].map((text) => alice.say(group, text).message_id)
  await bot.copyMessages({ ...chat, from_chat_id: group.chat.id, message_ids: ids })
  expect(
    telegram
      .said(group)
      .slice(1)
      .map(({ text }) => text),
  ).toEqual(['a', 'b'])
  const who = { ...chat, user_id: bob.user.id }
  await expect(bot.approveChatJoinRequest(who)).rejects.toMatchObject({ errorCode: 400 })
  bob.askToJoin(group)
  await bot.approveChatJoinRequest(who)
  expect(await bot.getChatMember(who)).toMatchObject({ status: 'member' })
  telegram.world.stickerSets.set('cats', [])
  expect(await bot.getStickerSet({ name: 'cats' })).toMatchObject({ name: 'cats', stickers: [] })
  await expect(bot.getStickerSet({ name: 'dogs' })).rejects.toMatchObject({ errorCode: 400 })
})

test('by itself it prints settings that a server takes, and says what it hears', async () => {
  const program = join(import.meta.dirname, 'main.ts')
  const child = spawn(process.execPath, [program, '--port', '0'], { stdio: ['pipe', 'pipe', 'inherit'] })
  let shown = ''
  child.stdout.on('data', (chunk: Buffer) => (shown += chunk.toString()))
  const until = async (what: string) => {
    while (!shown.includes(what)) await once(child.stdout, 'data')
  }
  await until('.quit')
  const [, settings = ''] = /(^telegram:\n(?: .*\n)+)/m.exec(shown) ?? []
  const file = { name: 'printed', text: `server_name: hs.test\n${settings}` }
  const { telegram } = loadConfig({ files: [file], env: {}, readFile: () => '' })
  const root = telegram.api_root
  const { ok } = (await (await fetch(`${root}/bot${telegram.bot_token?.reveal()}/getMe`)).json()) as { ok: boolean }
  expect(ok).toBe(true)
  child.stdin.write('hello\n')
  await until('Alice: hello')
  child.stdin.end('.quit\n')
  expect(await once(child, 'exit')).toEqual([0, null])
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
