/** OAuth 2.0 against RFC 9700 (T67), its redirects (T66), forms (T68), refresh tokens (T58) and what is stored (T57). */
import { hash } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import { FakeClock } from '../../homeserver/platform/fake-clock.ts'
import { dumpOf, forEachDatabase } from '../support/databases.ts'
import { elementX, OAuthApp, post, postForm } from '../support/oauth-app.ts'
import { startServer, type TestServer } from '../support/server.ts'
import { Visitor } from '../support/visitor.ts'

const password = 'password of alice'

async function startWithAlice(options: Parameters<typeof startServer>[0] = {}): Promise<TestServer> {
  const server = await startServer(options)
  await server.register('alice')
  return server
}

/** A code for alice's account. */
async function codeFor(app: OAuthApp, server: TestServer): Promise<string> {
  const callback = await app.authorize(new Visitor(server), { username: 'alice', password })
  return callback.get('code') ?? ''
}

describe('T67: requests for a code', () => {
  const spelled = {
    'no PKCE': { code_challenge: undefined, code_challenge_method: undefined },
    'PKCE by the method plain': { code_challenge_method: 'plain' },
    'a challenge without its method': { code_challenge_method: undefined },
    'a challenge that is no hash': { code_challenge: 'short' },
    'the implicit grant': { response_type: 'token' },
    'the hybrid grant': { response_type: 'code token' },
    'an answer as a form': { response_mode: 'form_post' },
    'no scope': { scope: undefined },
    'no device': { scope: 'urn:matrix:client:api:*' },
    'two devices': {
      scope: 'urn:matrix:client:api:* urn:matrix:client:device:AAAAAAAAAA urn:matrix:client:device:BBBBBBBBBB',
    },
    'a device and nothing to do': { scope: 'openid urn:matrix:client:device:AAAAAAAAAA' },
  }

  test.each(Object.entries(spelled))('%s is refused, and the browser stays here', async (_, changes) => {
    await using server = await startWithAlice()
    const app = await OAuthApp.start(server)
    const browser = new Visitor(server)
    const { status, text, headers } = await browser.open(app.authorizationUrl(changes))
    expect(status).toBe(400)
    expect(headers.get('location')).toBeNull()
    // the way back is a link, with the issuer
    expect(text).toMatch(/href="io\.element\.android:\/\?error=\w+&#38;[^"]*iss=https%3A%2F%2Fhs\.test%2F"/)
  })

  const foreign = {
    'another host': 'https://evil.example/',
    'another path': 'io.element.android:/other',
    'a longer path': 'io.element.android:/callback',
    'another case': 'IO.ELEMENT.ANDROID:/',
    'an authority': 'io.element.android://evil.example',
    'a query': 'io.element.android:/?next=https://evil.example',
    'a fragment': 'io.element.android:/#',
    'a line break': 'io.element.android:/\r\nLocation: https://evil.example',
    'a script': 'javascript:alert(1)',
    nothing: undefined,
  }

  test.each(Object.entries(foreign))('a redirect URI with %s leads nowhere (T66)', async (_, redirect_uri) => {
    await using server = await startServer()
    const app = await OAuthApp.start(server)
    const { status, text, headers } = await new Visitor(server).open(app.authorizationUrl({ redirect_uri }))
    expect(status).toBe(400)
    expect(headers.get('location')).toBeNull()
    expect(text).not.toContain('href="')
  })

  test('a parameter that is there twice, and a client that nobody knows, lead nowhere', async () => {
    await using server = await startServer()
    const app = await OAuthApp.start(server)
    const browser = new Visitor(server)
    expect((await browser.open(`${app.authorizationUrl()}&redirect_uri=https://evil.example`)).status).toBe(400)
    expect((await browser.open(app.authorizationUrl({ client_id: 'unknown' }))).text).not.toContain('href="')
  })

  test('a port of the loopback interface may be any, nothing else may', async () => {
    await using server = await startServer()
    const app = await OAuthApp.start(server, {
      ...elementX,
      redirect_uris: ['http://127.0.0.1/callback', 'http://[::1]/callback'],
    })
    const opened = async (redirect_uri: string) =>
      (await new Visitor(server).open(app.authorizationUrl({ redirect_uri }))).status
    expect(await opened('http://127.0.0.1:49152/callback')).toBe(200)
    expect(await opened('http://[::1]:49152/callback')).toBe(200)
    expect(await opened('http://127.0.0.1:49152/other')).toBe(400)
    expect(await opened('http://127.0.0.1:1@evil.example/callback')).toBe(400)
    expect(await opened('http://localhost:49152/callback')).toBe(400)
  })
})

