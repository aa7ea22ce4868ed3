/** What becomes of messages that cannot get to Telegram now. */
import { expect, test } from '@jest/globals'
import { FakeClock } from '../../homeserver/platform/fake-clock.ts'
import { forEachDatabase } from '../../test/support/databases.ts'
import { Bridged } from '../../test/support/telegram.ts'

const HOUR_MS = 3600_000

/** Turns the clock until this is there; what goes on beside has time to. */
async function turnUntil<T>(clock: FakeClock, { alice }: Bridged, wanted: Promise<T>): Promise<T> {
  let isThere = false
  const found = wanted.finally(() => (isThere = true))
  while (!isThere) {
    await clock.advance(100)
    await alice.get('/account/whoami')
  }
  return await found
}

forEachDatabase(({ dialect }) => {
  test('while the bot may not write in a group, it hears, and what is said in Matrix waits in order', async () => {
    await using bridged = await Bridged.start(dialect)
    const { alice, tom, telegram } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    telegram.world.setMember(group, telegram.bot.user, tom.user, 'restricted', { can_send_messages: false })
    await bridged.event(roomId, ({ content }) => content?.body?.startsWith('Telegram: the bot may not write') === true)
    tom.say(group, 'can you hear me?')
    await bridged.text(roomId, 'can you hear me?')
    for (const body of ['yes', 'but slowly']) await alice.send(roomId, body)
    await alice.send(roomId, '!tg status')
    await bridged.event(roomId, ({ content }) => content?.body?.includes('2 wait for the bot to be back') === true)
    telegram.world.setMember(group, telegram.bot.user, tom.user, 'member')
    await bridged.said(group, ({ text }) => text === 'alice: but slowly')
    const said = telegram.said(group).map(({ text }) => text)
    expect(said.slice(-2)).toEqual(['alice: yes', 'alice: but slowly'])
  })

  test('a bot that was thrown out without hearing of it learns it from what Telegram refuses, and loses nothing', async () => {
    await using bridged = await Bridged.start(dialect)
    const { alice, tom, telegram } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    group.members.set(telegram.bot.user.id, { user: telegram.bot.user, status: 'kicked', rights: {} })
    await alice.send(roomId, 'one')
    await bridged.event(roomId, ({ content }) => content?.body?.startsWith('Telegram: the bot was removed') === true)
    await alice.send(roomId, 'two')
    telegram.addBot(group, tom)
    await bridged.said(group, ({ text }) => text === 'alice: two')
    const said = telegram.said(group).map(({ text }) => text)
    expect(said.slice(-2)).toEqual(['alice: one', 'alice: two'])
  })

  test('what waits for a bot that stays away for a day is given up, and told of', async () => {
    const clock = new FakeClock()
    await using bridged = await Bridged.start(dialect, '', { clock })
    const { alice, tom, telegram } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    telegram.removeBot(group, tom)
    await bridged.event(roomId, ({ content }) => content?.body?.startsWith('Telegram: the bot was removed') === true)
    await alice.send(roomId, 'hello?')
    await alice.send(roomId, '!tg status')
    await bridged.event(roomId, ({ content }) => content?.body?.includes('1 waits for the bot to be back') === true)
    clock.jump(24 * HOUR_MS)
    const told = bridged.event(roomId, ({ content }) => content?.body?.includes('away for a day') === true)
    await clock.advance(HOUR_MS)
    await turnUntil(clock, bridged, told)
    telegram.addBot(group, tom)
    await bridged.event(roomId, ({ content }) => content?.body?.startsWith('Telegram: the bot is back') === true)
    expect(telegram.said(group).filter(({ text }) => text?.startsWith('alice: '))).toEqual([])
    await alice.send(roomId, '!tg retry')
    await bridged.said(group, ({ text }) => text === 'alice: hello?\n[2026-01-01 00:00 UTC]')
  })

  test('what comes late says when it was said, and after six hours it is not sent unless somebody wishes it', async () => {
    const clock = new FakeClock()
    await using bridged = await Bridged.start(dialect, '', { clock })
    const { alice, telegram } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    const holdUp = async (body: string, ms: number): Promise<void> => {
      telegram.fail({ kind: '429', method: 'sendMessage', chat: group.chat.id, retryAfter: 1 })
      await alice.send(roomId, body)
      await telegram.until(() => telegram.calls.some(({ params }) => params['text'] === `alice: ${body}`))
      clock.jump(ms)
    }
    await holdUp('late', HOUR_MS / 3)
    await turnUntil(
      clock,
      bridged,
      bridged.said(group, ({ text }) => text === 'alice: late\n[2026-01-01 00:00 UTC]'),
    )
    await holdUp('too late', 7 * HOUR_MS)
    const told = bridged.event(roomId, ({ content }) => content?.body?.includes('more than six hours') === true)
    await turnUntil(clock, bridged, told)
    await alice.send(roomId, '!tg retry')
    await turnUntil(
      clock,
      bridged,
      bridged.said(group, ({ text }) => text?.startsWith('alice: too late\n[2026-01-01 0') === true),
    )
  })

  test('of many refusals the first are told of one by one, and the rest where it is asked for', async () => {
    await using bridged = await Bridged.start(dialect)
    const { alice, telegram } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    telegram.fail({ kind: '403', method: 'sendMessage', chat: group.chat.id, times: 7 })
    for (let count = 1; count <= 7; count++) await alice.send(roomId, `refused ${count}`)
    await alice.send(roomId, 'taken')
    await bridged.said(group, ({ text }) => text === 'alice: taken')
    const notices = (await bridged.events(roomId)).flatMap(({ content }) =>
      String(content.body).startsWith('Telegram did not take') ? [String(content.body)] : [],
    )
    expect(notices).toHaveLength(5)
    expect(notices.at(-1)).toContain('!tg dead')
    await alice.send(roomId, '!tg dead')
    const { content } = await bridged.event(
      roomId,
      (event) =>
        event['content']?.body?.includes('kicked') === true &&
        !String(event['content'].body).startsWith('Telegram did'),
    )
    expect(String(content.body).split('\n')).toHaveLength(7)
    const one = (await bridged.text(roomId, 'refused 3'))['event_id'] as string
    await alice.send(roomId, `!tg retry ${one}`)
    await bridged.said(group, ({ text }) => text === 'alice: refused 3')
    await alice.send(roomId, '!tg retry')
    await bridged.said(group, ({ text }) => text === 'alice: refused 7')
  })

  test('who has no power in a room has only their own sent again there, and takes nothing over from the group', async () => {
    await using bridged = await Bridged.start(dialect)
    const { alice, telegram, server } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    const bob = await server.register('bob')
    await alice.post(`/rooms/${encodeURIComponent(roomId)}/invite`, { user_id: bob.userId })
    await bob.post(`/join/${encodeURIComponent(roomId)}`)
    telegram.fail({ kind: '403', method: 'sendMessage', chat: group.chat.id, times: 2 })
    const hers = await alice.send(roomId, `not by "sender":"${bob.userId}"`)
    await bob.send(roomId, 'by bob')
    await bob.send(roomId, `!tg retry ${hers}`)
    await bridged.answer(roomId, /^Nothing of yours was given up/)
    await bob.send(roomId, '!tg retry')
    await bridged.answer(roomId, /^1 will be sent again/)
    await bridged.said(group, ({ text }) => text === 'bob: by bob')
    const retry = `/_domovoi/client/v1/telegram/portals/${encodeURIComponent(roomId)}/retry`
    expect(await bob.post(retry)).toEqual({ count: 0 })
    await bob.send(roomId, '!tg sync')
    await bridged.answer(roomId, /^You may not do that here/)
    expect(await alice.post(retry)).toEqual({ count: 1 })
    await bridged.said(group, ({ text }) => text?.startsWith('alice: not by') === true)
  })

  test('people of the same name are told apart, and names need not be repeated', async () => {
    await using bridged = await Bridged.start(dialect)
    const { alice, tom, server } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    await alice.send(roomId, 'alone')
    await bridged.said(group, ({ text }) => text === 'alice: alone')
    const kim = await server.register('kim')
    await kim.put(`/profile/${encodeURIComponent(kim.userId)}/displayname`, { displayname: 'Alice' })
    await alice.post(`/rooms/${encodeURIComponent(roomId)}/invite`, { user_id: kim.userId })
    await kim.post(`/join/${encodeURIComponent(roomId)}`)
    await kim.send(roomId, 'me too')
    await bridged.said(group, ({ text }) => text === 'Alice @kim: me too')
    await alice.send(roomId, 'who?')
    await bridged.said(group, ({ text }) => text === 'alice @alice: who?')

    await alice.send(roomId, '!tg relay-format once')
    await bridged.event(roomId, ({ content }) => content?.body?.startsWith('Messages of Matrix') === true)
    await alice.send(roomId, 'first')
    await alice.send(roomId, 'second')
    await bridged.said(group, ({ text }) => text === 'second')
    await kim.send(roomId, 'third')
    await bridged.said(group, ({ text }) => text === 'Alice @kim: third')
    tom.say(group, 'fourth')
    await bridged.text(roomId, 'fourth')
    await kim.send(roomId, 'fifth')
    await bridged.said(group, ({ text }) => text === 'Alice @kim: fifth')
    await alice.send(roomId, '!tg relay-format [{name}]')
    await bridged.event(roomId, ({ content }) => content?.body?.includes('[Name] text') === true)
    await alice.send(roomId, 'sixth')
    await bridged.said(group, ({ text }) => text === '[alice @alice] sixth')
  })
})
