/** Chats of Telegram are chosen: by the API of the homeserver, as by commands. */
import { describe, expect, test } from '@jest/globals'
import type { ChatsAnswer, PortalsAnswer } from '../../homeserver/core/telegram-chats.ts'
import type { Client } from '../support/client.ts'
import { forEachDatabase } from '../support/databases.ts'
import { fullRights } from '../support/fake-telegram/fake-telegram.ts'
import type { FakeChat } from '../support/fake-telegram/world.ts'
import { startServer } from '../support/server.ts'
import { Bridged } from '../support/telegram.ts'

const path = '/_domovoi/client/v1/telegram'
const encoded = encodeURIComponent

const idOf = ({ chat }: FakeChat): string => String(chat.id)
const chatsOf = async (client: Client): Promise<ChatsAnswer> =>
  (await client.get(`${path}/chats`)) as unknown as ChatsAnswer
const portalsOf = async (client: Client): Promise<PortalsAnswer['portals']> =>
  ((await client.get(`${path}/portals`)) as unknown as PortalsAnswer).portals
/** Why the bridge says no. */
async function refusal(client: Client, chatId: string, roomId?: string): Promise<unknown> {
  const { status, body } = await client.request('POST', `${path}/portals`, { chat_id: chatId, room_id: roomId })
  return [status, body['org.domovoi.reason']]
}