describe('T67: registration', () => {
  const web = { ...elementX, client_uri: 'https://example.com/', application_type: 'web' }
  const plain = { logo_uri: undefined, tos_uri: undefined, policy_uri: undefined }
  const redirect = (redirect_uri: string, type: string) => ({
    ...web,
    ...plain,
    application_type: type,
    redirect_uris: [redirect_uri],
  })

  test.each([
    ['https://example.com/callback', 'web', 201],
    ['https://app.example.com/callback', 'web', 201],
    ['https://example.com:5173/?query=value', 'web', 201],
    ['https://example.com/callback#fragment', 'web', 400],
    ['http://example.com/callback', 'web', 400],
    ['http://localhost/', 'web', 400],
    ['https://evil.example/callback', 'web', 400],
    ['https://example.com.evil.example/callback', 'web', 400],
    ['https://notexample.com/callback', 'web', 400],
    ['https://user@example.com/callback', 'web', 400],
    ['https://example.com\\@evil.example/', 'web', 400],
    ['com.example.app:/callback', 'native', 201],
    ['com.example:/', 'native', 201],
    ['com.example:callback', 'native', 201],
    ['http://localhost/callback', 'native', 201],
    ['http://127.0.0.1/callback', 'native', 201],
    ['http://[::1]/callback', 'native', 201],
    ['example:/callback', 'native', 400],
    ['com.example.app://callback', 'native', 400],
    ['com.examplex:/callback', 'native', 400],
    ['https://localhost/callback', 'native', 400],
    ['http://localhost:1234/callback', 'native', 400],
    ['http://localhost.evil.example/callback', 'native', 400],
    ['javascript:alert(1)', 'native', 400],
  ])('of %s for a %s client is answered with %i', async (uri, type, status) => {
    await using server = await startServer()
    const answer = await post(server, '/oauth/register', redirect(uri, type))
    expect(answer.status).toBe(status)
    expect(answer.body['error']).toBe(status === 201 ? undefined : 'invalid_redirect_uri')
  })

  test.each([
    ['no client_uri', { client_uri: undefined }],
    ['a client_uri without https', { client_uri: 'http://example.com/' }],
    ['a policy of somebody else', { policy_uri: 'https://evil.example/' }],
    ['a logo in words', { logo_uri: 'data:image/png;base64,AA' }],
    ['a name that is no text', { client_name: 7 }],
    ['terms in a language of somebody else', { 'tos_uri#fr': 'https://evil.example/' }],
    [
      'too many redirect URIs',
      { redirect_uris: Array.from({ length: 21 }, (_, index) => `https://example.com/${index}`) },
    ],
  ])('with %s is refused', async (_, changes) => {
    await using server = await startServer()
    const body = { ...web, ...plain, redirect_uris: ['https://example.com/'], ...changes }
    const answer = await post(server, '/oauth/register', body)
    expect([answer.status, answer.body['error']]).toEqual([400, 'invalid_client_metadata'])
  })

  test('the same client is there once, and strangers cannot fill the table (T70)', async () => {
    const clock = new FakeClock()
    await using server = await startServer({ parts: { clock } })
    const [first, second] = await Promise.all([OAuthApp.start(server), OAuthApp.start(server)])
    expect(first.clientId).toBe(second.clientId)
    await server.register('alice')
    await first.logIn(new Visitor(server), 'alice')
    const never = await OAuthApp.start(server, { ...elementX, client_name: 'Never used' })
    await clock.advance(3 * 86_400_000)
    const { oauthClients } = server.server.services
    const fresh = await OAuthApp.start(server, { ...elementX, client_name: 'Just begun' })
    await oauthClients.sweep()
    expect(await oauthClients.find(fresh.clientId)).toBeDefined()
    expect(await oauthClients.find(never.clientId)).toBeUndefined()
    expect(await oauthClients.find(first.clientId)).toBeDefined()
  })
})

