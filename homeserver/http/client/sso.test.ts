import { describe, expect, test } from '@jest/globals'
import { FakeClock } from '../../platform/fake-clock.ts'
import type { Client } from '../../../test/support/client.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { startServer, type TestServer } from '../../../test/support/server.ts'
import { Visitor } from '../../../test/support/visitor.ts'

const app = 'https://app.example/?no_universal_links=true'
const redirect = (url = app, rest = '') =>
  `/_matrix/client/v3/login/sso/redirect${rest}?${new URLSearchParams({ redirectUrl: url }).toString()}`
const credentials = { username: 'alice', password: 'password of alice' }

function loginTokenOf(browser: Visitor): string {
  return new URL(browser.shown.address).searchParams.get('loginToken') ?? ''
}

/** Somebody whom Example Inc. knows, as a provider would show it. */
async function link(server: TestServer, userId: `@${string}:${string}`): Promise<void> {
  await server.server.services.externalAccounts.link(userId, { provider: 'example', subject: '42' })
}

forEachDatabase(({ dialect: database }) => {
  test('a client gets a session for who logs in on the page', async () => {
    await using server = await startServer({ database })
    await server.register('alice')
    const client = server.client()
    const { flows } = await client.get('/login')
    expect(flows).toContainEqual({
      type: 'm.login.sso',
      oauth_aware_preferred: true,
      'org.matrix.msc3824.delegated_oidc_compatibility': true,
    })
    const browser = new Visitor(server)
    await browser.open(redirect())
    expect(browser.shown.address).toMatch(/^\/login\?continue=/)
    await browser.submit(credentials)
    expect(browser.shown.text).toContain('Continue to app.example?')
    expect(browser.shown.text).toContain('@alice:hs.test')
    expect(browser.shown.headers.get('content-security-policy')).toContain("form-action 'self' https://app.example")
    await browser.submit()
    expect(browser.shown.address).toMatch(/^https:\/\/app\.example\/\?no_universal_links=true&loginToken=dmvl_/)
    const login = { type: 'm.login.token', token: loginTokenOf(browser) }
    expect(await client.post('/login', login)).toMatchObject({ user_id: '@alice:hs.test' })
    expect(await client.refusal('POST', '/login', login)).toEqual({ status: 403, errcode: 'M_FORBIDDEN' })
  })

  test('who has no password confirms by logging in again, on a page of the server', async () => {
    const clock = new FakeClock()
    await using server = await startServer({ database, parts: { clock } })
    const alice = await server.register('alice')
    await server.register('bob')
    await link(server, '@alice:hs.test')
    const other = await server.client().login('alice', 'password of alice')
    const end = (auth?: object) => alice.request('POST', '/delete_devices', { devices: [other.deviceId], auth })
    const { status, body } = await end()
    expect(status).toBe(401)
    expect(body['flows']).toEqual([{ stages: ['m.login.password'] }, { stages: ['m.login.sso'] }])
    const session = body['session'] as string
    expect((await end({ session })).status).toBe(401)
    expect((await end({ session, type: 'm.login.sso' })).status).toBe(401)

    const fallback = `/_matrix/client/v3/auth/m.login.sso/fallback/web?session=${session}`
    const stranger = new Visitor(server)
    await stranger.open(fallback)
    await stranger.submit({ username: 'bob', password: 'password of bob' })
    expect(stranger.shown.status).toBe(403)
    expect((await end({ session })).status).toBe(401)

    const browser = new Visitor(server)
    await browser.open(fallback)
    await browser.submit(credentials)
    expect(browser.shown.text).toContain('wants to end a session')
    const confirmation = browser.shown
    await clock.advance(15 * 60_000 - 1)
    await browser.submit()
    expect(browser.shown.text).toContain('authDone')
    expect(confirmation.text).not.toContain('<script')
    expect((await end({ session })).status).toBe(200)
    expect((await other.request('GET', '/account/whoami')).status).toBe(401)
  })
})

describe('where people are sent (T66)', () => {
  test.each([
    'javascript:alert(1)',
    'data:text/html,x',
    'vbscript:x',
    'file:///etc/passwd',
    'https://user@evil.example/',
    'https://app.example\\@evil.example/',
    'https://app.example/\n',
    'blob:https://app.example/1',
    '//evil.example',
    'intent://x',
    '',
  ])('%j is no place for a login token', async (url) => {
    await using server = await startServer()
    expect(await server.client().refusal('GET', redirect(url))).toEqual({ status: 400, errcode: 'M_INVALID_PARAM' })
    const page = await new Visitor(server).open(`/auth/sso?${new URLSearchParams({ redirectUrl: url }).toString()}`)
    expect(page.status).toBe(400)
  })

  test('case 37: a trusted place is gone to at once, and a token that was in the address before is taken away', async () => {
    await using server = await startServer({
      config: "auth: { sso_trusted: ['https://app.example', 'io.element.desktop:'] }",
    })
    await server.register('alice')
    const browser = new Visitor(server)
    await browser.open(redirect('https://app.example/?a=1&loginToken=old&b#/x'))
    await browser.submit(credentials)
    expect(browser.shown.address).toMatch(/^https:\/\/app\.example\/\?a=1&b&loginToken=dmvl_[\w-]+#\/x$/)
    await browser.open(redirect('io.element.desktop:/vector/webapp/'))
    expect(browser.shown.address).toMatch(/^io\.element\.desktop:\/vector\/webapp\/\?loginToken=/)
    for (const url of ['https://app.example.evil/', 'https://app.example:444/', 'http://app.example/', 'im.other:/']) {
      expect((await browser.open(redirect(url))).status).toBe(200)
      expect(browser.shown.text).toContain('<form')
    }
  })

  test('case 37: the form of another browser or site is refused, and a provider that is not there', async () => {
    await using server = await startServer()
    await server.register('alice')
    const browser = new Visitor(server)
    await browser.open(redirect())
    await browser.submit(credentials)
    await browser.submit({ token: 'of another browser' })
    expect(browser.shown.status).toBe(403)
    expect(await refusalOf(server.client())).toEqual({ status: 404, errcode: 'M_NOT_FOUND' })
  })
})

const refusalOf = (client: Client) => client.refusal('GET', redirect(app, '/nobody'))

test('the cookie from before a login is good for nothing after it', async () => {
  await using server = await startServer()
  await server.register('alice')
  const browser = new Visitor(server)
  await browser.open('/login')
  const before = browser.cookie
  await browser.submit(credentials)
  expect(browser.cookie).not.toBe(before)
  const answer = await fetch(`${server.url}/account`, { headers: { Cookie: before }, redirect: 'manual' })
  expect(answer.headers.get('location')).toMatch(/^\/login/)
})
