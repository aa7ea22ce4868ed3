import { readFile } from 'node:fs/promises'
import { request } from 'node:http'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import type { Update } from 'node-telegram-bot-api'
import { parse } from 'yaml'
import { FakeClock } from '../../homeserver/platform/fake-clock.ts'
import { forEachDatabase } from '../../test/support/databases.ts'
import { Bridged } from '../../test/support/telegram.ts'
import { eventOf, mxcOf, relationOf } from '../appservice/event.ts'
import { bridgedTypes } from './bridged-types.ts'
import { OddError } from './odd.ts'
import { laneOf } from './poller.ts'
import { updateOf } from './update.ts'

const types = [...bridgedTypes]

/** Any JSON, and things that are nearly right. */
const value = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom('', '\0', '\ud800', '..', '$none', '!none/../x', 'mxc://hs.test/none', 'mxc://../x', 'geo:1.2.3,999'),
)

/** Objects with members of these names. */
const withAny = (...names: string[]) =>
  fc.record(Object.fromEntries(names.map((name) => [name, value])), { requiredKeys: [] })

const answer = fc.oneof(value, withAny('id', 'm.id', 'm.text', 'body', 'org.matrix.msc1767.text'))
const poll = fc.oneof(
  value,
  fc.record({ question: answer, answers: fc.oneof(value, fc.array(answer, { maxLength: 3 })), max_selections: value }),
)
const relation = fc.oneof(
  value,
  fc.record({
    rel_type: fc.oneof(value, fc.constantFrom('m.replace', 'm.annotation')),
    event_id: value,
    key: value,
    'm.in_reply_to': fc.oneof(value, withAny('event_id')),
  }),
)
const members = {
  msgtype: fc.oneof(value, fc.constantFrom('m.image', 'm.emote', 'm.audio')),
  body: value,
  formatted_body: value,
  format: fc.oneof(value, fc.constant('org.matrix.custom.html')),
  filename: value,
  url: value,
  geo_uri: value,
  info: fc.oneof(value, withAny('mimetype', 'size')),
  'm.relates_to': relation,
  'm.new_content': fc.oneof(value, withAny('body', 'msgtype', 'formatted_body')),
  'com.beeper.linkpreviews': value,
  pinned: value,
  name: value,
  topic: value,
  redacts: value,
  membership: fc.oneof(value, fc.constantFrom('leave', 'ban')),
  displayname: value,
  replacement_room: value,
  'm.poll': poll,
  'org.matrix.msc3381.poll.start': poll,
}
const content = fc.oneof(value, fc.record(members, { requiredKeys: [] }))

/** As the homeserver does, but for what is in the events. */
async function hand(dataDir: string, txnId: string, events: readonly unknown[]): Promise<number | undefined> {
  const file = await readFile(join(dataDir, 'appservices/telegram.yaml'), 'utf8')
  const { url, hs_token: token } = parse(file) as { url: string; hs_token: string }
  const { promise, resolve, reject } = Promise.withResolvers<number | undefined>()
  const options = {
    socketPath: url.replace('unix://', ''),
    path: `/_matrix/app/v1/transactions/${txnId}`,
    method: 'PUT',
    headers: { authorization: `Bearer ${token}` },
  }
  request(options, (response) => resolve(response.resume().statusCode))
    .on('error', reject)
    .end(JSON.stringify({ events }))
  return await promise
}

/** Updates of these kinds, some of them from this chat. */
function updates(chatId: number) {
  const chat = fc.oneof(value, fc.constant({ id: chatId, type: 'supergroup' }))
  const from = fc.oneof(value, fc.constant({ id: 5, is_bot: false, first_name: 'Odd' }))
  const part = fc.record(
    {
      chat,
      from,
      user: from,
      message_id: fc.oneof(value, fc.nat()),
      date: fc.oneof(value, fc.nat()),
      text: value,
      entities: fc.oneof(value, fc.array(withAny('type', 'offset', 'length'))),
      photo: value,
      rich_message: fc.oneof(
        value,
        fc.record({ blocks: fc.array(withAny('type', 'text', 'blocks', 'items', 'photo')) }),
      ),
      forward_origin: value,
      poll: value,
      old_reaction: value,
      new_reaction: value,
      new_chat_member: value,
      poll_id: value,
      option_ids: value,
    },
    { requiredKeys: ['chat'] },
  )
  const kinds = ['message', 'edited_message', 'message_reaction', 'poll_answer', 'callback_query', 'chat_member']
  const kind = fc.constantFrom(...kinds)
  return fc.array(
    fc.tuple(kind, fc.oneof(value, part)).map(([name, inner]) => ({ [name]: inner })),
    { minLength: 5 },
  )
}

