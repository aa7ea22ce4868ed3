import { expect, test } from '@jest/globals'
import type { Message } from 'node-telegram-bot-api'
import { forEachDatabase } from '../../test/support/databases.ts'
import { fullRights } from '../../test/support/fake-telegram/fake-telegram.ts'
import { Bridged } from '../../test/support/telegram.ts'

const bytes = Buffer.from('some bytes')

forEachDatabase(({ dialect }) => {
  test('case 18 and 19: answers with quotes; edits are edits, and noise is none', async () => {
    await using bridged = await Bridged.start(dialect)
    const { alice, tom } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    const first = tom.say(group, 'first')
    const { event_id: firstId } = await bridged.text(roomId, 'first')
    const quote = { text: 'fir', position: 0, is_manual: true as const }
    const more = { message_thread_id: first.message_id } // as Telegram has it of all answers in supergroups
    tom.say(group, { text: 'second', replyTo: first.message_id, quote, more })
    const second = await bridged.text(roomId, '> fir\n\nsecond')
    expect(second['content']).toMatchObject({ 'm.relates_to': { 'm.in_reply_to': { event_id: firstId } } })
    tom.edit(first, { text: 'first' })
    const edited = tom.edit(first, { text: 'changed' })
    tom.edit(edited, { text: 'changed' })
    await bridged.text(roomId, '* changed')
    const mine = await alice.send(roomId, 'mine')
    const relayed = await bridged.said(group, ({ text }) => text === 'alice: mine')
    tom.edit(relayed, { text: 'alice: mine' }) // Telegram tells so of link previews
    tom.say(group, 'last')
    await bridged.text(roomId, 'last')
    const edits = (await bridged.events(roomId)).filter(
      ({ content }) => content['m.relates_to']?.rel_type === 'm.replace',
    )
    expect(edits.map(({ content }) => content['m.relates_to'].event_id)).toEqual([firstId])
    expect(mine).toBeDefined()
  })

  test('case 17: a caption that is edited is an edit of the picture', async () => {
    await using bridged = await Bridged.start(dialect)
    const { tom } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    const message = tom.send(group, 'photo', { bytes, caption: 'before' })
    const { event_id: eventId, content } = await bridged.text(roomId, 'before')
    tom.edit(message, { caption: 'after' })
    const edit = await bridged.text(roomId, '* after')
    expect(edit['content']).toMatchObject({
      'm.new_content': { msgtype: 'm.image', body: 'after', url: content.url },
      'm.relates_to': { rel_type: 'm.replace', event_id: eventId },
    })
  })

  test('case 20: /redact deletes a message on both sides', async () => {
    await using bridged = await Bridged.start(dialect)
    const { tom, telegram } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    const message = tom.say(group, 'oops')
    const { event_id: eventId } = await bridged.text(roomId, 'oops')
    tom.say(group, { text: '/redact', replyTo: message.message_id })
    const redaction = await bridged.event(roomId, ({ type }) => type === 'm.room.redaction')
    expect(redaction['redacts'] ?? redaction['content'].redacts).toBe(eventId)
    await telegram.until(() => !group.messages.has(message.message_id))
  })

  test('case 21: reactions come, change and go', async () => {
    await using bridged = await Bridged.start(dialect)
    const { tom } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    const message = tom.say(group, 'nice')
    const { event_id: target } = await bridged.text(roomId, 'nice')
    tom.react(message, '👍')
    const first = await bridged.event(roomId, ({ type }) => type === 'm.reaction')
    expect(first).toMatchObject({
      sender: bridged.ghost(tom),
      content: { 'm.relates_to': { event_id: target, key: '👍' } },
    })
    tom.react(message, '🔥')
    await bridged.event(roomId, ({ type, content }) => type === 'm.reaction' && content['m.relates_to']?.key === '🔥')
    await bridged.event(
      roomId,
      ({ type, redacts, content }) =>
        type === 'm.room.redaction' && [redacts, content.redacts].includes(first['event_id']),
    )
  })

  test('case 21: a bot that is no administrator is told of no reactions, and says so', async () => {
    await using bridged = await Bridged.start(dialect)
    const { tom, telegram } = bridged
    const group = bridged.group()
    await bridged.bridge(group)
    const hint = 'Make me an administrator'
    tom.say(group, '/status')
    const { text } = await bridged.said(group, (message) => message.text?.includes('Waiting: ') === true)
    expect(text).not.toContain(hint)
    telegram.world.setMember(group, telegram.bot.user, tom.user, 'member')
    tom.say(group, '/status')
    await bridged.said(group, (message) => message.text?.includes(hint) === true)
  })

  test('case 22: an album keeps its order and caption; a file that is too large is told with its size', async () => {
    await using bridged = await Bridged.start(dialect)
    const { tom } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    tom.album(
      group,
      ['one', 'two', 'three', 'four', 'five'].map((name, index) => ({
        bytes: Buffer.from(name),
        ...(index === 2 ? { caption: 'all' } : {}),
      })),
    )
    tom.send(group, 'document', { bytes: Buffer.alloc(25 * 1024 * 1024), name: 'large.iso' })
    const large = await bridged.event(roomId, ({ content }) => content?.body?.includes('large.iso') === true)
    expect(large['content'].body).toMatch(/25 MB/)
    const images = (await bridged.events(roomId)).filter(({ content }) => content.msgtype === 'm.image')
    expect(images.map(({ content }) => content.body)).toEqual([
      'photo.jpg',
      'photo.jpg',
      'all',
      'photo.jpg',
      'photo.jpg',
    ])
    expect(new Set(images.map(({ content }) => content['org.domovoi.telegram'].album_id)).size).toBe(1)
  })

  test('case 23: whatever comes, something is shown', async () => {
    await using bridged = await Bridged.start(dialect)
    const { tom } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    const location = { latitude: 55.75, longitude: 37.62 }
    const kinds: [string, () => Message][] = [
      ['m.sticker', () => tom.send(group, 'sticker', { bytes })],
      ['m.video', () => tom.send(group, 'video_note', { bytes })],
      ['m.video', () => tom.send(group, 'animation', { bytes })],
      ['m.video', () => tom.send(group, 'video', { bytes })],
      ['m.audio', () => tom.send(group, 'voice', { bytes })],
      ['m.audio', () => tom.send(group, 'audio', { bytes })],
      ['m.file', () => tom.send(group, 'document', { bytes })],
      ['m.location', () => tom.say(group, { more: { location } })],
      [
        'm.location',
        () => tom.say(group, { more: { location, venue: { location, title: 'Red Square', address: 'Moscow' } } }),
      ],
      ['m.text', () => tom.say(group, { more: { contact: { phone_number: '+7', first_name: 'Ann' } } })],
      ['m.text', () => tom.say(group, { more: { dice: { emoji: '🎲', value: 6 } } })],
      ['m.text', () => tom.say(group, { more: { of_the_future: {} } as never })],
    ]
    for (const [, post] of kinds) post()
    tom.say(group, 'the end')
    await bridged.text(roomId, 'the end')
    const shown = (await bridged.events(roomId)).filter(
      ({ sender, type, content }) =>
        sender === bridged.ghost(tom) && type !== 'm.room.member' && content.body !== 'the end',
    )
    expect(shown.map(({ type, content }) => content.msgtype ?? type)).toEqual(kinds.map(([kind]) => kind))
    expect(shown.every(({ content }) => content.body !== '')).toBe(true)
  })

  test('case 25: topics are rooms in a space, and what is said in them goes to them', async () => {
    await using bridged = await Bridged.start(dialect)
    const { alice, tom } = bridged
    const group = bridged.group({ forum: true })
    await bridged.bridge(group)
    const topic = tom.openTopic(group, 'Recipes')
    const roomId = await bridged.invitation('Kitchen: Recipes')
    await alice.post(`/join/${encodeURIComponent(roomId)}`)
    tom.say(group, { text: 'Soup', topic })
    await bridged.text(roomId, 'Soup')
    await alice.send(roomId, 'How?')
    expect(await bridged.said(group, ({ text }) => text === 'alice: How?')).toMatchObject({ message_thread_id: topic })
    const space = await bridged.invitation('Kitchen')
    await alice.post(`/join/${encodeURIComponent(space)}`)
    expect(
      await alice.get(`/rooms/${encodeURIComponent(space)}/state/m.space.child/${encodeURIComponent(roomId)}`),
    ).toEqual({ via: ['hs.test'] })
  })

  test('cases 18 and 25: three topics are three rooms that keep their names; the root of a topic is not answered', async () => {
    await using bridged = await Bridged.start(dialect)
    const { alice, tom, telegram } = bridged
    const group = bridged.group({ forum: true })
    const general = await bridged.bridge(group)
    const rooms = new Map<string, string>()
    for (const name of ['Soups', 'Cakes', 'Teas']) {
      const topic = tom.openTopic(group, name)
      tom.say(group, { text: `about ${name}`, topic, replyTo: topic })
      const roomId = await bridged.invitation(`Kitchen: ${name}`)
      await alice.post(`/join/${encodeURIComponent(roomId)}`)
      const { content } = await bridged.text(roomId, `about ${name}`)
      expect(content).not.toHaveProperty('m.relates_to')
      rooms.set(name, roomId)
      if (name === 'Cakes') {
        tom.say(group, { topic, more: { forum_topic_edited: { name: 'Pies' } } })
        await bridged.event(roomId, ({ type, content: { name: called } }) => {
          return type === 'm.room.name' && called === 'Kitchen: Pies'
        })
        tom.say(group, { topic, more: { forum_topic_closed: {} } })
        await bridged.text(roomId, 'Telegram: this topic was closed.')
      }
    }
    expect(new Set(rooms.values()).size).toBe(3)
    tom.say(group, 'to General')
    await bridged.text(general, 'to General')
    await alice.send(general, 'General too')
    const { message_thread_id: thread } = await bridged.said(group, ({ text }) => text === 'alice: General too')
    expect(thread).toBeUndefined()
    expect(telegram.said(group).filter(({ text }) => text?.startsWith('alice: Gen'))).toHaveLength(1)
  })

  test('case 26: a group that becomes a supergroup while it is written to keeps its room', async () => {
    await using bridged = await Bridged.start(dialect)
    const { alice, tom, telegram } = bridged
    const group = telegram.group('Kitchen', { owner: tom })
    const roomId = await bridged.bridge(group)
    const moved = telegram.supergroup('Kitchen', { owner: tom, bot: fullRights })
    group.movedTo = moved.chat.id // of which no update told
    for (const body of ['one', 'two']) await alice.send(roomId, body)
    await bridged.said(moved, ({ text }) => text === 'alice: two')
    expect(telegram.said(moved).map(({ text }) => text)).toEqual(['alice: one', 'alice: two'])
  })

  test('case 26: a group that becomes a supergroup keeps its room', async () => {
    await using bridged = await Bridged.start(dialect)
    const { alice, tom, telegram } = bridged
    const group = telegram.group('Kitchen', { owner: tom })
    const roomId = await bridged.bridge(group)
    const old = await alice.send(roomId, 'before')
    await bridged.said(group, ({ text }) => text === 'alice: before')
    const moved = telegram.migrate(group, tom)
    await alice.send(roomId, 'still there?')
    await bridged.said(moved, ({ text }) => text === 'alice: still there?')
    tom.say(moved, 'yes')
    await bridged.text(roomId, 'yes')
    await alice.put(`/rooms/${encodeURIComponent(roomId)}/redact/${encodeURIComponent(old)}/r1`, {}) // cannot be done
    await alice.send(roomId, 'and on')
    await bridged.said(moved, ({ text }) => text === 'alice: and on')
  })

  test('case 27: people come and go, the group is renamed, the bot is thrown out and comes back', async () => {
    await using bridged = await Bridged.start(dialect)
    const { alice, tom, telegram } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    await alice.put(`/rooms/${encodeURIComponent(roomId)}/state/m.room.power_levels`, {
      ...(await alice.get(`/rooms/${encodeURIComponent(roomId)}/state/m.room.power_levels`)),
      users: { [bridged.botId]: 50 },
    })
    const ann = telegram.person('Ann')
    const membership = (value: string) =>
      bridged.event(
        roomId,
        ({ type, state_key: key, content }) =>
          type === 'm.room.member' && key === bridged.ghost(ann) && content.membership === value,
      )
    ann.join(group)
    await membership('join')
    ann.leave(group)
    await membership('leave')
    tom.rename(group, 'Dining room')
    await bridged.event(roomId, ({ type, content }) => type === 'm.room.name' && content.name === 'Dining room')
    tom.pin(group, tom.say(group, 'pin me'))
    await bridged.event(roomId, ({ type, content }) => type === 'm.room.pinned_events' && content.pinned.length === 1)
    telegram.removeBot(group, tom)
    await bridged.event(roomId, ({ content }) => content?.body?.startsWith('Telegram: the bot was removed') === true)
    telegram.addBot(group, tom)
    await bridged.event(roomId, ({ content }) => content?.body?.startsWith('Telegram: the bot is back') === true)
    tom.say(group, 'hello again')
    await bridged.text(roomId, 'hello again')
  })

  test('case 27: whoever is thrown out on one side is thrown out on the other', async () => {
    await using bridged = await Bridged.start(dialect)
    const { alice, tom, telegram } = bridged
    const people = ['Ann', 'Ben', 'Cem'].map((name) => telegram.person(name))
    const group = bridged.group({ members: people })
    const roomId = await bridged.bridge(group)
    for (const person of people) {
      person.say(group, `I am ${person.user.first_name}`)
      await bridged.text(roomId, `I am ${person.user.first_name}`)
    }
    const [ann, ben, cem] = people.map((person) => ({ person, ghost: bridged.ghost(person) }))
    const status = (of: typeof ann) => group.members.get(of?.person.user.id ?? 0)?.status
    await alice.post(`/rooms/${encodeURIComponent(roomId)}/ban`, { user_id: ann?.ghost })
    await telegram.until(() => status(ann) === 'kicked')
    await alice.post(`/rooms/${encodeURIComponent(roomId)}/kick`, { user_id: ben?.ghost })
    await telegram.until(() => status(ben) === 'left')
    if (cem) telegram.world.setMember(group, cem.person.user, tom.user, 'kicked')
    await bridged.event(
      roomId,
      ({ type, state_key: key, content }) =>
        type === 'm.room.member' && key === cem?.ghost && content.membership === 'leave',
    )
  })

  test('case 27: the picture follows, and who has blocked the bot holds up nobody', async () => {
    await using bridged = await Bridged.start(dialect)
    const { alice, tom, telegram } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    const levels = `/rooms/${encodeURIComponent(roomId)}/state/m.room.power_levels`
    await alice.put(levels, { ...(await alice.get(levels)), users: { [bridged.botId]: 50 } })
    tom.setPhoto(group, Buffer.from('a kitchen'))
    await bridged.event(
      roomId,
      ({ type, content }) => type === 'm.room.avatar' && content.url?.startsWith('mxc:') === true,
    )
    tom.say(tom.bot, '/help')
    const answer = await bridged.said(tom.bot, ({ text }) => text?.includes('/login') === true)
    telegram.block(tom)
    tom.press(answer, 'o')
    await telegram.until(() => telegram.calls.some(({ params }) => params['text'] === 'Signed out everywhere.'))
    tom.say(group, 'still here')
    await bridged.text(roomId, 'still here')
  })

  test('case 27: administrators of the group are moderators of the room, and names and pictures follow', async () => {
    await using bridged = await Bridged.start(dialect)
    const { alice, tom, telegram } = bridged
    const ann = telegram.person('Ann')
    const group = bridged.group({ members: [ann] })
    const room = `/rooms/${encodeURIComponent(await bridged.bridge(group))}`
    const roomId = decodeURIComponent(room.slice('/rooms/'.length))
    const levels = `${room}/state/m.room.power_levels`
    await alice.put(levels, { ...(await alice.get(levels)), users: { [bridged.botId]: 100 } })
    const level = (wanted: number | undefined) =>
      bridged.event(
        roomId,
        ({ type, sender, content }) =>
          type === 'm.room.power_levels' && sender === bridged.botId && content.users[bridged.ghost(ann)] === wanted,
      )
    telegram.world.setMember(group, ann.user, tom.user, 'administrator', { can_restrict_members: true })
    await level(50)
    telegram.world.setMember(group, ann.user, tom.user, 'administrator', { can_pin_messages: true })
    expect((await level(0))['content'].users).toMatchObject({ [bridged.botId]: 100 })

    telegram.world.photosOf.set(ann.user.id, ann.upload('photo', { bytes: Buffer.from('a face') }))
    Object.assign(ann.user, { first_name: 'Anna' })
    ann.say(group, 'new')
    await bridged.text(roomId, 'new')
    expect(await alice.get(`/profile/${bridged.ghost(ann)}`)).toMatchObject({
      displayname: 'Anna',
      avatar_url: expect.stringMatching(/^mxc:/),
    })
  })

  test('case 28: an anonymous administrator speaks as the group', async () => {
    await using bridged = await Bridged.start(dialect)
    const { tom } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    tom.say(group, { text: 'from nobody', as: group })
    const { sender } = await bridged.text(roomId, 'from nobody')
    expect(sender).toBe(`@telegram_channel_${Math.abs(group.chat.id)}:hs.test`)
  })

  test('case 29: who may bridge what', async () => {
    await using bridged = await Bridged.start(dialect)
    const { alice, tom, telegram } = bridged
    const ann = telegram.person('Ann')
    const group = bridged.group({ members: [ann] })
    ann.say(group, '/bridge ABCDEFGH')
    await bridged.said(group, ({ text }) => text?.startsWith('That is for administrators') === true)
    tom.say(group, '/bridge ABCDEFGH')
    await bridged.said(group, ({ text }) => text?.startsWith('This code is wrong') === true)
    const secret = await bridged.room()
    await alice.setState(secret, 'm.room.encryption', { algorithm: 'm.megolm.v1.aes-sha2' })
    await alice.send(secret, '!tg bridge')
    await bridged.event(secret, ({ content }) => content?.body?.startsWith('This room is encrypted') === true)
    const roomId = await bridged.bridge(group)
    await alice.send(roomId, '!tg bridge')
    await bridged.event(roomId, ({ content }) => content?.body === 'This room is bridged already.')
    const bob = await bridged.server.register('bob')
    await alice.post(`/rooms/${encodeURIComponent(roomId)}/invite`, { user_id: bob.userId })
    await bob.post(`/join/${encodeURIComponent(roomId)}`)
    await bob.send(roomId, '!tg unbridge')
    await bridged.event(roomId, ({ content }) => content?.body?.startsWith('You may not do that here') === true)
    await alice.send(roomId, '!tg unbridge')
    await bridged.event(roomId, ({ content }) => content?.body?.startsWith('This room is not bridged with') === true)
  })

  test('case 29: a room that is upgraded takes its group along, once the bot is let in', async () => {
    await using bridged = await Bridged.start(dialect)
    const { alice, tom } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    const levels = `/rooms/${encodeURIComponent(roomId)}/state/m.room.power_levels`
    await alice.put(levels, { ...(await alice.get(levels)), users: { [bridged.botId]: 50 } })
    const { replacement_room: next } = await alice.post(`/rooms/${encodeURIComponent(roomId)}/upgrade`, {
      new_version: '11',
    })
    await alice.post(`/rooms/${encodeURIComponent(next as string)}/invite`, { user_id: bridged.botId })
    await bridged.botJoins(next as string)
    await alice.send(next as string, 'moved in')
    await bridged.said(group, ({ text }) => text === 'alice: moved in')
    tom.say(group, 'so am I')
    await bridged.text(next as string, 'so am I')
  })
})
