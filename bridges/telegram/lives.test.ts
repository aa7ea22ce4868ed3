/** What rooms and chats live through: people leave, rooms are replaced, chats of two begin. */
import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../test/support/databases.ts'
import { Bridged } from '../../test/support/telegram.ts'

const encoded = encodeURIComponent

forEachDatabase(({ dialect }) => {
  test('a group is told when the bot is thrown out of its room, or everybody has left it, and when that is over', async () => {
    await using bridged = await Bridged.start(dialect)
    const { alice, tom } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    const room = `/rooms/${encoded(roomId)}`
    await alice.post(`${room}/kick`, { user_id: bridged.botId })
    await bridged.said(group, ({ text }) => text?.startsWith('I was removed from the Matrix room') === true)
    tom.say(group, 'unheard')
    await alice.post(`${room}/invite`, { user_id: bridged.botId })
    const isBack = (text: string | undefined) => text?.startsWith('Somebody is in the Matrix room again') === true
    await bridged.said(group, ({ text }) => isBack(text))
    tom.say(group, 'heard')
    await bridged.text(roomId, 'heard')

    await alice.setState(roomId, 'm.room.join_rules', { join_rule: 'public' })
    await alice.post(`${room}/leave`)
    await bridged.said(group, ({ text }) => text?.startsWith('Everybody has left') === true)
    await alice.post(`/join/${encoded(roomId)}`)
    await bridged.telegram.until(() => bridged.telegram.said(group).filter(({ text }) => isBack(text)).length === 2)
    tom.say(group, 'heard again')
    await bridged.text(roomId, 'heard again')
    expect((await bridged.events(roomId)).some(({ content }) => content.body === 'unheard')).toBe(false)
  })

  test('case 29: whoever replaces a room may call the bot into the new one; a room that knows nothing of it takes no group', async () => {
    const roles = "telegram: { permissions: { '@alice:hs.test': admin, hs.test: relay } }"
    await using bridged = await Bridged.start(dialect, roles)
    const { alice, tom, server } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    const foreign = await bridged.room()
    await alice.setState(roomId, 'm.room.tombstone', { replacement_room: foreign })
    await bridged.event(roomId, ({ content }) => content?.body?.includes('does not know of this one') === true)
    await alice.send(roomId, 'still here')
    await bridged.said(group, ({ text }) => text === 'alice: still here')

    const levels = `/rooms/${encoded(roomId)}/state/m.room.power_levels` // so that the bot may speak in the room that was
    await alice.put(levels, { ...(await alice.get(levels)), users: { [bridged.botId]: 50 } })
    const upgrade = await alice.post(`/rooms/${encoded(roomId)}/upgrade`, { new_version: '11' })
    const next = upgrade['replacement_room'] as string
    await bridged.event(roomId, ({ content }) => content?.body?.startsWith('Telegram: this room was replaced') === true)
    const bob = await server.register('bob') // who may not call the bot anywhere else
    await alice.post(`/rooms/${encoded(next)}/invite`, { user_id: bob.userId })
    await bob.post(`/join/${encoded(next)}`)
    await bob.post(`/rooms/${encoded(next)}/invite`, { user_id: bridged.botId })
    await bridged.botJoins(next)
    await bob.send(next, 'moved in')
    await bridged.said(group, ({ text }) => text === 'bob: moved in')
    tom.say(group, 'so am I')
    await bridged.text(next, 'so am I')
  })

  test('somebody who has written to the bot can be talked to from Matrix; others say why not', async () => {
    await using bridged = await Bridged.start(dialect)
    const { alice, tom, telegram } = bridged
    const ann = telegram.person('Ann')
    const group = bridged.group({ members: [ann] })
    const roomId = await bridged.bridge(group)
    ann.say(group, 'I am Ann')
    await bridged.text(roomId, 'I am Ann')
    const invite = async (person: typeof tom, more: object = {}) =>
      await alice.createRoom({
        is_direct: true,
        preset: 'trusted_private_chat',
        invite: [bridged.ghost(person)],
        ...more,
      })
    const left = async (room: string, person: typeof tom) =>
      await bridged.event(
        room,
        ({ type, state_key: key, content }) =>
          type === 'm.room.member' && key === bridged.ghost(person) && content.membership === 'leave',
      )
    expect((await left(await invite(ann), ann))['content'].reason).toContain('https://t.me/domovoi_test_bot')
    tom.say(tom.bot, '/start')
    await bridged.said(tom.bot, ({ text }) => text?.includes('/login') === true)
    const algorithm = 'm.megolm.v1.aes-sha2'
    const secret = { initial_state: [{ type: 'm.room.encryption', state_key: '', content: { algorithm } }] }
    expect((await left(await invite(tom, secret), tom))['content'].reason).toContain('encrypted')
    expect((await left(await invite(tom, { is_direct: false }), tom))['content'].reason).toContain(
      'bridged with a group',
    )

    const direct = await invite(tom)
    await bridged.said(tom.bot, ({ text }) => text?.startsWith(`${alice.userId} would like to talk`) === true)
    await alice.send(direct, 'Hello, Tom')
    await bridged.said(tom.bot, ({ text }) => text === 'alice: Hello, Tom')
    tom.say(tom.bot, 'Hello, Alice')
    expect((await bridged.text(direct, 'Hello, Alice'))['sender']).toBe(bridged.ghost(tom))
    expect((await left(await invite(tom), tom))['content'].reason).toContain('another room already')
    tom.say(tom.bot, '/unbridge')
    await bridged.said(tom.bot, ({ text }) => text === 'This group is not bridged any more.')
  })

  test('what goes through the bridge is measured', async () => {
    await using bridged = await Bridged.start(dialect)
    const { alice, tom, telegram, server } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    telegram.fail({ kind: '429', method: 'sendMessage', chat: group.chat.id, retryAfter: 1 })
    telegram.fail({ kind: 'dropAfter', method: 'sendMessage', chat: group.chat.id })
    for (const body of ['one', 'two']) await alice.send(roomId, body)
    await bridged.said(group, ({ text }) => text === 'alice: two')
    tom.say(group, 'three')
    await bridged.text(roomId, 'three')
    const text = server.server.services.metrics.text()
    for (const line of [
      /^domovoi_telegram_updates_total\{kind="message"\} [1-9]/m,
      /^domovoi_telegram_api_seconds_count\{method="sendMessage"\} [1-9]/m,
      /^domovoi_telegram_api_errors_total\{code="429"\} 1$/m,
      /^domovoi_telegram_api_errors_total\{code="network"\} 1$/m,
      /^domovoi_telegram_ambiguous_total\{result="adopted"\} 1$/m,
      /^domovoi_telegram_matrix_send_seconds_count [1-9]/m,
      /^domovoi_telegram_last_update_seconds [1-9]/m,
      /^domovoi_telegram_queue\{direction="to_telegram",state="parked"\} \d+$/m,
      /^domovoi_telegram_portals\{state="active"\} \d+$/m,
    ]) {
      expect(text).toMatch(line)
    }
  })
})
