/** The server's own pages in a real browser: by mouse and by keyboard, small and large, light and dark. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Page } from 'playwright-core'
import { BrowsedServer, chromiumMissing, expectWhole, screens } from '../support/chromium.ts'
import { callbackOf, OAuthApp, webApp } from '../support/oauth-app.ts'

const password = 'password of alice'

const group = chromiumMissing ? describe.skip : describe
group(chromiumMissing ? `in a browser (${chromiumMissing})` : 'in a browser', () => {
  let browsed: BrowsedServer
  beforeAll(async () => {
    const terms = "[{ id: privacy, version: '1.0', en: { name: Privacy, url: 'https://hs.test/privacy' } }]"
    browsed = await BrowsedServer.start(`registration: { mode: open, i_accept_abuse_risk: true, terms: ${terms} }`)
    const { registration } = browsed.server.server.services
    await registration.register({ userId: '@alice:hs.test', displayname: 'Alice', password })
  })
  afterAll(() => browsed[Symbol.asyncDispose]())

  async function logIn(page: Page): Promise<void> {
    await page.getByLabel('User name').fill('alice')
    await page.getByLabel('Password').fill(password)
    await page.getByRole('button', { name: 'Log in' }).click()
  }

  test('without scripts a new user makes an account, allows an app, and the app has its session', async () => {
    const app = await OAuthApp.start(browsed.server, webApp)
    await using context = await browsed.open({ javaScriptEnabled: false })
    const page = await context.newPage()
    await page.goto(app.authorizationUrl({ prompt: 'create', response_mode: 'fragment' }))
    await page.getByLabel('User name').fill('kim')
    await page.getByLabel('New password', { exact: true }).fill('password of kim')
    await page.getByLabel('New password, once more').fill('password of kim')
    await page.getByLabel('I accept').check()
    await page.getByRole('button', { name: 'Create account' }).click()
    await page.getByRole('button', { name: 'Allow' }).click()
    expect(page.url()).toMatch(/^https:\/\/app\.example\/callback#code=/)
    const { body } = await app.exchange(callbackOf(page.url()).get('code') ?? '')
    const client = app.client(body['access_token'] as string)
    expect(await client.get('/account/whoami')).toMatchObject({ user_id: '@kim:hs.test', device_id: app.deviceId })
    expect(await context.cookies()).toMatchObject([
      { name: '__Host-domovoi', httpOnly: true, secure: true, sameSite: 'Lax' },
    ])
  })

  test('by keyboard alone somebody logs in and allows a device', async () => {
    const app = await OAuthApp.start(browsed.server)
    const { body: begun } = await app.beginDeviceGrant()
    await using context = await browsed.open()
    const page = await context.newPage()
    await page.goto('/link')
    await tabTo(page, 'username')
    await page.keyboard.type('alice')
    await tabTo(page, 'password')
    await page.keyboard.type(password)
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Connect a device' }).waitFor()
    await tabTo(page, 'code')
    await page.keyboard.type(begun['user_code'] as string)
    await page.keyboard.press('Enter')
    await page.getByText('Element X wants to use your account').waitFor()
    await tabTo(page, 'Allow')
    await page.keyboard.press('Enter')
    await page.getByText('The other device goes on by itself').waitFor()
    expect((await app.pollDeviceGrant(begun['device_code'] as string)).status).toBe(200)
  })

  test('an app at a custom scheme gets its answer through the policy of the page', async () => {
    const app = await OAuthApp.start(browsed.server)
    await using context = await browsed.open()
    const page = await context.newPage()
    const refused: string[] = []
    page.on('console', (message) => refused.push(message.text()))
    await page.goto(app.authorizationUrl())
    await logIn(page)
    const asked = page.waitForResponse((response) => response.status() === 303)
    await page.getByRole('button', { name: 'Allow' }).click()
    expect((await asked).headers()['location']).toMatch(/^io\.element\.android:\/\?code=/)
    expect(refused.filter((text) => text.includes('Content Security Policy'))).toEqual([])
  })

  test.each(screens)('on a $name, $colorScheme: every page is whole and without faults', async (shape) => {
    const { name, viewport, colorScheme } = shape
    const app = await OAuthApp.start(browsed.server, webApp)
    const { body: begun } = await app.beginDeviceGrant()
    await browsed.server.client().login('alice', password) // a session to be seen in the list
    await using context = await browsed.open({ viewport, colorScheme })
    const page = await context.newPage()
    const look = async (title: string, address?: string): Promise<void> => {
      if (address !== undefined) await page.goto(address)
      await expectWhole(page, title, `${name}-${colorScheme}`)
    }
    const { firstAdmin } = browsed.server.server.services
    await look('setup', await firstAdmin.newLink())
    await look('setup-over', '/setup/over')
    await look('register', '/register')
    await look('login', '/login')
    await page.getByLabel('User name').fill('alice')
    await page.getByLabel('Password').fill('wrong')
    await page.getByRole('button', { name: 'Log in' }).click()
    await look('login-wrong')
    await page.goto('/account')
    await logIn(page)
    await look('profile')
    await look('setup-done', '/setup')
    await look('consent', app.authorizationUrl())
    await look('bad-request', app.authorizationUrl({ scope: 'openid' }))
    await look('link', '/link')
    await look('link-consent', `/link?code=${begun['user_code'] as string}`)
    await look('sessions', '/account?action=org.matrix.devices_list')
    await page.getByRole('link', { name: 'End' }).first().click()
    await look('session-end')
    await look('password', '/account?action=password')
    await look('data', '/account?action=data')
    await look('deactivate', '/account?action=org.matrix.account_deactivate')
    await look('reset', '/account?action=org.matrix.cross_signing_reset')
  })
})

const focused = `(({ name, textContent }) => ({
  name, text: textContent.trim(), outline: getComputedStyle(document.activeElement).outlineStyle,
}))(document.activeElement)`

/** Presses Tab until the field of this name, or the button of this text, has the focus, and looks whether that can be seen. */
async function tabTo(page: Page, wanted: string): Promise<void> {
  for (let presses = 0; presses < 15; presses++) {
    await page.keyboard.press('Tab')
    const { name, text, outline } = await page.evaluate<{ name?: string; text: string; outline: string }>(focused)
    if (name !== wanted && text !== wanted) continue
    expect(outline).toBe('solid')
    return
  }
  throw new Error(`Nothing called ${wanted} can be reached by Tab`)
}
