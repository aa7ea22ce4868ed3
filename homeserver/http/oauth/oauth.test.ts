/** What Element X and Element Web do to log in, request by request. */
import { describe, expect, test } from '@jest/globals'
import { FakeClock } from '../../platform/fake-clock.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { callbackOf, elementX, OAuthApp, post } from '../../../test/support/oauth-app.ts'
import { startServer } from '../../../test/support/server.ts'
import { Visitor } from '../../../test/support/visitor.ts'

const password = 'password of alice'

forEachDatabase(({ dialect: database }) => {
  test('an app finds the server, registers, is allowed by its user, and has a session on the device it has named', async () => {
    await using server = await startServer({ database })
    await server.register('alice')
    const app = await OAuthApp.start(server)
    const browser = new Visitor(server)
    await browser.open(app.authorizationUrl({ login_hint: 'mxid:@alice:hs.test' }))
    expect(browser.shown.text).toContain('value="@alice:hs.test"')
    await browser.submit({ password })
    expect(browser.shown.text).toContain('Element X wants to use your account')
    expect(browser.shown.text).toContain('element.io')
    await browser.submit({ decision: 'allow' })
    expect(browser.shown.address).toMatch(/^io\.element\.android:\/\?/)
    const callback = callbackOf(browser.shown.address)
    expect(callback.get('state')).toBe(app.state)
    expect(callback.get('iss')).toBe('https://hs.test/')

    const { status, headers, body } = await app.exchange(callback.get('code') ?? '')
    expect(status).toBe(200)
    expect(headers.get('cache-control')).toBe('no-store')
    expect(body).toEqual({
      access_token: expect.stringMatching(/^dmva_/),
      refresh_token: expect.stringMatching(/^dmvr_/),
      token_type: 'Bearer',
      expires_in: 3600,
      scope: app.scope,
    })
    const client = app.client(body['access_token'] as string)
    expect(await client.get('/account/whoami')).toMatchObject({ user_id: '@alice:hs.test', device_id: app.deviceId })
    const { devices } = await client.get('/devices')
    expect(devices).toContainEqual(expect.objectContaining({ device_id: app.deviceId, display_name: 'Element X' }))
  })

  test('Element Web is answered in the fragment, in the spelling of the specification', async () => {
    await using server = await startServer({ database })
    await server.register('alice')
    const web = {
      client_uri: 'https://app.element.io',
      redirect_uris: ['https://app.element.io/?no_universal_links=true'],
    }
    const app = await OAuthApp.start(server, {
      ...elementX,
      ...web,
      logo_uri: undefined,
      tos_uri: undefined,
      policy_uri: undefined,
      application_type: 'web',
    })
    const scope = `urn:matrix:client:api:* urn:matrix:client:device:${app.deviceId}`
    const browser = new Visitor(server)
    await browser.open(app.authorizationUrl({ scope, response_mode: 'fragment' }))
    await browser.submit({ username: 'alice', password })
    expect(browser.shown.headers.get('content-security-policy')).toContain("form-action 'self' https://app.element.io;")
    await browser.submit({ decision: 'allow' })
    expect(browser.shown.address).toMatch(/^https:\/\/app\.element\.io\/\?no_universal_links=true#code=/)
    const code = new URLSearchParams(browser.shown.address.split('#')[1]).get('code') ?? ''
    const { body } = await app.exchange(code)
    expect(body['scope']).toBe(scope)
  })

  test('a new user makes an account on the way, as prompt=create asks', async () => {
    await using server = await startServer({ database })
    const app = await OAuthApp.start(server)
    const browser = new Visitor(server)
    await browser.open(app.authorizationUrl({ prompt: 'create' }))
    expect(browser.shown.address).toMatch(/^\/register\?/)
    await browser.submit({ username: 'New', password, repeated: password })
    expect(browser.shown.text).toContain('@new:hs.test')
    await browser.submit({ decision: 'allow' })
    const { body } = await app.exchange(callbackOf(browser.shown.address).get('code') ?? '')
    expect(await app.client(body['access_token'] as string).get('/account/whoami')).toMatchObject({
      user_id: '@new:hs.test',
    })
  })

  test('who denies sends the app away without a code', async () => {
    await using server = await startServer({ database })
    await server.register('alice')
    const app = await OAuthApp.start(server)
    const browser = new Visitor(server)
    await browser.open(app.authorizationUrl())
    await browser.submit({ username: 'alice', password })
    await browser.submit({ decision: 'deny' })
    const callback = callbackOf(browser.shown.address)
    expect(callback.get('error')).toBe('access_denied')
    expect(callback.has('code')).toBe(false)
  })

  test('a session is refreshed and revoked; its device goes with it', async () => {
    await using server = await startServer({ database })
    const alice = await server.register('alice')
    const app = await OAuthApp.start(server)
    const { tokens } = await app.logIn(new Visitor(server), 'alice')
    const renewed = await app.refresh(tokens['refresh_token'] as string)
    expect(renewed.status).toBe(200)
    expect(renewed.body['scope']).toBe(app.scope)
    const client = app.client(renewed.body['access_token'] as string)
    expect((await client.request('GET', '/account/whoami')).status).toBe(200)
    expect((await app.revoke(renewed.body['refresh_token'] as string)).status).toBe(200)
    expect(await client.refusal('GET', '/account/whoami')).toEqual({ status: 401, errcode: 'M_UNKNOWN_TOKEN' })
    expect((await alice.get('/devices'))['devices']).toHaveLength(1)
    expect((await app.revoke('nothing at all')).status).toBe(200)
  })

  test('an expired access token logs out softly, and a client logs out by the older API too', async () => {
    const clock = new FakeClock()
    await using server = await startServer({ database, parts: { clock } })
    await server.register('alice')
    const app = await OAuthApp.start(server)
    const { client, tokens } = await app.logIn(new Visitor(server), 'alice')
    await client.get('/account/whoami')
    await clock.advance(3_600_001)
    expect((await client.request('GET', '/account/whoami')).body).toMatchObject({ soft_logout: true })
    const { body } = await app.refresh(tokens['refresh_token'] as string)
    const again = app.client(body['access_token'] as string)
    await again.post('/logout')
    expect((await app.refresh(body['refresh_token'] as string)).body).toMatchObject({ error: 'invalid_grant' })
  })

  test('a device without a browser is allowed on another one', async () => {
    const clock = new FakeClock()
    await using server = await startServer({ database, parts: { clock } })
    await server.register('alice')
    const app = await OAuthApp.start(server)
    const { body: begun } = await app.beginDeviceGrant()
    expect(begun).toMatchObject({
      user_code: expect.stringMatching(/^[B-Z]{4}-[B-Z]{4}$/),
      verification_uri: 'https://hs.test/link',
      verification_uri_complete: `https://hs.test/link?code=${begun['user_code'] as string}`,
      expires_in: 900,
      interval: 5,
    })
    const deviceCode = begun['device_code'] as string
    expect((await app.pollDeviceGrant(deviceCode)).body['error']).toBe('authorization_pending')
    expect((await app.pollDeviceGrant(deviceCode)).body['error']).toBe('slow_down')
    await clock.advance(10_000)
    expect((await app.pollDeviceGrant(deviceCode)).body['error']).toBe('authorization_pending')

    const browser = new Visitor(server)
    await browser.open('/link')
    await browser.submit({ username: 'alice', password })
    await browser.submit({ code: (begun['user_code'] as string).toLowerCase().replace('-', ' ') })
    expect(browser.shown.text).toContain(begun['user_code'])
    await browser.submit({ decision: 'allow' })
    expect(browser.shown.text).toContain('The other device goes on')

    const { status, body } = await app.pollDeviceGrant(deviceCode)
    expect(status).toBe(200)
    expect(await app.client(body['access_token'] as string).get('/account/whoami')).toMatchObject({
      device_id: app.deviceId,
    })
    expect((await app.pollDeviceGrant(deviceCode)).body['error']).toBe('invalid_grant')
  })

  test('a device grant is denied, or ends by itself', async () => {
    const clock = new FakeClock()
    await using server = await startServer({ database, parts: { clock } })
    await server.register('alice')
    const app = await OAuthApp.start(server)
    const denied = (await app.beginDeviceGrant()).body
    const browser = new Visitor(server)
    await browser.open(denied['verification_uri_complete'] as string)
    await browser.submit({ username: 'alice', password })
    await browser.submit({ decision: 'deny' })
    expect((await app.pollDeviceGrant(denied['device_code'] as string)).body['error']).toBe('access_denied')
    const late = (await app.beginDeviceGrant()).body
    await clock.advance(900_000)
    expect((await app.pollDeviceGrant(late['device_code'] as string)).body['error']).toBe('expired_token')
    await browser.open(late['verification_uri_complete'] as string)
    expect(browser.shown.status).toBe(404)
  })

  test('cross-signing keys are replaced after a word on the account page, once', async () => {
    await using server = await startServer({ database })
    await server.register('alice')
    const app = await OAuthApp.start(server)
    const browser = new Visitor(server)
    const { client } = await app.logIn(browser, 'alice')
    const upload = (key: string) =>
      client.request('POST', '/keys/device_signing/upload', {
        master_key: {
          user_id: '@alice:hs.test',
          usage: ['master'],
          keys: { [`ed25519:${key.repeat(43)}`]: key.repeat(43) },
        },
      })
    expect((await upload('A')).status).toBe(200)
    const challenge = await upload('B')
    expect(challenge.status).toBe(401)
    const url = 'https://hs.test/account?action=org.matrix.cross_signing_reset'
    expect(challenge.body).toMatchObject({
      session: expect.any(String),
      flows: [{ stages: ['m.oauth'] }, { stages: ['org.matrix.cross_signing_reset'] }],
      params: { 'm.oauth': { url }, 'org.matrix.cross_signing_reset': { url } },
    })
    await browser.open(url)
    await browser.submit()
    expect((await upload('B')).status).toBe(200)
    expect((await upload('C')).status).toBe(401)
  })

  test('an OAuth client is sent to the account page for what needs the password', async () => {
    await using server = await startServer({ database })
    const alice = await server.register('alice')
    const app = await OAuthApp.start(server)
    const { client } = await app.logIn(new Visitor(server), 'alice')
    const auth = { type: 'm.login.password', user: 'alice', password }
    expect(await client.refusal('DELETE', `/devices/${alice.deviceId}`, { auth })).toEqual({
      status: 403,
      errcode: 'M_FORBIDDEN',
    })
    const { capabilities } = await client.get('/capabilities')
    expect(capabilities).toMatchObject({
      'm.change_password': { enabled: false },
      'm.get_login_token': { enabled: false },
    })
  })

  test('only an administrator passes on the right to administrate, and only to a client that asks for it', async () => {
    await using server = await startServer({ database })
    await server.register('alice')
    await server.server.services.accounts.setRights('@alice:hs.test', { isAdmin: true })
    await server.register('bob')
    const scopes: unknown[] = []
    for (const [username, extra] of [
      ['alice', ''],
      ['alice', ' urn:synapse:admin:*'],
      ['bob', ' urn:synapse:admin:*'],
    ] as const) {
      const app = await OAuthApp.start(server)
      const browser = new Visitor(server)
      await browser.open(app.authorizationUrl({ scope: app.scope + extra }))
      await browser.submit({ username, password: `password of ${username}` })
      await browser.submit({ decision: 'allow' })
      const { body } = await app.exchange(callbackOf(browser.shown.address).get('code') ?? '')
      const { status } = await app
        .client(body['access_token'] as string)
        .request('GET', '/_synapse/admin/v1/users/@alice:hs.test/admin')
      scopes.push([(body['scope'] as string).includes('admin'), status])
    }
    expect(scopes).toEqual([
      [false, 403],
      [true, 200],
      [false, 403],
    ])
  })
})

describe('where there is no https', () => {
  test('apps find no OAuth and log in by password', async () => {
    await using server = await startServer({ config: 'public_url: http://127.0.0.1:8008' })
    expect(await server.client().refusal('GET', '/_matrix/client/v1/auth_metadata')).toEqual({
      status: 404,
      errcode: 'M_UNRECOGNIZED',
    })
    expect((await post(server, '/oauth/register', elementX)).status).toBe(404)
    const { unstable_features } = await server.client().get('/_matrix/client/versions')
    expect(unstable_features).not.toHaveProperty(['org.matrix.msc4108'])
  })
})
