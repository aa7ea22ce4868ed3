import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../test/support/databases.ts'
import { Bridged } from '../../test/support/telegram.ts'

const settings = "telegram: { private_chats: true, permissions: { '@alice:hs.test': admin } }"

forEachDatabase(({ dialect }) => {
  test('who writes to the bot alone has a room with its admins, where that is wished; commands stay commands', async () => {
    await using bridged = await Bridged.start(dialect, settings)
    const { alice, tom } = bridged
    tom.say(tom.bot, '/help')
    await bridged.said(tom.bot, ({ text }) => text?.includes('/login') === true)
    tom.say(tom.bot, 'Is anybody there?')
    const roomId = await bridged.invitation('Tom (Telegram)')
    await alice.post(`/join/${encodeURIComponent(roomId)}`)
    expect((await bridged.text(roomId, 'Is anybody there?'))['sender']).toBe(bridged.ghost(tom))
    await alice.send(roomId, 'I am')
    await bridged.said(tom.bot, ({ text }) => text === 'alice: I am')
    tom.say(tom.bot, 'Good')
    await bridged.text(roomId, 'Good')
  })

  test('else the bot hears commands only', async () => {
    await using bridged = await Bridged.start(dialect, "telegram: { permissions: { '@alice:hs.test': admin } }")
    const { tom } = bridged
    tom.say(tom.bot, 'Is anybody there?')
    await bridged.said(tom.bot, ({ text }) => text?.startsWith('I do not know that') === true)
  })
})