forEachDatabase(({ dialect }) => {
  test('nothing is mirrored until it is chosen: the bot says once how, to those who call it', async () => {
    await using bridged = await Bridged.start(dialect)
    const { telegram } = bridged
    const anna = telegram.person('Анна', { language_code: 'ru' })
    const group = telegram.supergroup('Кухня', { owner: anna })
    const { text } = await bridged.said(group, () => true)
    expect(text).toMatch(/^Ничего из сказанного здесь не попадает в Matrix.*\/account\?action=telegram/)
    telegram.removeBot(group, anna)
    telegram.addBot(group, anna, fullRights)
    anna.say(group, '/status')
    await bridged.said(group, (message) => message.text?.startsWith('Группа не соединена') === true)
    expect(telegram.said(group)).toHaveLength(2)
  })

  test('who runs a chat makes a room of it, with its name, picture and description, and ends that', async () => {
    await using bridged = await Bridged.start(dialect)
    const { alice, tom, telegram } = bridged
    await bridged.link(await bridged.room())
    const group = bridged.group({ members: [telegram.person('Ann')] })
    tom.setPhoto(group, Buffer.from('a photo'))
    tom.describe(group, 'Who cooks?')
    const foreign = telegram.supergroup('Garden', { owner: telegram.person('Ben'), members: [tom], bot: fullRights })
    await bridged.said(foreign, () => true)
    await bridged.said(group, () => true)

    const before = await chatsOf(alice)
    expect(before).toMatchObject({ bot: telegram.bot.user.username, role: 'user', tg_user: String(tom.user.id) })
    expect(before.chats).toMatchObject([
      { chat_id: idOf(group), type: 'supergroup', title: 'Kitchen', members: 3, bot: { status: 'administrator' } },
    ])
    expect(before.chats[0]?.bot.rights).toContain('can_pin_messages')
    expect(before.chats[0]).not.toHaveProperty('portal')
    expect(await refusal(alice, idOf(foreign))).toEqual([403, 'no_chat_admin'])

    const { room_id: roomId, is_deaf: isDeaf } = await alice.post(`${path}/portals`, { chat_id: idOf(group) })
    expect(isDeaf).toBe(false)
    await alice.post(`/join/${encoded(roomId as string)}`)
    const state = `/rooms/${encoded(roomId as string)}/state`
    expect(await alice.get(`${state}/m.room.name`)).toEqual({ name: 'Kitchen' })
    expect(await alice.get(`${state}/m.room.topic`)).toMatchObject({ topic: 'Who cooks?' })
    expect(await alice.get(`${state}/m.room.avatar`)).toMatchObject({ url: expect.stringMatching(/^mxc:/) })
    expect((await alice.get(`${state}/m.room.power_levels`))['users']).toMatchObject({ [alice.userId]: 100 })
    await alice.send(roomId as string, 'me')
    await bridged.said(group, ({ text }) => text === 'alice: me')

    expect((await chatsOf(alice)).chats).toMatchObject([{ portal: { room_id: roomId, state: 'active' } }])
    expect(await refusal(alice, idOf(group))).toEqual([403, 'chat_bridged'])
    await alice.request('DELETE', `${path}/portals/${encoded(roomId as string)}`)
    expect(await portalsOf(alice)).toEqual([])
    expect(await alice.refusal('DELETE', `${path}/portals/${encoded(roomId as string)}`)).toMatchObject({ status: 404 })
  })

  test('a room of theirs, into which they call the bot; pause, what was given up, and who may not', async () => {
    await using bridged = await Bridged.start(dialect)
    const { alice, tom, telegram, server } = bridged
    await bridged.link(await bridged.room())
    const group = bridged.group()
    await bridged.said(group, () => true)
    const bob = await server.register('bob')
    const theirs = await bob.createRoom({ invite: [alice.userId] })
    await alice.post(`/join/${encoded(theirs)}`)
    expect(await refusal(alice, idOf(group), theirs)).toEqual([403, 'no_power'])
    const member = `/rooms/${encoded(theirs)}/state/m.room.member/${encoded(bridged.botId)}`
    expect(await bob.get(member)).toMatchObject({ membership: 'leave' })
    expect(await refusal(alice, '-1001', theirs)).toEqual([403, 'no_chat_admin'])
    expect(await bob.get(member)).toMatchObject({ membership: 'leave' })
    const secret = await alice.createRoom()
    await alice.setState(secret, 'm.room.encryption', { algorithm: 'm.megolm.v1.aes-sha2' })
    expect(await refusal(alice, idOf(group), secret)).toEqual([403, 'encrypted'])
    expect(await refusal(bob, idOf(group))).toEqual([403, 'no_chat_admin'])
    expect((await chatsOf(bob)).chats).toEqual([])

    const roomId = await alice.createRoom({ name: 'Ours' })
    const answer = await alice.post(`${path}/portals`, { chat_id: idOf(group), room_id: roomId })
    expect(answer).toEqual({ room_id: roomId, is_deaf: false })
    tom.say(group, 'hello')
    await bridged.text(roomId, 'hello')

    const portal = `${path}/portals/${encoded(roomId)}`
    await alice.put(`${portal}/state`, { state: 'paused' })
    expect(await portalsOf(alice)).toMatchObject([{ room_id: roomId, chat_id: idOf(group), state: 'paused', dead: 0 }])
    expect(await bob.refusal('PUT', `${portal}/state`, { state: 'active' })).toMatchObject({ status: 403 })
    await alice.put(`${portal}/state`, { state: 'active' })
    telegram.fail({ method: 'sendMessage', times: 1, kind: '403' })
    await alice.send(roomId, 'once more')
    await bridged.answer(roomId, /^Telegram did not take this/)
    expect(await portalsOf(alice)).toMatchObject([{ waiting: expect.any(Number), dead: 1 }])
    expect(await alice.post(`${portal}/retry`)).toEqual({ count: 1 })
    await bridged.said(group, ({ text }) => text === 'alice: once more')
    expect(await bob.post(`${portal}/retry`)).toEqual({ count: 0 }) // only what is their own
    expect(await alice.refusal('GET', `${path}/audit`)).toMatchObject({ status: 403 })
  })

  test('admins of the bridge see all chats and rooms, and who joined what', async () => {
    await using bridged = await Bridged.start(dialect, "telegram: { permissions: { '@root:hs.test': admin } }")
    const { alice, server } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    const root = await server.register('root')
    expect((await chatsOf(root)).chats).toMatchObject([{ title: 'Kitchen', portal: { room_id: roomId } }])
    expect(await portalsOf(root)).toMatchObject([{ room_id: roomId, bridged_by: alice.userId }])
    expect(await root.get(`${path}/audit?limit=1`)).toMatchObject({
      acts: [{ act: 'bridge', chat_id: idOf(group), room_id: roomId }],
    })
    await alice.send(roomId, '!tg pause')
    await bridged.answer(roomId, /^Nothing is bridged until/)
    await alice.post(`/rooms/${encoded(roomId)}/invite`, { user_id: root.userId })
    await root.post(`/join/${encoded(roomId)}`)
    await root.send(roomId, `!tg ban ${alice.userId}`)
    await bridged.answer(roomId, /@alice:hs\.test/)
    expect(await alice.refusal('PUT', `${path}/portals/${encoded(roomId)}/state`, { state: 'active' })).toEqual({
      status: 403,
      errcode: 'M_FORBIDDEN',
    })
    expect((await chatsOf(alice)).role).toBe('relay')
    await root.request('DELETE', `${path}/portals/${encoded(roomId)}`)
    expect(await portalsOf(alice)).toEqual([])
  })

  test('what becomes of a chat is known: its new name, another number, and that the bot has gone', async () => {
    await using bridged = await Bridged.start(dialect, "telegram: { permissions: { '@alice:hs.test': admin } }")
    const { alice, tom, telegram } = bridged
    const group = telegram.group('Hall', { owner: tom, bot: fullRights })
    tom.rename(group, 'Attic')
    tom.say(group, '/id')
    await bridged.said(group, ({ text }) => text === idOf(group))
    const moved = telegram.migrate(group, tom)
    tom.say(moved, '/id')
    await bridged.said(moved, ({ text }) => text === idOf(moved))
    tom.say(tom.bot, '/chats')
    const list = await bridged.said(tom.bot, ({ text }) => text?.includes('Choose there') === true)
    expect(list.text).toMatch(/^Yours, in which I am:\n– Attic\n/)
    expect((await chatsOf(alice)).chats).toMatchObject([{ chat_id: idOf(moved), type: 'supergroup', title: 'Attic' }])
    telegram.removeBot(moved, tom)
    while ((await chatsOf(alice)).chats.length > 0);
    tom.say(tom.bot, '/chats')
    await bridged.said(tom.bot, ({ text }) => text?.startsWith('I am in no group') === true)
  })
})

describe('without a bridge', () => {
  test('each call says that there is none', async () => {
    await using server = await startServer()
    const alice = await server.register('alice')
    const none = { status: 404, errcode: 'M_NOT_FOUND' }
    expect(await alice.refusal('GET', `${path}/chats`)).toEqual(none)
    const roomId = await alice.createRoom()
    expect(await alice.refusal('POST', `${path}/portals`, { chat_id: '-1001', room_id: roomId })).toEqual(none)
  })

  test('one that is not at work is told of as such', async () => {
    const bot = "telegram: { bot_token: '1:x', api_root: 'http://127.0.0.1:1', run: separate, listen: '127.0.0.1:1' }"
    await using server = await startServer({ config: [bot] })
    const alice = await server.register('alice')
    expect(await alice.refusal('GET', `${path}/chats`)).toEqual({ status: 502, errcode: 'M_CONNECTION_FAILED' })
  })
})
