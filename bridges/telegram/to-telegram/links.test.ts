import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { Bridged } from '../../../test/support/telegram.ts'

const html = (body: string, formatted: string) => ({
  msgtype: 'm.text',
  body,
  format: 'org.matrix.custom.html',
  formatted_body: formatted,
})
const pill = (id: string, text: string) => `<a href="https://matrix.to/#/${id}">${text}</a>`

forEachDatabase(({ dialect }) => {
  test('case 14: people, messages and emoji of Telegram are themselves again, and its links lead here', async () => {
    await using bridged = await Bridged.start(dialect)
    const { alice, tom, telegram, server } = bridged
    const ann = telegram.person('Ann')
    const group = bridged.group({ members: [ann] })
    const roomId = await bridged.bridge(group)
    const { id: emoji } = telegram.world.addFile(Buffer.from('picture'), { name: 'e.webp', type: 'image/webp' })
    const custom = { type: 'custom_emoji', offset: 0, length: 2, custom_emoji_id: emoji }
    const message = ann.say(group, { text: '😀 hello', entities: [custom] })
    const { event_id: eventId, content } = await bridged.text(roomId, '😀 hello')
    const [image] = /<img[^>]+>/.exec(content.formatted_body as string) ?? []
    const bob = await server.register('bob')
    await alice.post(`/rooms/${encodeURIComponent(roomId)}/invite`, { user_id: bob.userId })
    await bob.post(`/join/${encodeURIComponent(roomId)}`)
    await bridged.link(roomId, bob)

    const address = `https://t.me/c/${String(group.chat.id).slice(4)}/${message.message_id}`
    const pills = [
      pill(bridged.ghost(ann), 'Ann'),
      pill(bob.userId, 'Bob'),
      pill(`${roomId}/${String(eventId)}?via=hs.test`, 'that'),
    ]
    await alice.send(roomId, html('😀 Ann Bob that', `${image} ${pills.join(' ')}`))
    const { entities } = await bridged.said(group, ({ text }) => text === 'alice: 😀 Ann Bob that')
    expect(entities).toMatchObject([
      { type: 'bold' },
      { type: 'custom_emoji', custom_emoji_id: emoji, length: 2 },
      { type: 'text_mention', user: { id: ann.user.id } },
      { type: 'text_mention', user: { id: tom.user.id } },
      { type: 'text_link', url: address },
    ])
    tom.say(group, `look ${address}`)
    const look = await bridged.text(roomId, `look ${address}`)
    const link = `https://matrix.to/#/${encodeURIComponent(roomId)}/${encodeURIComponent(String(eventId))}?via=hs.test`
    expect(look['content'].formatted_body).toContain(`href="${link}"`)
  })

  test('case 27: what is pinned here is pinned there, until it is not', async () => {
    await using bridged = await Bridged.start(dialect)
    const { alice, tom, telegram } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    const [first, second] = ['first', 'second'].map((text) => tom.say(group, text).message_id)
    const pinned = [
      (await bridged.text(roomId, 'first'))['event_id'],
      (await bridged.text(roomId, 'second'))['event_id'],
    ]
    await alice.setState(roomId, 'm.room.pinned_events', { pinned: pinned.slice(0, 1) })
    await telegram.until(() => group.pinned[0] === first)
    await alice.setState(roomId, 'm.room.pinned_events', { pinned })
    await telegram.until(() => group.pinned[0] === second)
    await alice.setState(roomId, 'm.room.pinned_events', { pinned: pinned.slice(1) })
    await telegram.until(() => group.pinned.length === 1)
    expect(group.pinned).toEqual([second])
  })
})
