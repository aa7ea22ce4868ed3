/** The server's own pages, as a browser without scripts sees them. */
import { describe, expect, test } from '@jest/globals'
import { FakeClock } from '../../platform/fake-clock.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { Mailbox } from '../../../test/support/mailbox.ts'
import { elementX, OAuthApp } from '../../../test/support/oauth-app.ts'
import { startServer, type TestServer } from '../../../test/support/server.ts'
import { Visitor } from '../../../test/support/visitor.ts'

const password = 'password of alice'

async function loggedIn(server: TestServer, language?: string): Promise<Visitor> {
  const browser = new Visitor(server, language === undefined ? {} : { language })
  await browser.open('/account')
  await browser.submit({ username: 'alice', password })
  return browser
}

forEachDatabase(({ dialect: database }) => {
  test('an invitation makes one account, and the documents have to be accepted', async () => {
    const terms = "[{ id: privacy, version: '1.0', en: { name: Privacy, url: 'https://example.org/privacy' } }]"
    await using server = await startServer({ database, config: `registration: { mode: invite, terms: ${terms} }` })
    const { token } = await server.server.services.registrationTokens.create({ usesAllowed: 1 })
    const browser = new Visitor(server)
    const fill = async (fields: Record<string, string>): Promise<unknown> => {
      await browser.open(`/register?invite=${token}`)
      const shown = await browser.submit({ username: 'alice', password, repeated: password, ...fields })
      return [shown.status, /role="alert">([^<]*)</.exec(shown.text)?.[1]]
    }
    expect(await fill({})).toEqual([400, 'The documents have to be accepted.'])
    const accepted = { 'terms-privacy': 'yes' }
    expect(await fill({ ...accepted, repeated: 'x' })).toEqual([400, 'The two passwords are not the same.'])
    expect(await fill({ ...accepted, password: 'short', repeated: 'short' })).toEqual([
      400,
      'A password has at least 8 characters.',
    ])
    expect(await fill({ ...accepted, invite: 'wrong' })).toEqual([
      401,
      'This invitation code does not exist, has been used or has expired.',
    ])
    expect(await fill({ ...accepted, username: 'No spaces' })).toEqual([
      400,
      expect.stringContaining('only small letters'),
    ])
    expect(await fill(accepted)).toEqual([200, undefined])
    expect(browser.shown.address).toBe('/account')
    expect(await fill({ ...accepted, username: 'bob' })).toEqual([401, expect.any(String)])
    await server.client().login('alice', password)
  })

  test('where e-mail is required an account needs the link of a letter, and an address makes one account', async () => {
    await using mailbox = await Mailbox.start()
    const config = 'registration: { mode: open, i_accept_abuse_risk: true, email: required }'
    await using server = await startServer({ database, config: [mailbox.config, config] })
    const browser = new Visitor(server)
    await browser.open('/register?continue=%2Flink')
    expect((await browser.submit({ email: 'no address' })).status).toBe(400)
    await browser.submit({ email: 'Alice@Example.org' })
    expect(browser.shown.text).toContain('A letter is on its way to alice@example.org')
    const waiting = browser.shown.address
    expect((await browser.open(waiting)).text).not.toContain('New password')

    const { link } = await mailbox.letter(0)
    const elsewhere = new Visitor(server)
    await elsewhere.open(link ?? '')
    await elsewhere.submit()
    expect((await elsewhere.open(elsewhere.shown.address)).text).toContain('New password')
    await browser.open(waiting)
    await browser.submit({ username: 'alice', password, repeated: password })
    expect(browser.shown.address).toMatch('/link')
    const alice = await server.client().login('alice', password)
    expect((await alice.get('/account/3pid'))['threepids']).toMatchObject([{ address: 'alice@example.org' }])

    const byAddress = new Visitor(server)
    await byAddress.open('/account')
    expect((await byAddress.submit({ username: 'alice@example.org', password })).address).toBe('/account')

    expect((await elsewhere.submit({ username: 'bob', password, repeated: password })).text).toContain('letter')
    await elsewhere.open('/register')
    await elsewhere.submit({ email: 'alice@example.org' })
    expect((await mailbox.letter(1)).link).toBeUndefined()
  })

  test('the account page shows sessions, ends them, and opens where a client wants it', async () => {
    await using server = await startServer({ database })
    const phone = await server.register('alice')
    const app = await OAuthApp.start(server)
    const browser = await loggedIn(server)
    await app.logIn(browser, 'alice')
    await browser.open('/account?action=org.matrix.devices_list')
    expect(browser.shown.text).toContain('Element X')
    expect(browser.shown.text).toContain(phone.deviceId)
    await browser.open(`/account?action=org.matrix.session_view&device_id=${app.deviceId}`)
    expect(browser.shown.text).toContain('<h1>Element X</h1>')
    for (const action of ['org.matrix.device_delete', 'session_end']) {
      await browser.open(`/account?action=${action}&device_id=${phone.deviceId}`)
      expect(browser.shown.text).toContain('End this session?')
    }
    await browser.submit()
    expect(browser.shown.text).toContain('The session has ended.')
    expect((await phone.request('GET', '/account/whoami')).status).toBe(401)
    await browser.open(`/account?action=org.matrix.device_delete&device_id=${phone.deviceId}`)
    expect(browser.shown.status).toBe(404)
  })

  test('name and password are changed; other browsers are logged out with the old password', async () => {
    await using server = await startServer({ database })
    const phone = await server.register('alice')
    const [browser, other] = [await loggedIn(server), await loggedIn(server)]
    await browser.submit({ displayname: 'Alice <3' })
    expect(browser.shown.text).toContain('value="Alice &#60;3"')
    expect(await phone.get('/profile/@alice:hs.test')).toMatchObject({ displayname: 'Alice <3' })

    await browser.open('/account?action=password')
    await browser.submit({ current: 'wrong', password: 'new password', repeated: 'new password' })
    expect(browser.shown.text).toContain('The password until now is not right.')
    await browser.submit({ current: password, password: 'new password', repeated: 'new password', end: 'yes' })
    expect(browser.shown.text).toContain('The password has been changed.')
    expect((await phone.request('GET', '/account/whoami')).status).toBe(401)
    expect((await other.open('/account')).address).toMatch(/^\/login/)
    expect((await browser.open('/account')).address).toBe('/account')
    await browser.submit({}, { nth: 1 })
    expect((await browser.open('/account')).address).toMatch(/^\/login/)
  })

  test('people take their data along, and what is grave needs a recent login', async () => {
    const clock = new FakeClock()
    await using server = await startServer({ database, parts: { clock } })
    const alice = await server.register('alice')
    const roomId = await alice.createRoom()
    await alice.put('/user/@alice:hs.test/account_data/org.example', { a: 1 })
    const browser = await loggedIn(server)
    await clock.advance(15 * 60_000)
    await browser.open('/account?action=data')
    expect(browser.shown.text).toContain('once more that it is you')
    await browser.submit({ password })
    expect(browser.shown.address).toBe('/account?action=data')
    const { text, headers } = await browser.submit()
    expect(headers.get('content-disposition')).toBe('attachment; filename="account.json"')
    expect(JSON.parse(text)).toMatchObject({
      user_id: '@alice:hs.test',
      profile: { displayname: 'alice' },
      sessions: [{ device_id: alice.deviceId }],
      account_data: expect.arrayContaining([{ type: 'org.example', content: { a: 1 } }]),
      rooms: [{ room_id: roomId, membership: 'join' }],
    })
  })

  test('an account is deactivated by who types its id', async () => {
    await using server = await startServer({ database })
    const alice = await server.register('alice')
    const browser = await loggedIn(server)
    await browser.open('/account?action=org.matrix.account_deactivate')
    expect((await browser.submit({ user_id: 'alice' })).status).toBe(400)
    expect((await browser.submit({ user_id: '@alice:hs.test', erase: 'yes' })).text).toContain('has been deactivated')
    expect((await alice.request('GET', '/account/whoami')).status).toBe(401)
    expect((await browser.open('/account')).address).toMatch(/^\/login/)
    await browser.submit({ username: 'alice', password })
    expect(browser.shown.text).toContain('This account has been deactivated.')
    await server.server.settle()
  })
})