/** As many runs as a slow machine has time for: always the same, unless another SEED is given. */
const seed = Number(process.env['SEED'] ?? 7)
const runs = { seed, numRuns: 20, endOnFailure: true, interruptAfterTimeLimit: 20_000 }

forEachDatabase(({ dialect }) => {
  test('whatever is in events, the next message arrives', async () => {
    await using bridged = await Bridged.start(dialect, 'telegram: { sync_metadata: both }')
    const { alice, server } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    let run = 0
    const contents = fc.tuple(...types.map(() => content))
    await fc.assert(
      fc.asyncProperty(contents, fc.constantFrom(alice.userId, '@telegram_1:hs.test'), async (given, stateKey) => {
        run += 1
        const events = given.map((one, index) => ({
          type: types[index],
          event_id: `$odd${run}-${index}`,
          room_id: roomId,
          sender: alice.userId,
          origin_server_ts: Date.now(),
          state_key: stateKey,
          content: one,
        }))
        expect(await hand(server.dataDir, `odd${run}`, [null, 5, {}, ...events])).toBe(200)
        const text = `after ${run}`
        await alice.send(roomId, text)
        await bridged.said(group, (message) => message.text?.endsWith(`: ${text}`) === true)
      }),
      runs,
    )
  })

  test('an event that cannot be worked with is given up at once, and told of', async () => {
    await using bridged = await Bridged.start(dialect)
    const { alice } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    await alice.setState(roomId, 'm.room.pinned_events', { pinned: 5 })
    await bridged.event(roomId, ({ content }) => content?.body?.includes('pins that are no list') === true)
    await alice.send(roomId, 'next')
    await bridged.said(group, ({ text }) => text === 'alice: next')
    await alice.send(roomId, '!tg status')
    await bridged.event(roomId, ({ content }) => content?.body?.includes('Given up: 0 and 1') === true)
  })

  test('an update that cannot be worked with is told of once an hour, and holds up no other', async () => {
    await using bridged = await Bridged.start(dialect, '', { clock: new FakeClock() })
    const { tom, telegram } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    telegram.bot.tell({ poll_answer: { poll_id: '1\0', option_ids: [0] } })
    for (let index = 0; index < 3; index++) telegram.bot.tell({ message: { chat: group.chat } })
    tom.say(group, 'next')
    await bridged.text(roomId, 'next') // after the three, in their lane
    const notices = (await bridged.events(roomId)).filter(({ content }) => content.body?.includes('cannot be shown'))
    expect(notices).toHaveLength(1)
  })

  test('whatever is in updates, the next message arrives', async () => {
    await using bridged = await Bridged.start(dialect)
    const { tom, telegram } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    let run = 0
    await fc.assert(
      fc.asyncProperty(updates(group.chat.id), async (given) => {
        run += 1
        for (const update of given) {
          expect(typeof laneOf({ update_id: 1, ...update } as Update)).toBe('string')
          telegram.bot.tell(update)
        }
        tom.say(group, `after ${run}`)
        await bridged.text(roomId, `after ${run}`)
      }),
      runs,
    )
  })
})

test('a member of a new form is told of by its name, and the rest of the message is as ever', () => {
  const message = { message_id: 1, date: 1, chat: { id: -5, type: 'group' }, from: { id: 6, first_name: 'Tom' } }
  const of = (more: object) => JSON.stringify({ update_id: 1, message: { ...message, ...more } })
  expect(updateOf(of({ text: 'hello\0', entities: [{ type: 'bold' }] }))).toEqual({
    update_id: 1,
    message: { ...message, text: 'hello', 'entities of a new form': [{ type: 'bold' }] },
  })
  expect(updateOf(of({ sticker: 'a name', unknown: 5 }))).toMatchObject({
    message: { 'sticker of a new form': 'a name', unknown: 5 },
  })
  expect(() => updateOf(of({ chat: 'somewhere' }))).toThrow(OddError)
  expect(() => updateOf('{"update_id":1,"message":null}')).toThrow(OddError)
})

test('what is not of its form counts as not there', () => {
  expect(eventOf({ type: 'm.reaction' })).toBeUndefined()
  expect(relationOf({ 'm.relates_to': 'x' })).toEqual({
    type: undefined,
    eventId: undefined,
    key: undefined,
    answered: undefined,
  })
  expect(['mxc://hs.test/a', 'mxc://../a', 'mxc://hs.test/..', 5].map(mxcOf)).toEqual([
    'mxc://hs.test/a',
    undefined,
    undefined,
    undefined,
  ])
})
