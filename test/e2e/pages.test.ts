/** The server's own pages in a real browser: by mouse and by keyboard, small and large, light and dark. */
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { Page } from 'playwright-core'
import { accessibilityFaults, BrowsedServer, chromiumMissing } from '../support/chromium.ts'
import { callbackOf, elementX, OAuthApp } from '../support/oauth-app.ts'

const password = 'password of alice'
const web = {
  ...elementX,
  client_uri: 'https://app.example/',
  redirect_uris: ['https://app.example/callback'],
  application_type: 'web',
  logo_uri: undefined,
  tos_uri: 'https://app.example/terms',
  policy_uri: 'https://app.example/privacy',
}

/** Set it to a directory to have a look at every page. */
const { SCREENSHOTS: screenshots } = process.env

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
    const app = await OAuthApp.start(browsed.server, web)
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

  const shapes = [
    { name: 'phone', viewport: { width: 360, height: 740 } },
    { name: 'desk', viewport: { width: 1280, height: 800 } },
  ].flatMap((shape) => (['light', 'dark'] as const).map((colorScheme) => ({ ...shape, colorScheme })))

  test.each(shapes)('on a $name, $colorScheme: every page is whole and without faults', async (shape) => {
    const { name, viewport, colorScheme } = shape
    const app = await OAuthApp.start(browsed.server, web)
    const { body: begun } = await app.beginDeviceGrant()
    await browsed.server.client().login('alice', password) // a session to be seen in the list
    await using context = await browsed.open({ viewport, colorScheme })
    const page = await context.newPage()
    const look = async (title: string, address?: string): Promise<void> => {
      if (address !== undefined) await page.goto(address)
      if (screenshots !== undefined) {
        await page.screenshot({ path: join(screenshots, `${title}-${name}-${colorScheme}.png`), fullPage: true })
      }
      expect({ title, faults: await accessibilityFaults(page) }).toEqual({ title, faults: [] })
      expect({ title, width: await page.evaluate('document.documentElement.scrollWidth') }).toEqual({
        title,
        width: viewport.width,
      })
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
