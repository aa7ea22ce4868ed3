import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../test/support/databases.ts'
import { Bridged } from '../../test/support/telegram.ts'

forEachDatabase(({ dialect }) => {
  test('case 40: a code from Telegram links who says it in Matrix, once they know whom it lets in', async () => {
    await using bridged = await Bridged.start(dialect, `telegram: { permissions: { '@alice:hs.test': admin } }`)
    const { alice, tom } = bridged
    const group = bridged.group()
    const roomId = await bridged.bridge(group)
    const answered = async (text: string, is: RegExp) => {
      await alice.send(roomId, text)
      return await bridged.event(roomId, ({ content }) => content?.msgtype === 'm.notice' && is.test(content.body))
    }
    tom.say(tom.bot, '/link')
    const shown = await bridged.said(tom.bot, ({ text }) => /!tg link [A-Z2-9]{4}-[A-Z2-9]{4}$/.test(text ?? ''))
    const code = shown.text?.split(' ').at(-1) ?? ''
    await answered('!tg link AAAA-AAAA yes', /wrong or too old/)
    await answered(`!tg link ${code}`, /^This lets Tom \(@tom\), user \d+ in Telegram, log in to your account/)
    await answered(`!tg link ${code.toLowerCase()} yes`, /^You are linked with Tom/)
    tom.say(tom.bot, '/whoami')
    await bridged.said(tom.bot, ({ text }) => text === 'You are @alice:hs.test in Matrix.')
    tom.say(tom.bot, '/link')
    await bridged.telegram.until(
      () =>
        bridged.telegram.said(tom.bot).filter(({ text }) => text === 'You are @alice:hs.test in Matrix.').length === 2,
    )
    await answered(`!tg link ${code} yes`, /wrong or too old/)
    await answered('!tg link AAAA-AAAB', /wrong or too old/)
    await answered('!tg link AAAA-AAAC', /Too many tries/)
    await answered('!tg pause', /Nothing is bridged/)
    const audit = await answered('!tg audit', /: bridge /)
    expect(audit['content'].body).toMatch(
      /@alice:hs\.test: pause -\d+ ↔ !.*\n.*@alice:hs\.test telegram:\d+: bridge -\d+ ↔ !/,
    )
  })
})
