/** What people ask of the bridge, in both worlds. */
import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../test/support/databases.ts'
import { fullRights } from '../../test/support/fake-telegram/fake-telegram.ts'
import { Bridged } from '../../test/support/telegram.ts'

const encoded = encodeURIComponent
const adminsConfig = "telegram: { permissions: { '@alice:hs.test': admin } }"

/** What the bridge answers to a command. */
async function answer(bridged: Bridged, roomId: string, command: string): Promise<string> {
  const asked = await bridged.alice.send(roomId, command)
  const { content } = await bridged.event(
    roomId,
    (event) =>
      event['content']?.['m.relates_to']?.['m.in_reply_to']?.event_id === asked && event['sender'] === bridged.botId,
  )
  return content.body as string
}

forEachDatabase(({ dialect }) => {
  test('case 29: bridging begins in Telegram too, and a code is good on the other side only', async () => {
    await using bridged = await Bridged.start(dialect)
    const { tom } = bridged
    const group = bridged.group()
    const roomId = await bridged.room()
    tom.say(group, '/bridge')
    const { text = '' } = await bridged.said(group, (message) => /!tg bridge [A-Z2-9]{8}/.test(message.text ?? ''))
    const [, code = ''] = /!tg bridge ([A-Z2-9]{8})/.exec(text) ?? []
    tom.say(group, `/bridge ${code}`)
    await bridged.said(group, (message) => message.text?.startsWith('This code is wrong') === true)
    expect(await answer(bridged, roomId, '!tg bridge ABCDEFGH')).toMatch(/^This code is wrong/)
    expect(text).toContain('Whoever has this code')
    expect(await answer(bridged, roomId, `!tg bridge ${code}`)).toBe('Bridged.')
    await bridged.answer(roomId, /^This room is bridged with the Telegram group Kitchen\. /)
    const told = await bridged.said(group, (message) => message.text?.startsWith('This group is bridged') === true)
    expect(told.text).toContain(`Room (https://matrix.to/#/${encoded(roomId)}?via=hs.test), as @alice:hs.test wished`)
    tom.say(group, 'hello')
    await bridged.text(roomId, 'hello')
    expect(await answer(bridged, roomId, '!tg id')).toBe(`Telegram: ${group.chat.id}\nMatrix: ${roomId}`)
    expect(await answer(bridged, roomId, '!tg help ru')).toContain('соединить комнату')
  })

  test('a new room is made for a group, and emptied again; rooms of people are left to them', async () => {
    await using bridged = await Bridged.start(dialect)
    const { alice, tom } = bridged
    const group = bridged.group()
    const roomId = await bridged.room()
    const told = await answer(bridged, roomId, '!tg create Our kitchen')
    expect(told).toContain('Whoever has this code')
    const made = await bridged.invitation('Our kitchen')
    await alice.post(`/join/${encoded(made)}`)
    tom.say(group, `/bridge ${/([A-Z2-9]{8})$/.exec(told)?.[1]}`)
    const { text } = await bridged.said(group, (message) => message.text?.startsWith('This group is bridged') === true)
    expect(text).toContain(`room Our kitchen (https://matrix.to/#/${encoded(made)}?via=hs.test), as @alice:hs.test`)
    await bridged.answer(made, /^This room is bridged with the Telegram group Kitchen, as Tom \(@tom\) wished there/)
    tom.say(group, 'hello')
    await bridged.text(made, 'hello')
    expect(await answer(bridged, made, '!tg delete-portal')).toContain('!tg delete-portal yes')
    await alice.send(made, '!tg delete-portal yes')
    await bridged.event(made, ({ content }) => content?.body?.startsWith('The bot leaves') === true)
    await bridged.event(
      made,
      ({ type, state_key: key, content }) =>
        type === 'm.room.member' && key === bridged.botId && content.membership === 'leave',
    )
    const bridge = `org.domovoi.telegram://${group.chat.id}`
    expect(await alice.get(`/rooms/${encoded(made)}/state/m.bridge/${encoded(bridge)}`)).toEqual({})
    const again = await bridged.bridge(group)
    await bridged.event(again, ({ content }) => content?.body?.startsWith('This room is bridged with') === true)
    expect(await answer(bridged, again, '!tg delete-portal')).toMatch(/^This room is not mine/)
    expect(await answer(bridged, again, '!tg unbridge --purge')).toMatch(/^This room is not bridged with Kitchen/)
  })

  test('case 25: topics are made, closed and opened from Matrix, and are rooms or not, as the group wishes', async () => {
    await using bridged = await Bridged.start(dialect)
    const { alice, tom, telegram } = bridged
    const group = bridged.group({ forum: true })
    const general = await bridged.bridge(group)
    expect(await answer(bridged, general, '!tg topic new Cakes and pies')).toBe(
      'Telegram has the topic Cakes and pies now.',
    )
    const roomId = await bridged.invitation('Kitchen: Cakes and pies')
    await alice.post(`/join/${encoded(roomId)}`)
    const [[topic = 0, cakes] = []] = group.topics
    await alice.send(roomId, 'apple?')
    await bridged.said(group, ({ text, message_thread_id: id }) => text === 'alice: apple?' && id === topic)
    expect(await answer(bridged, general, '!tg topic close')).toBe('This is not the room of a topic.')
    expect(await answer(bridged, roomId, '!tg topic close')).toBe('The topic is closed in Telegram.')
    expect(cakes?.closed).toBe(true)
    expect(await answer(bridged, roomId, '!tg topic reopen')).toBe('The topic is open in Telegram.')

    tom.say(group, '/topics sideways')
    await bridged.said(group, ({ text }) => text?.startsWith('/topics rooms, ') === true)
    tom.say(group, '/topics flat')
    await bridged.said(group, ({ text }) => text?.startsWith('All topics are in the one room') === true)
    tom.say(group, { text: 'cherry', topic })
    await bridged.text(general, 'cherry')
    tom.say(group, '/topics rooms')
    await bridged.said(group, ({ text }) => text?.startsWith('Topics are rooms') === true)
    tom.say(group, { text: 'plum', topic })
    await bridged.text(roomId, 'plum')

    telegram.world.setMember(group, telegram.bot.user, tom.user, 'administrator', {
      ...fullRights,
      can_manage_topics: false,
    })
    expect(await answer(bridged, roomId, '!tg topic close')).toMatch(/^Telegram does not let the bot do that/)
  })

  test('a forum is paused and resumed with all its rooms, in whichever of them it is asked for', async () => {
    await using bridged = await Bridged.start(dialect)
    const { alice, tom, telegram } = bridged
    const group = bridged.group({ forum: true })
    const general = await bridged.bridge(group)
    await answer(bridged, general, '!tg topic new Cakes')
    const roomId = await bridged.invitation('Kitchen: Cakes')
    await alice.post(`/join/${encoded(roomId)}`)
    telegram.removeBot(group, tom)
    await bridged.answer(general, /^Telegram: the bot was removed/)
    await alice.send(general, 'kept')
    expect(await answer(bridged, general, '!tg status')).toContain('1 waits for the bot to be back')
    expect(await answer(bridged, roomId, '!tg pause')).toMatch(/^Nothing is bridged until/)
    expect(await answer(bridged, general, '!tg status')).toContain('paused')
    telegram.addBot(group, tom)
    expect(await answer(bridged, roomId, '!tg resume')).toBe('Bridged again.')
    await bridged.said(group, ({ text }) => text === 'alice: kept')
  })

  test('a notice is no command: it is bridged as what it says', async () => {
    await using bridged = await Bridged.start(dialect)
    const { alice } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    const path = `/rooms/${encoded(roomId)}/send/m.room.message/notice`
    await alice.put(path, { msgtype: 'm.notice', body: '!tg unbridge' })
    await bridged.said(group, ({ text }) => text === 'alice: !tg unbridge')
    expect(await answer(bridged, roomId, '!tg status')).toMatch(/^This room is bridged with Kitchen/)
  })

  test('a portal is public by an alias that stays with the group, until it is private again', async () => {
    await using bridged = await Bridged.start(dialect)
    const { alice, tom, telegram, server } = bridged
    const group = telegram.group('Kitchen', { owner: tom })
    const roomId = await bridged.bridge(group)
    const bob = await server.register('bob')
    const enter = (local: string) => bob.request('POST', `/_matrix/client/v3/join/${encoded(`#${local}:hs.test`)}`, {})
    const number = (id: number) => `telegram_${Math.abs(id)}`
    expect((await enter(number(group.chat.id))).status).toBe(404)
    expect(await answer(bridged, roomId, '!tg set public')).toMatch(/^Give @telegrambot:hs.test the power/)
    const levels = `/rooms/${encoded(roomId)}/state/m.room.power_levels`
    await alice.put(levels, { ...(await alice.get(levels)), users: { [bridged.botId]: 100 } })
    const alias = `#${number(group.chat.id)}:hs.test`
    expect(await answer(bridged, roomId, '!tg set public')).toContain(alias)
    const { chunk } = await bob.get('/publicRooms')
    expect(chunk).toMatchObject([{ room_id: roomId, canonical_alias: alias }])
    tom.say(group, '/invite')
    await bridged.said(group, ({ text }) => text?.includes(`https://matrix.to/#/${encoded(alias)}`) === true)

    const moved = telegram.migrate(group, tom)
    tom.say(moved, 'in the supergroup')
    await bridged.text(roomId, 'in the supergroup')
    expect((await enter(number(moved.chat.id))).body).toEqual({ room_id: roomId })
    const bridgeOf = (id: number) =>
      `/rooms/${encoded(roomId)}/state/m.bridge/${encoded(`org.domovoi.telegram://${id}`)}`
    expect(await alice.get(bridgeOf(moved.chat.id))).toMatchObject({ channel: { id: String(moved.chat.id) } })
    expect(await alice.get(bridgeOf(group.chat.id))).toEqual({})

    expect(await answer(bridged, roomId, '!tg set private')).toBe('Only who is invited may come in.')
    expect((await enter(number(group.chat.id))).status).toBe(404)
    expect((await enter(number(moved.chat.id))).status).toBe(404)
    expect(await alice.get(`/rooms/${encoded(roomId)}/state/m.room.join_rules`)).toEqual({ join_rule: 'invite' })
    expect((await bob.get('/publicRooms'))['chunk']).toEqual([])
  })

  test('a public group of Telegram has its name there as alias; by its number the room is found as well', async () => {
    await using bridged = await Bridged.start(dialect)
    const { alice, server } = bridged
    const group = bridged.group()
    Object.assign(group.chat, { username: 'Kitchen_Chat' })
    const roomId = await bridged.bridge(group)
    const levels = `/rooms/${encoded(roomId)}/state/m.room.power_levels`
    await alice.put(levels, { ...(await alice.get(levels)), users: { [bridged.botId]: 100 } })
    expect(await answer(bridged, roomId, '!tg set public')).toContain('#telegram_kitchen_chat:hs.test')
    const bob = await server.register('bob')
    const number = `#telegram_${Math.abs(group.chat.id)}:hs.test` // which the homeserver asks the bridge about
    expect(await bob.post(`/join/${encoded(number)}`)).toEqual({ room_id: roomId })

    const heir = bridged.group() // which has the name since the first group gave it up
    Object.assign(group.chat, { username: 'other_name' })
    Object.assign(heir.chat, { username: 'kitchen_chat' })
    const taken = await bridged.bridge(heir)
    const path = `/rooms/${encoded(taken)}/state/m.room.power_levels`
    await alice.put(path, { ...(await alice.get(path)), users: { [bridged.botId]: 100 } })
    expect(await answer(bridged, taken, '!tg set public')).toContain('#telegram_kitchen_chat:hs.test')
    expect(await answer(bridged, roomId, '!tg unbridge')).toMatch(/^This room is not bridged/)
    expect(await bob.post(`/join/${encoded('#telegram_kitchen_chat:hs.test')}`)).toEqual({ room_id: taken })
  })

  test('people choose the language of the bot, and whether they are themselves in Matrix', async () => {
    await using bridged = await Bridged.start(dialect)
    const { alice, tom } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    await bridged.link(roomId)
    tom.say(group, 'as myself')
    expect((await bridged.text(roomId, 'as myself'))['sender']).toBe(alice.userId)
    tom.say(tom.bot, '/settings')
    const menu = await bridged.said(tom.bot, ({ text }) => text?.startsWith('What language') === true)
    tom.press(menu, 's puppet off')
    tom.press(menu, 's language ru')
    await bridged.said(tom.bot, ({ text }) => text?.startsWith('На каком языке') === true)
    tom.say(group, 'as a stand-in')
    expect((await bridged.text(roomId, 'as a stand-in'))['sender']).toBe(bridged.ghost(tom))
    tom.say(tom.bot, '/privacy')
    await bridged.said(tom.bot, ({ text }) => text?.includes('hs.test') === true && text.startsWith('То, что'))
    expect(await answer(bridged, roomId, '!tg unlink')).toMatch(/not linked with the user \d+ of Telegram any more/)
    expect(await answer(bridged, roomId, '!tg whoami')).toMatch(/not linked/)
  })

  test('admins shut people out on both sides, and see who works for the bot', async () => {
    await using bridged = await Bridged.start(dialect, adminsConfig)
    const { alice, tom, telegram, server } = bridged
    const eve = telegram.person('Eve')
    const group = bridged.group({ members: [eve] })
    const roomId = await bridged.bridge(group)
    const bob = await server.register('bob')
    await alice.post(`/rooms/${encoded(roomId)}/invite`, { user_id: bob.userId })
    await bob.post(`/join/${encoded(roomId)}`)
    await bob.send(roomId, '!tg ban @alice:hs.test')
    await bridged.event(roomId, ({ content }) => content?.body === 'That is for admins of the bridge.')
    expect(await answer(bridged, roomId, '!tg ban everybody')).toMatch(/^Say whom/)
    expect(await answer(bridged, roomId, '!tg ban @alice:hs.test')).toBe('Admins cannot be shut out.')
    await answer(bridged, roomId, `!tg ban ${bob.userId}`)
    await answer(bridged, roomId, `!tg ban ${eve.user.id}`)
    expect((await answer(bridged, roomId, '!tg bans')).split('\n')).toHaveLength(2)
    eve.say(eve.bot, '/help') // of her account she may ask still
    await bridged.said(eve.bot, ({ text }) => text?.includes('/login') === true)
    await bob.send(roomId, 'unheard')
    eve.say(group, 'unheard')
    await alice.send(roomId, 'heard')
    await bridged.said(group, ({ text }) => text === 'alice: heard')
    tom.say(group, 'heard there')
    await bridged.text(roomId, 'heard there')
    expect(await answer(bridged, roomId, `!tg unban ${eve.user.id}`)).toContain('is bridged again')
    eve.say(group, 'heard again')
    await bridged.text(roomId, 'heard again')
    expect(telegram.said(group).some(({ text }) => text?.includes('unheard') === true)).toBe(false)
    expect((await bridged.events(roomId)).filter(({ content }) => content.body === 'unheard')).toHaveLength(1)
    expect(await answer(bridged, roomId, '!tg lease')).toMatch(/^homeserver, for another \d+ seconds\.$/)
    expect(await answer(bridged, roomId, '!tg limits')).toContain('messages a minute')
    expect(await answer(bridged, roomId, '!tg invite-link')).toMatch(/^https:\/\/t\.me\/\+/)
  })

  test('the menus of Telegram have what each may do there, in their language', async () => {
    await using bridged = await Bridged.start(dialect)
    const { commands } = bridged.telegram.bot
    await bridged.telegram.until(() => commands.has('all_chat_administrators ru'))
    const names = (menu: string) => (commands.get(menu) as { command: string }[]).map(({ command }) => command)
    expect(names('all_private_chats ')).toContain('login')
    expect(names('all_group_chats ')).not.toContain('bridge')
    expect(names('all_chat_administrators ru')).toEqual(expect.arrayContaining(['bridge', 'status']))
    expect([...commands.keys()]).toHaveLength(6)
  })
})
