/** Passkeys in a real browser with a virtual authenticator: made, chosen among the names, used at once and as second factor, removed. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { BrowserContext, Page, Route } from 'playwright-core'
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
    const device = await addAuthenticator(context, page)
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

    // offered among the names, and chosen
    await context.clearCookies()
    await page.goto('/account?action=passkeys')
    await page.getByText('My telephone').waitFor()

    // by itself, for an app
    await context.clearCookies()
    const app = await OAuthApp.start(browsed.server, webApp)
    await device.unlocksAtOnce(false)
    const offered = page.waitForResponse('/login/passkey')
    await page.goto(app.authorizationUrl())
    await offered
    await look('login')
    const refused = Promise.withResolvers<void>()
    let asked = 0
    const refuse = async (route: Route): Promise<void> => {
      await route.abort()
      if (++asked === 2) refused.resolve() // the button has asked, and then the page, for its next offer
    }
    await page.route('/login/passkey', refuse, { times: 2 })
    await press(say.use)
    await page.getByText(say.failed).waitFor()
    await refused.promise
    await look('login-failed')
    await device.unlocksAtOnce(true)
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
    await device.unlocksAtOnce(false)
    await page.goto('/account?action=passkeys')
    await withPassword()
    await page.getByRole('heading', { name: say.step }).waitFor()
    await device.unlocksAtOnce(true)
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

interface Device {
  /** Whether its owner unlocks it whenever it is asked. */
  unlocksAtOnce(does: boolean): Promise<void>
}

/** An authenticator within the device. https://chromedevtools.github.io/devtools-protocol/tot/WebAuthn/ */
async function addAuthenticator(context: BrowserContext, page: Page): Promise<Device> {
  const devtools = await context.newCDPSession(page)
  await devtools.send('WebAuthn.enable')
  const { authenticatorId } = await devtools.send('WebAuthn.addVirtualAuthenticator', {
    options: {
      protocol: 'ctap2',
      transport: 'internal',
      hasResidentKey: true,
      hasUserVerification: true,
      isUserVerified: true,
      automaticPresenceSimulation: true,
    },
  })
  return {
    unlocksAtOnce: async (enabled) => {
      await devtools.send('WebAuthn.setAutomaticPresenceSimulation', { authenticatorId, enabled })
    },
  }
}
