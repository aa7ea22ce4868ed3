/** What people of a bridged room and its group may not make the bridge do. */
import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../test/support/databases.ts'
import { Bridged } from '../../test/support/telegram.ts'

const encoded = encodeURIComponent

forEachDatabase(({ dialect }) => {
  test('what is no state of the room moves no group, renames none and pins nothing there, whoever says it', async () => {
    await using bridged = await Bridged.start(dialect, 'telegram: { sync_metadata: both }')
    const { alice, tom, server } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    const levels = `/rooms/${encoded(roomId)}/state/m.room.power_levels` // of rooms that say nothing of these types
    await alice.put(levels, { ...(await alice.get(levels)), events: {} })
    const mallory = await server.register('mallory')
    await alice.post(`/rooms/${encoded(roomId)}/invite`, { user_id: mallory.userId })
    await mallory.post(`/join/${encoded(roomId)}`)
    await mallory.send(roomId, 'hello')
    const { event_id: said } = await bridged.text(roomId, 'hello')
    const own = await mallory.createRoom({
      preset: 'public_chat',
      creation_content: { predecessor: { room_id: roomId, event_id: said } },
    })
    const say = async (type: string, content: object) =>
      await mallory.put(`/rooms/${encoded(roomId)}/send/${type}/${type}`, content)
    await say('m.room.tombstone', { replacement_room: own })
    await say('m.room.name', { name: 'Mine now' })
    await say('m.room.topic', { topic: 'Mine too' })
    await say('m.room.pinned_events', { pinned: [said] })
    await mallory.send(roomId, 'goodbye')
    await bridged.said(group, ({ text }) => text === 'mallory: goodbye')
    tom.say(group, 'who is there?')
    await bridged.text(roomId, 'who is there?')
    expect(group.description).toBeUndefined()
    expect(group.chat.title).toBe('Kitchen')
    expect(group.pinned).toEqual([])
    expect((await mallory.get(`/rooms/${encoded(own)}/joined_members`))['joined']).not.toHaveProperty(bridged.botId)
  })

  test('who is shut out calls nobody: not the bot, not people of Telegram; and throws nobody out there', async () => {
    const roles = "telegram: { permissions: { hs.test: user, '@alice:hs.test': admin } }"
    await using bridged = await Bridged.start(dialect, roles)
    const { alice, tom, telegram, server } = bridged
    const ann = telegram.person('Ann')
    const group = bridged.group({ members: [ann] })
    const roomId = await bridged.bridge(group)
    ann.say(group, 'I am Ann')
    await bridged.text(roomId, 'I am Ann')
    tom.say(tom.bot, '/start')
    const mallory = await server.register('mallory')
    await alice.post(`/rooms/${encoded(roomId)}/invite`, { user_id: mallory.userId })
    await mallory.post(`/join/${encoded(roomId)}`)
    const levels = `/rooms/${encoded(roomId)}/state/m.room.power_levels`
    const { users, ...others } = await alice.get(levels)
    await alice.put(levels, { ...others, users: { ...(users as object), [mallory.userId]: 50 } })
    await alice.send(roomId, `!tg ban ${mallory.userId}`)
    await bridged.answer(roomId, /is not bridged any more/)

    const isGone = (userId: string) => (event: Record<string, unknown>) =>
      event['state_key'] === userId && (event['content'] as { membership?: string }).membership === 'leave'
    const direct = { is_direct: true, invite: [bridged.ghost(tom), alice.userId] }
    const chat = await mallory.createRoom(direct)
    await alice.post(`/join/${encoded(chat)}`)
    await bridged.event(chat, isGone(bridged.ghost(tom)))
    const own = await mallory.createRoom({ invite: [bridged.botId, alice.userId] })
    await alice.post(`/join/${encoded(own)}`)
    await bridged.event(own, isGone(bridged.botId))
    await mallory.post(`/rooms/${encoded(roomId)}/kick`, { user_id: bridged.ghost(ann) })
    await alice.send(roomId, 'after that')
    await bridged.said(group, ({ text }) => text === 'alice: after that')
    expect(group.members.get(ann.user.id)?.status).toBe('member')
    expect(telegram.said(tom.bot).some(({ text }) => text?.includes(mallory.userId))).toBe(false)
  })

  test('who runs the group, but has no power in its room, neither opens nor empties that', async () => {
    await using bridged = await Bridged.start(dialect)
    const { alice, tom, server } = bridged
    const bob = await server.register('bob')
    const group = bridged.group()
    const roomId = await alice.createRoom({ invite: [bridged.botId, bob.userId] })
    await bob.post(`/join/${encoded(roomId)}`)
    await bridged.botJoins(roomId)
    await bridged.link(roomId, bob)
    tom.say(group, `/bridge ${await bridged.code(roomId)}`)
    await bridged.said(group, ({ text }) => text?.startsWith('This group is bridged') === true)
    const levels = `/rooms/${encoded(roomId)}/state/m.room.power_levels`
    await alice.put(levels, { ...(await alice.get(levels)), users: { [bridged.botId]: 100 } })
    await bob.send(roomId, '!tg set public')
    await bridged.answer(roomId, /^You may not do that here/)
    expect(await alice.get(`/rooms/${encoded(roomId)}/state/m.room.join_rules`)).toEqual({ join_rule: 'invite' })
    await bob.send(roomId, '!tg unbridge') // which is theirs too
    await bridged.answer(roomId, /^This room is not bridged with Kitchen any more/)
  })
})
