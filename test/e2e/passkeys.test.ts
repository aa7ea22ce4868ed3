/** Passkeys in a real browser with a virtual authenticator: made, used at once and as second factor, removed. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { BrowserContext, Page } from 'playwright-core'
import { codeOfApp } from '../support/authenticator.ts'
import { BrowsedServer, chromiumMissing, expectWhole } from '../support/chromium.ts'
import { callbackOf, OAuthApp, webApp } from '../support/oauth-app.ts'

const words = {
  en: {
    username: 'User name',
    password: 'Password',
    logIn: 'Log in',
    use: 'Use a passkey',
    name: 'Name of the new passkey',
    add: 'Add a passkey',
    added: 'The passkey is added',
    remove: 'Remove: My telephone',
    removed: 'The passkey is removed',
    failed: 'The passkey did not work',
    allow: 'Allow',
    step: 'One more step',
  },
  ru: {
    username: 'Имя пользователя',
    password: 'Пароль',
    logIn: 'Войти',
    use: 'Использовать ключ доступа',
    name: 'Название нового ключа доступа',
    add: 'Добавить ключ доступа',
    added: 'Ключ доступа добавлен',
    remove: 'Убрать: My telephone',
    removed: 'Ключ доступа убран',
    failed: 'Ключ доступа не подошёл',
    allow: 'Разрешить',
    step: 'Ещё один шаг',
  },
} as const

const shapes = [
  { user: 'ann', name: 'phone', viewport: { width: 360, height: 740 }, colorScheme: 'light', language: 'en' },
  { user: 'ben', name: 'phone', viewport: { width: 360, height: 740 }, colorScheme: 'dark', language: 'ru' },
  { user: 'cem', name: 'desk', viewport: { width: 1280, height: 800 }, colorScheme: 'dark', language: 'en' },
  { user: 'dan', name: 'desk', viewport: { width: 1280, height: 800 }, colorScheme: 'light', language: 'ru' },
] as const

const group = chromiumMissing ? describe.skip : describe
group(chromiumMissing ? `in a browser (${chromiumMissing})` : 'in a browser', () => {
  let browsed: BrowsedServer
  beforeAll(async () => {
    browsed = await BrowsedServer.start()
    await browsed.server.register('alice')
  })
  afterAll(() => browsed[Symbol.asyncDispose]())

  test.each(shapes)('on a $name, $colorScheme, $language: made, used and removed', async (shape) => {
    const { user, name, viewport, colorScheme, language } = shape
    await browsed.server.register(user)
    const userId = `@${user}:hs.test` as const
    const say = words[language]
    await using context = await browsed.open({ viewport, colorScheme, locale: language })
    const page = await context.newPage()
    const complaints: string[] = []
    page.on('console', (message) => complaints.push(message.text()))
    await addAuthenticator(context, page)
    const press = (text: string) => page.getByRole('button', { name: text, exact: true }).click()
    const look = async (title: string): Promise<void> => {
      await expectWhole(page, `passkeys-${title}`, `${name}-${colorScheme}-${language}`)
    }
    const withPassword = async () => {
      await page.getByLabel(say.username).fill(user)
      await page.getByLabel(say.password).fill(`password of ${user}`)
      await press(say.logIn)
    }

    await page.goto('/account?action=passkeys')
    await withPassword()
    await page.getByLabel(say.name).fill('My telephone')
    expect(await page.locator('[data-without-passkeys]').isVisible()).toBe(false)
    await look('none')
    await press(say.add)
    await page.getByText(say.added).waitFor()
    await look('added')

    // by itself, for an app
    await context.clearCookies()
    const app = await OAuthApp.start(browsed.server, webApp)
    await page.goto(app.authorizationUrl())
    await page.getByRole('button', { name: say.use }).waitFor()
    await look('login')
    await page.route('/login/passkey', (route) => route.abort(), { times: 1 })
    await press(say.use)
    await page.getByText(say.failed).waitFor()
    await look('login-failed')
    await press(say.use)
    await press(say.allow)
    await page.waitForURL(/^https:\/\/app\.example\/callback/)
    const { status } = await app.exchange(callbackOf(page.url()).get('code') ?? '')
    expect(status).toBe(200)

    // in place of the code of an authenticator app
    const { authenticatorApp } = browsed.server.server.services
    const { secret } = await authenticatorApp.begin(userId)
    await authenticatorApp.confirm(userId, codeOfApp(secret, Date.now()), '127.0.0.1')
    await context.clearCookies()
    await page.goto('/account?action=passkeys')
    await withPassword()
    await page.getByRole('heading', { name: say.step }).waitFor()
    await page.getByRole('button', { name: say.use }).waitFor()
    await look('second')
    await press(say.use)
    await press(say.remove)
    await page.getByText(say.removed).waitFor()
    await authenticatorApp.remove(userId)
    expect(await browsed.server.server.services.passkeys.list(userId)).toEqual([])
    expect(complaints.filter((text) => text.includes('Content Security Policy'))).toEqual([])
  })

  test('without scripts nothing is offered that does not work', async () => {
    await using context = await browsed.open({ javaScriptEnabled: false })
    const page = await context.newPage()
    await page.goto('/account?action=passkeys')
    expect(await page.getByRole('button').allTextContents()).toEqual(['Log in'])
    await page.getByLabel('User name').fill('alice')
    await page.getByLabel('Password').fill('password of alice')
    await page.getByRole('button', { name: 'Log in' }).click()
    await page.getByText('the browser has to know passkeys').waitFor()
    expect(await page.getByRole('button').allTextContents()).toEqual([])
  })
})

/** One within the device, which its owner unlocks at once. https://chromedevtools.github.io/devtools-protocol/tot/WebAuthn/ */
async function addAuthenticator(context: BrowserContext, page: Page): Promise<void> {
  const devtools = await context.newCDPSession(page)
  await devtools.send('WebAuthn.enable')
  await devtools.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  })
}
