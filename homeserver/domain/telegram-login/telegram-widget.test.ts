/** T93: what the login widget says is believed once, and only if it is Telegram who says it. */
import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { widgetAnswer } from '../../../test/support/fake-telegram/widget.ts'
import { Bridged } from '../../../test/support/telegram.ts'
import { Visitor } from '../../../test/support/visitor.ts'
import { FakeClock } from '../../platform/fake-clock.ts'

const page = '/auth/telegram/widget'
const isOn = 'telegram: { login: { widget: true } }'
const sso = '/_matrix/client/v3/login/sso/redirect/telegram?redirectUrl=https%3A%2F%2Fapp.example%2F'

/** Where the widget sends whoever has pressed it on the page that the browser shows. */
async function wayBack(browser: Visitor, address = page): Promise<string> {
  const { text } = await browser.open(address)
  const [, back = ''] = /data-auth-url="([^"]+)"/.exec(text) ?? []
  return back
}

forEachDatabase(({ dialect }) => {
  test('case 39: whom the widget names, signed with the token of the bot, comes in, once', async () => {
    const clock = new FakeClock()
    await using bridged = await Bridged.start(dialect, isOn, { clock })
    const { telegram, server, tom } = bridged
    const { token } = telegram
    await telegram.until(() => telegram.bot.polls > 0)
    const answer = (change: Record<string, string> = {}, how: 'widget' | 'mini app' = 'widget', ageMs = 0) => {
      const made = widgetAnswer(tom.user, { token, at: clock.now() - ageMs, how })
      for (const [key, value] of Object.entries(change)) made.set(key, value)
      return made.toString()
    }

    const browser = new Visitor(server)
    await browser.open(sso)
    const [, own = ''] = /href="(\/auth\/telegram\/widget[^"]*)">/.exec(browser.shown.text) ?? []
    const back = await wayBack(browser, own)
    expect(browser.shown.text).toContain('src="https://telegram.org/js/telegram-widget.js?22"')
    expect(browser.shown.text).toContain('data-telegram-login="domovoi_test_bot"')
    const policy = browser.shown.headers.get('content-security-policy') ?? ''
    expect(policy).toContain(
      'script-src https://telegram.org/js/telegram-widget.js; frame-src https://oauth.telegram.org',
    )
    expect(policy).not.toContain('unsafe')

    const refused = async (query: string, from = browser, way?: string) => {
      const { status } = await from.open(`${way ?? (await wayBack(from))}&${query}`)
      expect(status).toBe(403)
    }
    await refused(answer({ id: '7' }))
    await refused(answer({ first_name: 'Eve' }))
    await refused(answer({ photo_url: 'https://a.example/' }))
    await refused(answer({ hash: '' }))
    await refused(answer({ hash: '00'.repeat(32) }))
    await refused(answer({}, 'mini app'))
    await refused(answer({}, 'widget', 301_000))
    await refused(answer({}, 'widget', -31_000))
    await refused(`${answer()}&id=7`)
    const lines = widgetAnswer({ ...tom.user, first_name: 'T\nid=7\nlast_name=x' }, { token, at: clock.now() })
    const torn = { first_name: 'T', id: '7', last_name: `x\nid=${tom.user.id}` } // the same text, read otherwise
    for (const [key, value] of Object.entries(torn)) lines.set(key, value)
    await refused(lines.toString())
    await refused(answer(), new Visitor(server), back)
    await refused(answer(), browser, `${page}?state=`)

    const good = answer()
    await browser.open(`${await wayBack(browser, own)}&${good}&lang=en`)
    expect(browser.shown.text).toContain('Hello, Tom!')
    await refused(good, new Visitor(server))
    await browser.submit()
    await browser.submit()
    const loginToken = new URL(browser.shown.address).searchParams.get('loginToken')
    const client = server.client()
    expect(await client.post('/login', { type: 'm.login.token', token: loginToken })).toMatchObject({
      user_id: '@tom:hs.test',
    })

    await clock.advance(11 * 60_000)
    await refused(good, new Visitor(server)) // forgotten, but too old
    const again = new Visitor(server)
    await again.open(`${await wayBack(again)}&${answer()}`)
    expect((await again.open('/account')).text).toContain('@tom:hs.test')
    tom.say(tom.bot, '/loginoff')
    await bridged.said(tom.bot, ({ text }) => text?.includes('/loginon') === true)
    await refused(answer({}, 'widget', 1_000), new Visitor(server))
  })

  test('case 39: unless it is wanted there is no widget, and no script of others', async () => {
    await using bridged = await Bridged.start(dialect)
    const { telegram, server } = bridged
    await telegram.until(() => telegram.bot.polls > 0)
    const browser = new Visitor(server)
    expect((await browser.open(page)).status).toBe(404)
    await browser.open(sso)
    expect(browser.shown.text).not.toContain('widget')
    expect(browser.shown.headers.get('content-security-policy')).not.toContain('script-src')
  })
})
