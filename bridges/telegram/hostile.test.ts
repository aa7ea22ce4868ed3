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
})