test('a suspended user looks and does not change what others see', async () => {
  await using server = await startServer()
  await server.register('alice')
  const browser = await loggedIn(server)
  await server.server.services.accounts.setRights('@alice:hs.test', { isSuspended: true })
  expect((await browser.submit({ displayname: 'Mallory' })).status).toBe(403)
})

test('where registration is closed nobody makes an account, and no client is told that one could', async () => {
  await using server = await startServer({ config: 'registration: { mode: closed }' })
  const browser = new Visitor(server)
  expect((await browser.open('/register')).status).toBe(403)
  expect((await browser.open('/login')).text).not.toContain('/register')
  const app = await OAuthApp.start(server, elementX)
  expect(app.metadata['prompt_values_supported']).toEqual([])
})

describe('languages', () => {
  test('a Russian browser is answered in Russian, any other one in English', async () => {
    await using server = await startServer()
    await server.register('alice')
    const russian = await loggedIn(server, 'ru-RU,ru;q=0.9,en;q=0.8')
    expect(russian.shown.text).toContain('<html lang="ru">')
    expect(russian.shown.text).toContain('Ваша учётная запись')
    expect((await new Visitor(server, { language: 'fr, de' }).open('/login')).text).toContain('<html lang="en">')
  })
})

test('what a router refuses is a page too', async () => {
  await using server = await startServer({ config: 'limits: { preset: strict }' })
  const browser = new Visitor(server)
  await browser.open('/login')
  for (let count = 0; count < 4; count++) await browser.submit({ username: 'alice', password: 'wrong' })
  expect(browser.shown.status).toBe(429)
  expect(browser.shown.text).toContain('<h1>That did not work</h1>')
})
