import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../test/support/databases.ts'
import { Bridged } from '../../test/support/telegram.ts'
import { nonceOn, pictureOn } from '../../test/support/telegram-login-bot.ts'
import { Visitor } from '../../test/support/visitor.ts'

const sso = '/_matrix/client/v3/login/sso/redirect/telegram?redirectUrl=https%3A%2F%2Fapp.example%2F'

forEachDatabase(({ dialect }) => {
  test('case 31: the button of the page, a code from the bot, and somebody is in, with their picture', async () => {
    await using bridged = await Bridged.start(dialect)
    const { telegram, server, tom } = bridged
    await telegram.until(() => telegram.bot.polls > 0)
    telegram.world.photosOf.set(tom.user.id, tom.upload('photo', { bytes: Buffer.from('a face') }))
    const browser = new Visitor(server)
    await browser.open(sso)
    tom.say(tom.bot, `/start L${nonceOn(browser)}`)
    const shown = await bridged.said(tom.bot, ({ text }) => /^\d{6} is your code for hs\.test/.test(text ?? ''))
    expect(shown.has_protected_content).toBe(true)
    await browser.submit({ code: shown.text?.slice(0, 6) ?? '' })
    await browser.submit()
    await browser.submit()
    const token = new URL(browser.shown.address).searchParams.get('loginToken')
    const client = server.client()
    expect(await client.post('/login', { type: 'm.login.token', token })).toMatchObject({ user_id: '@tom:hs.test' })
    await bridged.said(tom.bot, ({ text }) => text?.startsWith('New sign-in as @tom:hs.test') === true)
    expect(tom.bot.messages.has(shown.message_id)).toBe(false)
    expect(await client.get('/profile/@tom:hs.test')).toMatchObject({
      displayname: 'Tom',
      avatar_url: expect.stringMatching(/^mxc:/),
    })
    tom.say(tom.bot, '/whoami')
    await bridged.said(tom.bot, ({ text }) => text === 'You are @tom:hs.test in Matrix.')
  })

  test('case 32: the picture of the page gives the code', async () => {
    await using bridged = await Bridged.start(dialect)
    const { telegram, server, tom } = bridged
    await telegram.until(() => telegram.bot.polls > 0)
    const browser = new Visitor(server)
    await browser.open('/auth/telegram')
    tom.say(tom.bot, '/login')
    const question = await bridged.said(tom.bot, ({ reply_markup: markup }) => markup?.inline_keyboard.length === 3)
    tom.press(question, `m ${pictureOn(browser)}`)
    const shown = await bridged.said(tom.bot, ({ text }) => /^\d{6} is your code/.test(text ?? ''))
    await browser.submit({ code: shown.text?.slice(0, 6) ?? '' })
    expect(browser.shown.address).toMatch(/^\/auth\/new/)
  })

  test('case 36: no code in groups, for what is forwarded, said by another bot, or old', async () => {
    await using bridged = await Bridged.start(dialect)
    const { telegram, tom } = bridged
    const group = bridged.group()
    tom.say(group, '/login')
    await bridged.said(group, ({ text }) => text?.startsWith('Write to me alone') === true)
    const origin = { type: 'hidden_user', date: 1, sender_user_name: 'Eve' }
    const stale = { date: telegram.world.now - 121 }
    tom.say(tom.bot, { text: '/login', more: { forward_origin: origin } })
    tom.say(tom.bot, { text: '/login', more: { via_bot: telegram.bot.user } })
    tom.say(tom.bot, { text: '/login', more: stale })
    tom.say(tom.bot, '/whoami')
    await bridged.said(tom.bot, ({ text }) => text?.startsWith('You have no Matrix account') === true)
    const texts = telegram.said(tom.bot).map(({ text }) => text)
    expect(texts.slice(0, -1)).toEqual(Array(2).fill('I do not know that. /help tells what I can do.'))
  })
})
