import { expect, test } from '@jest/globals'
import type { Poll } from 'node-telegram-bot-api'
import sharp from 'sharp'
import { forEachDatabase } from '../../test/support/databases.ts'
import { FakeClock } from '../../homeserver/platform/fake-clock.ts'
import { fullRights } from '../../test/support/fake-telegram/fake-telegram.ts'
import { Bridged } from '../../test/support/telegram.ts'

const encoded = encodeURIComponent

forEachDatabase(({ dialect }) => {
  test('cases 7 to 10: faults of Telegram lose no message, double none, and keep their order', async () => {
    await using bridged = await Bridged.start(dialect)
    const { alice, telegram } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    const known = telegram.said(group).length
    for (const kind of ['dropAfter', 'dropBefore', '429', '502html', '500', 'badJson'] as const) {
      telegram.fail({ kind, method: 'sendMessage', chat: group.chat.id, retryAfter: 1 })
      await alice.send(roomId, `${kind} 1`)
      await alice.send(roomId, `${kind} 2`)
      await bridged.said(group, ({ text }) => text === `alice: ${kind} 2`)
    }
    const said = telegram.said(group).slice(known)
    expect(said.map(({ text }) => text)).toEqual(
      ['dropAfter', 'dropBefore', '429', '502html', '500', 'badJson'].flatMap((kind) => [
        `alice: ${kind} 1`,
        `alice: ${kind} 2`,
      ]),
    )
  })

  test('case 9: a chat that has to wait keeps its order, and the others do not wait for it', async () => {
    const clock = new FakeClock()
    await using bridged = await Bridged.start(dialect, '', { clock })
    const { alice, tom, telegram } = bridged
    const kitchen = bridged.group()
    const hall = telegram.supergroup('Hall', { owner: tom, bot: fullRights })
    const inKitchen = await bridged.bridge(kitchen)
    const inHall = await bridged.bridge(hall)
    const known = telegram.said(kitchen).length
    const arrived = () =>
      telegram
        .said(kitchen)
        .slice(known)
        .map(({ text }) => text)
    telegram.fail({ kind: '429', method: 'sendMessage', chat: kitchen.chat.id, after: 4, retryAfter: 3 })
    const sent = Array.from({ length: 10 }, (_, index) => `message ${index + 1}`)
    for (const body of sent) await alice.send(inKitchen, body)
    await telegram.until(() => telegram.calls.some(({ params }) => params['text'] === 'alice: message 5'))
    await alice.send(inHall, 'not delayed')
    await bridged.said(hall, ({ text }) => text === 'alice: not delayed')
    expect(arrived()).toHaveLength(4)
    while (arrived().length < 10) {
      await clock.advance(10)
      await alice.get('/account/whoami') // what goes on beside has time to
    }
    expect(arrived()).toEqual(sent.map((body) => `alice: ${body}`))
  })

  test('case 20: after two days a message is emptied where the bot may not delete', async () => {
    const telegramClock = new FakeClock()
    await using bridged = await Bridged.start(dialect, '', { telegramClock })
    const { alice, telegram } = bridged
    const group = bridged.group({ bot: { ...fullRights, can_delete_messages: false } })
    const roomId = await bridged.bridge(group)
    const eventId = await alice.send(roomId, 'a slip')
    const { message_id: id } = await bridged.said(group, ({ text }) => text === 'alice: a slip')
    await alice.send(roomId, 'next')
    await bridged.said(group, ({ text }) => text === 'alice: next')
    await telegramClock.advance(49 * 3600_000)
    await alice.put(`/rooms/${encoded(roomId)}/redact/${encoded(eventId)}/r1`, {})
    await telegram.until(() => group.messages.get(id)?.text === '[deleted]')
  })

  test('case 20: what is found to be deleted in Telegram is redacted', async () => {
    await using bridged = await Bridged.start(dialect)
    const { alice, tom } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    const message = tom.say(group, 'soon gone')
    const { event_id: target } = await bridged.text(roomId, 'soon gone')
    tom.say(group, 'next')
    await bridged.text(roomId, 'next')
    tom.delete(message)
    const relation = { rel_type: 'm.annotation', event_id: target, key: '👍' }
    await alice.send(roomId, { 'm.relates_to': relation }, 'm.reaction')
    const { redacts, content, sender } = await bridged.event(roomId, ({ type }) => type === 'm.room.redaction')
    expect([redacts ?? content.redacts, sender]).toEqual([target, bridged.ghost(tom)])
  })

  test('case 16: a long text is several messages, and an edit to a short one deletes what is over', async () => {
    await using bridged = await Bridged.start(dialect)
    const { alice, telegram } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    const known = telegram.said(group).length
    const eventId = await alice.send(roomId, 'word '.repeat(2000))
    await telegram.until(() => telegram.said(group).length === known + 3)
    const content = { msgtype: 'm.text', body: 'short' }
    await alice.send(roomId, {
      ...content,
      'm.new_content': content,
      'm.relates_to': { rel_type: 'm.replace', event_id: eventId },
    })
    await telegram.until(() => telegram.said(group).length === known + 1)
    expect(telegram.said(group).at(-1)?.text).toBe('alice: short')
  })

  test('case 17 and 22: pictures with captions; long captions follow as text; large pictures go as documents', async () => {
    await using bridged = await Bridged.start(dialect)
    const { alice } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    const upload = async (bytes: Uint8Array): Promise<string> => {
      const { body } = await alice.request('POST', '/_matrix/media/v3/upload?filename=a.png', bytes, {
        'content-type': 'image/png',
      })
      return body['content_uri'] as string
    }
    const url = await upload(Buffer.from('small picture'))
    const image = { msgtype: 'm.image', filename: 'a.png', url, info: { mimetype: 'image/png' } }
    await alice.send(roomId, { ...image, body: 'a caption' })
    expect((await bridged.said(group, ({ photo }) => photo !== undefined)).caption).toBe('alice: a caption')
    await alice.send(roomId, { ...image, body: 'long '.repeat(300) })
    await bridged.said(group, ({ text }) => text?.startsWith('alice: long long') === true)
    await alice.send(roomId, { ...image, url: await upload(Buffer.alloc(11 * 1024 * 1024)), body: 'a.png' })
    expect(await bridged.said(group, ({ document }) => document !== undefined)).toMatchObject({ caption: 'alice' })
  })

  test('case 22: a picture whose shape Telegram does not take as one goes as a document', async () => {
    await using bridged = await Bridged.start(dialect)
    const { alice, telegram } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    const { body } = await alice.request('POST', '/_matrix/media/v3/upload?filename=a.png', Buffer.from('a ribbon'), {
      'content-type': 'image/png',
    })
    telegram.fail({ kind: '400', method: 'sendPhoto', description: 'PHOTO_INVALID_DIMENSIONS' })
    const info = { mimetype: 'image/png' }
    await alice.send(roomId, { msgtype: 'm.image', body: 'look', filename: 'a.png', url: body['content_uri'], info })
    const { caption } = await bridged.said(group, ({ document }) => document?.file_name === 'a.png')
    expect(caption).toBe('alice: look')
  })

  test('case 23: stickers of Matrix are stickers in Telegram, and pictures where none can be made of them', async () => {
    await using bridged = await Bridged.start(dialect)
    const { alice } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    const sticker = async (bytes: Buffer) => {
      const path = '/_matrix/media/v3/upload?filename=a.png'
      const { body } = await alice.request('POST', path, bytes, { 'content-type': 'image/png' })
      await alice.send(roomId, { body: 'hi', url: body['content_uri'], info: { mimetype: 'image/png' } }, 'm.sticker')
    }
    await sticker(
      await sharp({ create: { width: 800, height: 400, channels: 4, background: '#f008' } })
        .png()
        .toBuffer(),
    )
    expect((await bridged.said(group, (message) => message.sticker !== undefined)).sticker).toBeDefined()
    await sticker(Buffer.from('no picture'))
    await bridged.said(group, ({ photo }) => photo !== undefined)
  })

  test('case 18 and 20: answers, redactions', async () => {
    await using bridged = await Bridged.start(dialect)
    const { alice, tom, telegram } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    const question = tom.say(group, 'A question')
    const { event_id: asked } = await bridged.text(roomId, 'A question')
    const eventId = await alice.send(roomId, {
      msgtype: 'm.text',
      body: '> <tom> A question\n\nAn answer',
      'm.relates_to': { 'm.in_reply_to': { event_id: asked } },
    })
    const answer = await bridged.said(group, ({ text }) => text === 'alice: An answer')
    expect(answer.reply_to_message?.message_id).toBe(question.message_id)
    await alice.put(`/rooms/${encoded(roomId)}/redact/${encoded(eventId)}/r1`, {})
    await telegram.until(() => !group.messages.has(answer.message_id))
  })

  test('case 21: the bot shows the newest reaction that Telegram has, and falls back', async () => {
    await using bridged = await Bridged.start(dialect)
    const { alice, tom, telegram } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    const message = tom.say(group, 'React!')
    const { event_id: target } = await bridged.text(roomId, 'React!')
    const react = (key: string) =>
      alice.send(roomId, { 'm.relates_to': { rel_type: 'm.annotation', event_id: target, key } }, 'm.reaction')
    const shown = () =>
      group.reacted
        .get(message.message_id)
        ?.get(telegram.bot.user.id)
        ?.map((one) => 'emoji' in one && one.emoji)
        .join('')
    await react('👍')
    await telegram.until(() => shown() === '👍')
    const second = await react('❤️')
    await telegram.until(() => shown() === '❤')
    await react('🦩')
    await alice.put(`/rooms/${encoded(roomId)}/redact/${encoded(second)}/r1`, {})
    await telegram.until(() => shown() === '👍')
  })

  test('case 24: a poll of Matrix is voted on in Telegram, and ends there too', async () => {
    await using bridged = await Bridged.start(dialect)
    const { alice, tom, telegram } = bridged
    const others = ['Ann', 'Ben'].map((name) => telegram.person(name))
    const group = bridged.group({ members: others })
    const roomId = await bridged.bridge(group)
    const eventId = await alice.send(
      roomId,
      {
        'org.matrix.msc3381.poll.start': {
          question: { 'org.matrix.msc1767.text': 'Tea?' },
          answers: ['yes', 'no'].map((id) => ({ id, 'org.matrix.msc1767.text': id })),
        },
      },
      'org.matrix.msc3381.poll.start',
    )
    const { message_id: id, ...poll } = await bridged.said(group, (message) => message.poll !== undefined)
    expect(poll).toMatchObject({ poll: { question: 'alice: Tea?', is_anonymous: false } })
    // The number of the poll is kept once Telegram has answered.
    await alice.send(roomId, 'after the poll')
    await bridged.said(group, ({ text }) => text === 'alice: after the poll')
    for (const [index, person] of [tom, ...others].entries()) {
      person.vote({ ...poll, message_id: id }, index % 2)
      const vote = await bridged.event(
        roomId,
        ({ sender, type }) => sender === bridged.ghost(person) && type.endsWith('poll.response'),
      )
      expect(vote['content']['org.matrix.msc3381.poll.response']).toEqual({ answers: [index % 2 === 0 ? 'yes' : 'no'] })
    }
    await alice.send(
      roomId,
      { 'm.relates_to': { rel_type: 'm.reference', event_id: eventId } },
      'org.matrix.msc3381.poll.end',
    )
    await telegram.until(() => group.messages.get(id)?.poll?.is_closed)
  })

  test('case 24: a poll of Telegram is a text with a link, and when it is over with its result', async () => {
    await using bridged = await Bridged.start(dialect)
    const { tom, telegram } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    const options = ['yes', 'no'].map((text, index) => ({ persistent_id: text, text, voter_count: 3 - index }))
    const poll = { id: '77', question: 'Tea?', options, is_closed: false } as Poll
    const { message_id: id } = tom.say(group, { more: { poll } })
    const asked = await bridged.event(roomId, ({ content }) => content?.body?.startsWith('Poll: Tea?') === true)
    const link = `https://t.me/c/${String(group.chat.id).slice(4)}/${id}`
    expect(asked['content'].body).toBe(`Poll: Tea?\n1. yes\n2. no\nVote in Telegram ${link}`)
    telegram.bot.tell({ poll: { ...poll, id: 'unknown', is_closed: true } })
    telegram.bot.tell({ poll })
    telegram.bot.tell({ poll: { ...poll, is_closed: true } })
    const over = await bridged.event(roomId, ({ content }) => content?.['m.relates_to']?.rel_type === 'm.replace')
    expect(over).toMatchObject({ sender: bridged.ghost(tom) })
    expect(over['content']['m.new_content'].body).toBe('Poll: Tea?\n1. yes: 3\n2. no: 2\nThe poll is closed.')
  })

  test('case 24: how Matrix has voted is told when the poll ends; the last choice counts', async () => {
    await using bridged = await Bridged.start(dialect)
    const { alice, tom } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    const type = 'org.matrix.msc3381.poll'
    const answers = ['yes', 'no'].map((id) => ({ id, 'org.matrix.msc1767.text': `${id}!` }))
    const start = { [`${type}.start`]: { question: { 'org.matrix.msc1767.text': 'Tea?' }, answers } }
    const eventId = await alice.send(roomId, start, `${type}.start`)
    const poll = await bridged.said(group, (message) => message.poll !== undefined)
    const about = { 'm.relates_to': { rel_type: 'm.reference', event_id: eventId } }
    for (const choice of ['no', 'yes']) {
      await alice.send(roomId, { ...about, [`${type}.response`]: { answers: [choice] } }, `${type}.response`)
    }
    await alice.send(roomId, 'after the poll')
    await bridged.said(group, ({ text }) => text === 'alice: after the poll')
    tom.vote(poll, 1)
    await bridged.event(
      roomId,
      ({ sender, type: kind }) => sender === bridged.ghost(tom) && kind === `${type}.response`,
    )
    await alice.send(roomId, about, `${type}.end`)
    const { text, reply_to_message: answered } = await bridged.said(
      group,
      (message) => message.text?.startsWith('Votes in Matrix') === true,
    )
    expect([text, answered?.message_id]).toEqual(['Votes in Matrix:\nyes!: 1\nno!: 0', poll.message_id])
  })

  test('what Telegram refuses is told, and sent again when asked', async () => {
    await using bridged = await Bridged.start(dialect)
    const { alice, telegram } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    telegram.fail({ kind: '403', method: 'sendMessage', chat: group.chat.id })
    await alice.send(roomId, 'refused')
    await bridged.event(roomId, ({ content }) => content?.body?.startsWith('Telegram did not take this') === true)
    await alice.send(roomId, '!tg retry')
    await bridged.said(group, ({ text }) => text === 'alice: refused')
  })
})