forEachDatabase(({ dialect: database, freshUrl }) => {
  test('T67: a code works once; coming again it ends the session that it has opened', async () => {
    await using server = await startWithAlice({ database })
    const app = await OAuthApp.start(server)
    const code = await codeFor(app, server)
    const { body } = await app.exchange(code)
    const client = app.client(body['access_token'] as string)
    expect((await client.request('GET', '/account/whoami')).status).toBe(200)
    expect((await app.exchange(code)).body).toMatchObject({ error: 'invalid_grant' })
    expect((await client.request('GET', '/account/whoami')).status).toBe(401)
    expect((await app.refresh(body['refresh_token'] as string)).body).toMatchObject({ error: 'invalid_grant' })
  })

  test('T67: of two that bring the same code at once one gets nothing', async () => {
    await using server = await startWithAlice({ database })
    const app = await OAuthApp.start(server)
    const code = await codeFor(app, server)
    const answers = await Promise.all([app.exchange(code), app.exchange(code), app.exchange(code)])
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
  })

  test('T67: a code is only for its client, redirect URI and verifier, and for a minute', async () => {
    const clock = new FakeClock()
    await using server = await startWithAlice({ database, parts: { clock } })
    const app = await OAuthApp.start(server)
    const other = await OAuthApp.start(server, { ...elementX, client_name: 'Other' })
    const code = await codeFor(app, server)
    const refused = { status: 400, body: { error: 'invalid_grant' } }
    expect(await app.exchange(code, { client_id: other.clientId })).toMatchObject(refused)
    expect(await app.exchange(code, { redirect_uri: 'io.element.android:/other' })).toMatchObject(refused)
    expect(await app.exchange(code, { code_verifier: other.verifier })).toMatchObject(refused)
    // the challenge itself, as with the method plain
    expect(await app.exchange(code, { code_verifier: hash('sha256', app.verifier, 'base64url') })).toMatchObject(
      refused,
    )
    expect(await app.exchange(code, { code_verifier: '' })).toMatchObject({ body: { error: 'invalid_request' } })
    expect(await app.exchange(code, { client_id: 'nobody' })).toMatchObject({
      status: 401,
      body: { error: 'invalid_client' },
    })
    await clock.advance(60_000)
    expect(await app.exchange(code)).toMatchObject(refused)
  })

  test('T67: other grants, parameters in the address, twice, or as JSON are refused', async () => {
    await using server = await startWithAlice({ database })
    const app = await OAuthApp.start(server)
    const ropc = { grant_type: 'password', username: 'alice', password, client_id: app.clientId }
    expect((await app.token(ropc)).body).toMatchObject({ error: 'unsupported_grant_type' })
    expect((await app.token({ grant_type: 'toString', client_id: app.clientId })).status).toBe(400)
    const code = await codeFor(app, server)
    const form = new URLSearchParams({
      grant_type: 'authorization_code',
      code,
      redirect_uri: app.redirectUri,
      client_id: app.clientId,
      code_verifier: app.verifier,
    })
    const inAddress = await fetch(`${server.url}/oauth/token?${form.toString()}`, {
      method: 'POST',
      body: new URLSearchParams(),
    })
    expect(inAddress.status).toBe(400)
    expect((await postForm(server, 'https://hs.test/oauth/token', `${form.toString()}&code=x`)).body).toMatchObject({
      error: 'invalid_request',
    })
    expect((await post(server, '/oauth/token', Object.fromEntries(form))).status).toBe(415)
    const parts = new FormData()
    for (const [name, value] of form) parts.set(name, value)
    expect((await fetch(`${server.url}/oauth/token`, { method: 'POST', body: parts })).status).toBe(415)
    expect((await app.exchange(code)).status).toBe(200)
  })

  test('T58: a refresh token is renewed by its client alone, and reuse ends the session', async () => {
    const clock = new FakeClock()
    await using server = await startWithAlice({ database, parts: { clock } })
    const app = await OAuthApp.start(server)
    const other = await OAuthApp.start(server, { ...elementX, client_name: 'Other' })
    const { tokens } = await app.logIn(new Visitor(server), 'alice')
    const first = tokens['refresh_token'] as string
    expect((await other.refresh(first)).body).toMatchObject({ error: 'invalid_grant' })
    const legacy = await server.client().refusal('POST', '/_matrix/client/v3/refresh', { refresh_token: first })
    expect(legacy.errcode).toBe('M_UNKNOWN_TOKEN')
    // the answer is lost: the same again gives other tokens
    const lost = await app.refresh(first)
    const second = await app.refresh(first)
    expect([lost.status, second.status]).toEqual([200, 200])
    const client = app.client(second.body['access_token'] as string)
    await client.get('/account/whoami')
    await clock.advance(15_001)
    expect((await app.refresh(first)).body).toMatchObject({ error: 'invalid_grant' })
    expect(await client.refusal('GET', '/account/whoami')).toEqual({ status: 401, errcode: 'M_UNKNOWN_TOKEN' })
    expect((await app.refresh(second.body['refresh_token'] as string)).body).toMatchObject({ error: 'invalid_grant' })
  })

  test('T57: neither database nor log keep a code, a token, a cookie or a password', async () => {
    const url = await freshUrl()
    const server = await startServer({ database, config: `database: { url: '${url}' }` })
    await server.register('alice')
    const app = await OAuthApp.start(server)
    const browser = new Visitor(server)
    const callback = await app.authorize(browser, { username: 'alice', password })
    const { body } = await app.exchange(callback.get('code') ?? '')
    const device = (await app.beginDeviceGrant()).body
    await server[Symbol.asyncDispose]()
    const dump = await dumpOf(url)
    const secrets = [callback.get('code'), body['access_token'], body['refresh_token'], device['device_code'], password]
    for (const secret of [...secrets, browser.cookie.split('=')[1]]) {
      expect(secret).toBeTruthy()
      expect(dump).not.toContain(secret)
    }
  })

  test('a locked or deactivated account is at the end of its browser sessions, codes and refresh tokens (T74)', async () => {
    await using server = await startWithAlice({ database })
    const app = await OAuthApp.start(server)
    const browser = new Visitor(server)
    const { tokens } = await app.logIn(browser, 'alice')
    const code = (await app.authorize(browser, { username: 'alice', password })).get('code') ?? ''
    await server.server.services.accounts.setRights('@alice:hs.test', { isLocked: true })
    expect((await app.exchange(code)).body).toMatchObject({ error: 'invalid_grant' })
    // no 4xx: the client keeps its keys until the account is unlocked
    expect((await app.refresh(tokens['refresh_token'] as string)).status).toBe(503)
    expect((await browser.open('/account')).address).toMatch(/^\/login/)
    await server.server.services.accounts.setRights('@alice:hs.test', { isLocked: false })
    expect((await browser.open('/account')).address).toBe('/account')
    await server.server.services.accounts.setPassword('@alice:hs.test', 'another one', { keep: 'all' })
    expect((await browser.open('/account')).address).toMatch(/^\/login/)
  })
})

