import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../test/support/databases.ts'
import { fullRights } from '../../test/support/fake-telegram/fake-telegram.ts'
import type { Person } from '../../test/support/fake-telegram/person.ts'
import type { FakeChat } from '../../test/support/fake-telegram/world.ts'
import { Bridged } from '../../test/support/telegram.ts'

/** A post of a channel, and Telegram's forward of it into the group of the channel. */
function post(tom: Person, channel: FakeChat, group: FakeChat, text: string) {
  const original = tom.say(channel, text)
  const origin = { type: 'channel', chat: channel.chat, message_id: original.message_id, date: original.date }
  const more = { is_automatic_forward: true as const, forward_origin: origin }
  return { original, forwarded: tom.say(group, { text, as: channel, more }) }
}

const thread = (eventId: unknown) => ({
  msgtype: 'm.text',
  'm.relates_to': {
    rel_type: 'm.thread',
    event_id: eventId,
    is_falling_back: true,
    'm.in_reply_to': { event_id: eventId },
  },
})

forEachDatabase(({ dialect }) => {
  test('case 25: topics are threads of one room where that is wished', async () => {
    await using bridged = await Bridged.start(dialect, 'telegram: { topics: threads }')
    const { alice, tom } = bridged
    const group = bridged.group({ forum: true })
    const roomId = await bridged.bridge(group)
    const topic = tom.openTopic(group, 'Recipes')
    tom.say(group, { text: 'Soup', topic })
    const soup = await bridged.text(roomId, 'Soup')
    const { event_id: root } = await bridged.text(roomId, 'Recipes')
    expect(soup['content']['m.relates_to']).toMatchObject({ rel_type: 'm.thread', event_id: root })
    await alice.send(roomId, { ...thread(root), body: 'How?' })
    const how = await bridged.said(group, ({ text }) => text === 'alice: How?')
    expect(how).toMatchObject({ message_thread_id: topic })
    await alice.send(roomId, 'after that') // which of the messages is the question is kept once Telegram has answered
    await bridged.said(group, ({ text }) => text === 'alice: after that')
    tom.say(group, { text: 'Like this', topic, replyTo: how.message_id })
    const answer = await bridged.text(roomId, 'Like this')
    expect(answer['content']['m.relates_to']).toMatchObject({ event_id: root, is_falling_back: false })
    await alice.send(roomId, 'to all')
    expect(await bridged.said(group, ({ text }) => text === 'alice: to all')).not.toHaveProperty('message_thread_id')
  })

  test('case 25: topics are all in one room where that is wished', async () => {
    await using bridged = await Bridged.start(dialect, 'telegram: { topics: flat }')
    const { tom } = bridged
    const group = bridged.group({ forum: true })
    const roomId = await bridged.bridge(group)
    const topic = tom.openTopic(group, 'Recipes')
    tom.say(group, { text: 'Soup', topic })
    expect((await bridged.text(roomId, 'Soup'))['content']).not.toHaveProperty('m.relates_to')
  })

  test('case 28: comments are threads of the channel where that is wished, and the post is not doubled', async () => {
    await using bridged = await Bridged.start(dialect, 'telegram: { comments: threads }')
    const { alice, tom, telegram } = bridged
    const channel = telegram.channel('News', { owner: tom, bot: fullRights })
    const group = bridged.group()
    const roomId = await bridged.bridge(channel)
    const { forwarded } = post(tom, channel, group, 'It rains')
    const { event_id: root, sender } = await bridged.text(roomId, 'It rains')
    expect(sender).toBe(`@telegram_channel_${Math.abs(channel.chat.id)}:hs.test`)
    const below = { message_thread_id: forwarded.message_id }
    const comment = tom.say(group, { text: 'Here too', replyTo: forwarded.message_id, more: below })
    const here = await bridged.text(roomId, 'Here too')
    expect(here).toMatchObject({
      sender: bridged.ghost(tom),
      content: { 'm.relates_to': { rel_type: 'm.thread', event_id: root } },
    })
    tom.edit(comment, { text: 'Here as well' })
    await bridged.text(roomId, '* Here as well')
    await alice.send(roomId, { ...thread(root), body: 'And here' })
    const answer = await bridged.said(group, ({ text }) => text === 'alice: And here')
    expect(answer.reply_to_message?.message_id).toBe(forwarded.message_id)
    const told = (await bridged.events(roomId)).filter(({ content }) => content.body === 'It rains')
    expect(told).toHaveLength(1)
  })

  test('case 28: with the group bridged as well, comments are in the channel alone, and what else is said there in the group', async () => {
    await using bridged = await Bridged.start(dialect, 'telegram: { comments: threads }')
    const { alice, tom, telegram } = bridged
    const channel = telegram.channel('News', { owner: tom, bot: fullRights })
    const group = bridged.group()
    const inChannel = await bridged.bridge(channel)
    const inGroup = await bridged.bridge(group)
    const { forwarded } = post(tom, channel, group, 'It rains')
    const { event_id: root } = await bridged.text(inChannel, 'It rains')
    const below = { message_thread_id: forwarded.message_id }
    const speakers: [string, FakeChat | undefined, string][] = [
      ['by Tom', undefined, bridged.ghost(tom)],
      ['by nobody', group, `@telegram_channel_${Math.abs(group.chat.id)}:hs.test`],
      ['by the channel', channel, `@telegram_channel_${Math.abs(channel.chat.id)}:hs.test`],
    ]
    for (const [text, as, sender] of speakers) {
      tom.say(group, { text, replyTo: forwarded.message_id, more: below, ...(as ? { as } : {}) })
      expect(await bridged.text(inChannel, text)).toMatchObject({
        sender,
        content: { 'm.relates_to': { rel_type: 'm.thread', event_id: root } },
      })
    }
    tom.say(group, 'by the way')
    await bridged.text(inGroup, 'by the way')
    await alice.send(inGroup, 'from the group')
    expect(await bridged.said(group, ({ text }) => text === 'alice: from the group')).not.toHaveProperty(
      'reply_to_message',
    )
    const bodies = async (roomId: string) =>
      (await bridged.events(roomId)).flatMap(({ sender, content }) =>
        String(sender).startsWith('@telegram_') && content.body ? [content.body as unknown] : [],
      )
    expect(await bodies(inChannel)).toEqual(['It rains', ...speakers.map(([text]) => text)])
    expect(await bodies(inGroup)).toEqual(['by the way'])
  })

  test('case 28: else the group is a room of its own, where the post is a forward', async () => {
    await using bridged = await Bridged.start(dialect)
    const { tom, telegram } = bridged
    const channel = telegram.channel('News', { owner: tom, bot: fullRights })
    const group = bridged.group()
    const inChannel = await bridged.bridge(channel)
    const inGroup = await bridged.bridge(group)
    post(tom, channel, group, 'It rains')
    await bridged.text(inChannel, 'It rains')
    await bridged.text(inGroup, 'Forwarded from News:\n> It rains')
  })
})
