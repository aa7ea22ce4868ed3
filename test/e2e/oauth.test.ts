/** The OAuth functions of matrix-js-sdk, as Element Web calls them, against our server. */
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { createClient, isValidAuthMetadata, OAuth2, OAuthGrantType } from 'matrix-js-sdk'
import { TokenRefresher } from 'matrix-js-sdk/lib/oauth/tokenRefresher.js'
import { startServer, type TestServer } from '../support/server.ts'
import { Visitor } from '../support/visitor.ts'

const redirectUri = 'https://app.element.io/?no_universal_links=true'
let server: TestServer
const systemFetch = globalThis.fetch
const here = (address: string) => address.replace('https://hs.test', server.url)

// The SDK asks at the addresses of the metadata: the name leads to this server, as a DNS would.
beforeAll(async () => {
  server = await startServer()
  await server.register('alice')
  globalThis.fetch = async (address, options) =>
    await systemFetch(here(address instanceof Request ? address.url : address.toString()), options)
})
afterAll(async () => {
  globalThis.fetch = systemFetch
  await server[Symbol.asyncDispose]()
})

async function register(): Promise<OAuth2> {
  const metadata = await createClient({ baseUrl: 'https://hs.test' }).getAuthMetadata()
  expect(isValidAuthMetadata(metadata)).toBe(true)
  const clientId = await OAuth2.registerClient(metadata, {
    client_name: 'Element',
    client_uri: 'https://app.element.io/',
    redirect_uris: [redirectUri],
    application_type: 'web',
    logo_uri: 'https://app.element.io/vector-icons/1024.png',
    tos_uri: 'https://element.io/terms-of-service',
    policy_uri: undefined,
    grant_types: [OAuthGrantType.AuthorizationCode, OAuthGrantType.RefreshToken, OAuthGrantType.DeviceAuthorization],
  })
  return new OAuth2(metadata, { clientId })
}

async function allow(browser: Visitor, address: string): Promise<void> {
  await browser.open(address)
  if (browser.shown.address.startsWith('/login')) {
    await browser.submit({ username: 'alice', password: 'password of alice' })
  }
  await browser.submit({ decision: 'allow' })
}

test('Element Web logs in, refreshes, and logs out', async () => {
  const oauth = await register()
  const browser = new Visitor(server)
  await allow(browser, await oauth.generateAuthorizationCodeGrantUrl('state', redirectUri))
  const answer = new URLSearchParams(browser.shown.address.split('#')[1])
  expect(answer.get('state')).toBe('state')
  const tokens = await oauth.completeAuthorizationCodeGrant(answer.get('code') ?? '', redirectUri)
  const client = createClient({ baseUrl: 'https://hs.test', accessToken: tokens.access_token })
  expect(await client.whoami()).toMatchObject({ user_id: '@alice:hs.test', device_id: oauth.context.deviceId })

  const refresher = new TokenRefresher(oauth, async () => undefined)
  const renewed = await refresher.refreshTokens(tokens.refresh_token ?? '')
  client.setAccessToken(renewed.accessToken)
  expect(await client.whoami()).toMatchObject({ device_id: oauth.context.deviceId })
  await refresher.revokeToken(renewed.accessToken, 'access_token')
  await expect(client.whoami()).rejects.toMatchObject({ errcode: 'M_UNKNOWN_TOKEN' })
})

test('another device is logged in by its code', async () => {
  const oauth = await register()
  const begun = await oauth.startDeviceAuthorizationGrant()
  await allow(new Visitor(server), begun.verification_uri_complete ?? '')
  const tokens = await oauth.waitForDeviceAuthorizationGrant(begun)
  expect(tokens).toMatchObject({ token_type: 'Bearer', refresh_token: expect.any(String) })
})