describe('T66: after the login', () => {
  test.each([
    'https://evil.example/',
    '//evil.example/',
    '/\\evil.example/',
    '\\\\evil.example',
    'javascript:alert(1)',
    '/account@evil.example',
    '/logout',
    '/_matrix/client/v3/logout',
    '/account%0d%0aLocation:%20https://evil.example',
    'https://hs.test@evil.example/account',
  ])('%s is no way on', async (way) => {
    await using server = await startWithAlice()
    const browser = new Visitor(server)
    await browser.open(`/login?continue=${encodeURIComponent(way)}`)
    await browser.submit({ username: 'alice', password })
    expect(browser.shown.address).toBe('/account')
  })
})

describe('T68: forms', () => {
  const pages = ['/login', '/register', '/account', '/link', '/oauth/authorize']

  test('every page keeps out frames, guests, and scripts that are not its own', async () => {
    await using server = await startWithAlice()
    const app = await OAuthApp.start(server)
    for (const page of pages) {
      const address = page === '/oauth/authorize' ? app.authorizationUrl() : page
      const { headers, text } = await new Visitor(server).open(address)
      const scripts = [...text.matchAll(/<script.*?>(.*?)<\/script>/gs)].map(([, script = '']) => script)
      const allowed = scripts.map(
        (script) => `script-src 'sha256-${hash('sha256', script, 'base64')}'; connect-src 'self'; `,
      )
      expect(headers.get('content-security-policy')?.replace(/style-src 'sha256-[^']+'; /, '')).toBe(
        `default-src 'none'; ${allowed.join('')}form-action 'self'; frame-ancestors 'none'; base-uri 'none'`,
      )
      expect(headers.get('x-frame-options')).toBe('DENY')
      expect(headers.get('referrer-policy')).toBe('no-referrer')
      expect(headers.get('cache-control')).toBe('no-store')
      expect(headers.get('access-control-allow-credentials')).toBeNull()
    }
  })

  test('the cookie is out of reach of scripts, other sites and other hosts, and another one after the login', async () => {
    await using server = await startWithAlice()
    const browser = new Visitor(server)
    const { headers } = await browser.open('/login')
    expect(headers.get('set-cookie')).toMatch(
      /^__Host-domovoi=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax; Max-Age=\d+; Secure$/,
    )
    const before = browser.cookie
    await browser.submit({ username: 'alice', password })
    expect(browser.cookie).not.toBe(before)
  })

  test('a form without the token of this browser does nothing', async () => {
    await using server = await startWithAlice()
    const mallory = new Visitor(server)
    await mallory.open('/login')
    const token = /name="token" value="([^"]+)"/.exec(mallory.shown.text)?.[1] ?? ''
    const browser = new Visitor(server)
    await browser.open('/login')
    await browser.submit({ username: 'alice', password })
    for (const forged of ['', 'x', token]) {
      await browser.open('/account?action=org.matrix.cross_signing_reset')
      expect((await browser.submit({ token: forged })).status).toBe(403)
    }
    const app = await OAuthApp.start(server)
    await browser.open(app.authorizationUrl())
    const { status, headers } = await browser.submit({ token, decision: 'allow' })
    expect([status, headers.get('location')]).toEqual([403, null])
  })
})

test('T61: wrong passwords on the page count as those of the API do', async () => {
  await using server = await startWithAlice()
  const browser = new Visitor(server)
  await browser.open('/login')
  for (let count = 0; count < 5; count++) await browser.submit({ username: 'alice', password: 'wrong' })
  expect((await browser.submit({ username: 'alice', password })).status).toBe(429)
  expect(browser.shown.text).toContain('Too many tries')
  const body = { type: 'm.login.password', user: 'alice', password }
  expect((await server.client().refusal('POST', '/login', body)).errcode).toBe('M_LIMIT_EXCEEDED')
})
