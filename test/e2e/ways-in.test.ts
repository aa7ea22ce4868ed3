/** What people do about their password and second factor, in a real browser, to the eye and the keyboard. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { codeOfApp } from '../support/authenticator.ts'
import { BrowsedServer, chromiumMissing, expectWhole, screens } from '../support/chromium.ts'
import { Mailbox } from '../support/mailbox.ts'
import { callbackOf, OAuthApp, webApp } from '../support/oauth-app.ts'

const group = chromiumMissing ? describe.skip : describe
group(chromiumMissing ? `in a browser (${chromiumMissing})` : 'in a browser', () => {
  let mailbox: Mailbox
  let browsed: BrowsedServer
  beforeAll(async () => {
    mailbox = await Mailbox.start()
    browsed = await BrowsedServer.start(mailbox.config)
  })
  afterAll(async () => {
    await browsed[Symbol.asyncDispose]()
    await mailbox[Symbol.asyncDispose]()
  })

  test.each(screens)('on a $name, $colorScheme: an authenticator app is set up, and asked for', async (screen) => {
    const { name, viewport, colorScheme } = screen
    const user = `ann-${name}-${colorScheme}`
    await browsed.server.register(user)
    await using context = await browsed.open({ viewport, colorScheme })
    const page = await context.newPage()
    const look = (title: string) => expectWhole(page, `factor-${title}`, `${name}-${colorScheme}`)
    const press = (text: string) => page.getByRole('button', { name: text, exact: true }).click()
    const logIn = async () => {
      await page.getByLabel('User name').fill(user)
      await page.getByLabel('Password').fill(`password of ${user}`)
      await page.keyboard.press('Enter')
    }
    await page.goto('/account?action=second_factor')
    await logIn()
    await page.getByRole('button', { name: 'Set up an authenticator app' }).waitFor()
    await look('none')
    await press('Set up an authenticator app')
    const secret = ((await page.locator('.secret').textContent()) ?? '').replaceAll(' ', '')
    await look('secret')
    await page.getByLabel('Code from the app').fill('000000')
    await press('Yes, confirm')
    await page.getByText('That code is not right.').waitFor()
    await page.getByLabel('Code from the app').fill(codeOfApp(secret, Date.now()))
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Keep these codes' }).waitFor()
    await look('codes')
    const [recovery = ''] = await page.locator('.codes li').allTextContents()

    // the password alone opens nothing any more; what was kept in a drawer does
    await context.clearCookies()
    const app = await OAuthApp.start(browsed.server, webApp)
    await page.goto(app.authorizationUrl())
    await logIn()
    await page.getByRole('heading', { name: 'One more step' }).waitFor()
    await look('asked')
    await page.getByRole('textbox').fill(recovery)
    await page.keyboard.press('Enter')
    await press('Allow')
    await page.waitForURL(/^https:\/\/app\.example\/callback/)
    expect((await app.exchange(callbackOf(page.url()).get('code') ?? '')).status).toBe(200)
  })

  test('without scripts an address is added, and the password that is forgotten set anew by it', async () => {
    await browsed.server.register('bea')
    await using context = await browsed.open({ javaScriptEnabled: false })
    const page = await context.newPage()
    const press = (text: string) => page.getByRole('button', { name: text, exact: true }).click()
    const askFor = async (letter: number) => {
      await page.getByLabel('E-mail address').fill('bea@example.org')
      await page.getByRole('button').click()
      await page.getByText('A letter is on its way').waitFor()
      await page.goto((await mailbox.letter(letter)).link ?? '')
      await press('Yes, confirm')
    }
    await page.goto('/account?action=emails')
    await page.getByLabel('User name').fill('bea')
    await page.getByLabel('Password').fill('password of bea')
    await press('Log in')
    await askFor(0)
    await press('Add an address')
    await page.getByText('The address belongs to your account now.').waitFor()

    await context.clearCookies()
    await page.goto('/login')
    await page.getByRole('link', { name: 'Forgotten the password?' }).click()
    await askFor(1)
    await page.getByLabel('New password', { exact: true }).fill('another one')
    await page.getByLabel('New password, once more').fill('another one')
    await press('Set a new password')
    await page.waitForURL(/\/login$/)
    await browsed.server.client().login('bea', 'another one')
  })
})
