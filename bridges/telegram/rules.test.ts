import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../test/support/databases.ts'
import { Bridged } from '../../test/support/telegram.ts'

const force = /--force$/

forEachDatabase(({ dialect }) => {
  test('who is only relayed neither calls the bot nor bridges what it is in', async () => {
    await using bridged = await Bridged.start(
      dialect,
      "telegram: { permissions: { 'hs.test': relay, '@alice:hs.test': user } }",
    )
    const { alice, server } = bridged
    const bob = await server.register('bob')
    const roomId = await bridged.room()
    await alice.post(`/rooms/${encodeURIComponent(roomId)}/invite`, { user_id: bob.userId })
    await bob.post(`/join/${encodeURIComponent(roomId)}`)
    await bob.send(roomId, '!tg bridge')
    await bridged.answer(roomId, /^You may not bridge anything here/)
    const own = await bob.createRoom({ invite: [bridged.botId, alice.userId] })
    await alice.post(`/join/${encodeURIComponent(own)}`)
    await bridged.event(own, ({ state_key: key, content }) => key === bridged.botId && content.membership === 'leave')
  })

  test("another bridge's room is left to it, unless somebody insists", async () => {
    await using bridged = await Bridged.start(dialect)
    const { alice, tom } = bridged
    const roomId = await bridged.room()
    await alice.put(`/rooms/${encodeURIComponent(roomId)}/state/m.bridge/other`, { bridgebot: '@other:hs.test' })
    await alice.send(roomId, '!tg bridge')
    await bridged.answer(roomId, force)
    await alice.send(roomId, '!tg bridge --force')
    const { content } = await bridged.answer(roomId, /\/bridge@\w+ [A-Z2-9]{8}/)
    const group = bridged.group()
    tom.say(group, `/bridge ${(content.body as string).slice(-8)}`)
    await bridged.said(group, ({ text }) => text?.startsWith('This group is bridged') === true)
  })

  test('chats that are too large, too many chats, and rooms that are open to other servers, where that is not wished', async () => {
    const limits = 'max_members: 3, max_portals: 1, federated_rooms: false'
    await using bridged = await Bridged.start(dialect, `telegram: { ${limits} }`)
    const { alice, tom, telegram } = bridged
    const open = await bridged.room()
    await alice.send(open, '!tg bridge')
    await bridged.answer(open, /^People of other servers can enter/)
    const [large, small] = [bridged.group({ members: [telegram.person('A'), telegram.person('B')] }), bridged.group()]
    const codes: string[] = []
    for (const name of ['One', 'Two']) {
      const own = { name, invite: [bridged.botId], creation_content: { 'm.federate': false } }
      const roomId = await alice.createRoom(own)
      await bridged.botJoins(roomId)
      codes.push(await bridged.code(roomId))
    }
    tom.say(large, `/bridge ${codes[0]}`)
    await bridged.said(large, ({ text }) => text?.startsWith('This group has more people') === true)
    tom.say(small, `/bridge ${codes[1]}`)
    await bridged.said(small, ({ text }) => text?.startsWith('This group is bridged') === true)
    const another = bridged.group()
    const roomId = await alice.createRoom({ invite: [bridged.botId], creation_content: { 'm.federate': false } })
    await bridged.botJoins(roomId)
    tom.say(another, `/bridge ${await bridged.code(roomId)}`)
    await bridged.said(another, ({ text }) => text?.startsWith('You have bridged as many') === true)
  })

  test('where privacy mode makes the bot deaf, it says so', async () => {
    await using bridged = await Bridged.start(dialect)
    bridged.telegram.bot.readsAll = false
    const group = bridged.telegram.supergroup('Kitchen', { owner: bridged.tom })
    await bridged.bridge(group)
    const { text } = await bridged.said(group, ({ text: said }) => said?.startsWith('This group is bridged') === true)
    expect(text).toContain('/setprivacy')
    bridged.telegram.bot.readsAll = true
    const heard = bridged.telegram.supergroup('Garden', { owner: bridged.tom })
    await bridged.bridge(heard)
    const said = await bridged.said(heard, (message) => message.text?.startsWith('This group is bridged') === true)
    expect(said.text).not.toContain('/setprivacy')
  })
})
