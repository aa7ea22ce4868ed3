import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../test/support/databases.ts'
import { Bridged } from '../../test/support/telegram.ts'

const encoded = encodeURIComponent

/** A room that is bridged with a group, in which the bot is a moderator. */
async function moderated(bridged: Bridged) {
  const group = bridged.group()
  const roomId = await bridged.bridge(group)
  const levels = `/rooms/${encoded(roomId)}/state/m.room.power_levels`
  await bridged.alice.put(levels, { ...(await bridged.alice.get(levels)), users: { [bridged.botId]: 50 } })
  return { group, roomId }
}

forEachDatabase(({ dialect }) => {
  test('name, topic and picture of the room go to the group, where that is wished', async () => {
    await using bridged = await Bridged.start(dialect, 'telegram: { sync_metadata: both }')
    const { alice, telegram } = bridged
    const { group, roomId } = await moderated(bridged)
    await alice.setState(roomId, 'm.room.name', { name: 'Parlour' })
    await telegram.until(() => group.chat.title === 'Parlour')
    await alice.setState(roomId, 'm.room.topic', { topic: 'Tea at five' })
    await telegram.until(() => group.description === 'Tea at five')
    const { body } = await alice.request('POST', '/_matrix/media/v3/upload', Buffer.from('a picture'), {
      'content-type': 'image/jpeg',
    })
    await alice.setState(roomId, 'm.room.avatar', { url: body['content_uri'] })
    await telegram.until(() => group.photo?.bytes.toString() === 'a picture')
    await alice.setState(roomId, 'm.room.avatar', {})
    await telegram.until(() => group.photo === undefined)
  })

  test('else the group keeps what it has, and the room follows it: description and pins when asked', async () => {
    await using bridged = await Bridged.start(dialect)
    const { alice, tom } = bridged
    const { group, roomId } = await moderated(bridged)
    await alice.setState(roomId, 'm.room.name', { name: 'Parlour' })
    const message = tom.say(group, 'pin me')
    tom.pin(group, message)
    tom.describe(group, 'Soup at noon')
    await bridged.event(roomId, ({ type, content }) => type === 'm.room.pinned_events' && content.pinned.length === 1)
    tom.unpin(group, message)
    await alice.send(roomId, '!tg sync')
    await bridged.event(roomId, ({ content }) => content?.body === 'This room is as Kitchen is.')
    const state = (type: string) => alice.get(`/rooms/${encoded(roomId)}/state/${type}`)
    expect(await state('m.room.topic')).toMatchObject({ topic: 'Soup at noon' })
    expect(await state('m.room.pinned_events')).toEqual({ pinned: [] })
    expect(group.chat.title).toBe('Kitchen')
  })
})
