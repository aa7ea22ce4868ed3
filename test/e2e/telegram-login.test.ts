/** Logging in by Telegram in a real browser, into a session of matrix-js-sdk. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { createClient } from 'matrix-js-sdk'
import type { Page } from 'playwright-core'
import { TestAppservice } from '../support/appservice.ts'
import { BrowsedServer, chromiumMissing, expectWhole, screens } from '../support/chromium.ts'
import { silent } from './element.ts'
import { ann, codeIn, LoginBot } from '../support/telegram-login-bot.ts'

const group = chromiumMissing ? describe.skip : describe
group(chromiumMissing ? `in a browser (${chromiumMissing})` : 'in a browser', () => {
  let service: TestAppservice
  let browsed: BrowsedServer
  let bot: LoginBot
  beforeAll(async () => {
    service = await TestAppservice.start('telegram')
    browsed = await BrowsedServer.start(`${service.config}mail: { host: 127.0.0.1, port: 1, encryption: none }`)
    bot = new LoginBot(service.client(browsed.server))
    await bot.hello()
  })
  afterAll(async () => {
    await browsed[Symbol.asyncDispose]()
    await service[Symbol.asyncDispose]()
  })

  const nonceOf = async (page: Page): Promise<string> => {
    const address = await page.getByRole('link', { name: 'Open @example_bot' }).getAttribute('href')
    return new URL(address ?? '').searchParams.get('start')?.slice(1) ?? ''
  }

  test('without scripts six digits log in to a client, and the account is there', async () => {
    const client = createClient({ baseUrl: browsed.server.url, logger: silent })
    await using context = await browsed.open({ javaScriptEnabled: false })
    const page = await context.newPage()
    const { pathname, search } = new URL(client.getSsoLoginUrl('https://app.example/', 'sso', 'telegram'))
    await page.goto(pathname + search)
    const { code } = codeIn(await bot.start(ann, await nonceOf(page)))
    await page.getByLabel('Six digits from the bot').fill(code)
    await page.getByRole('button', { name: 'Continue' }).click()
    await page.getByLabel('User name').fill('ann')
    await page.getByRole('button', { name: 'Create account' }).click()
    await page.getByRole('heading', { name: 'Continue to app.example?' }).waitFor()
    await page.getByRole('button', { name: 'Continue' }).click()
    await page.waitForURL(/^https:\/\/app\.example\/\?loginToken=/)
    const session = await client.loginRequest({
      type: 'm.login.token',
      token: new URL(page.url()).searchParams.get('loginToken') ?? '',
    })
    const mine = createClient({ baseUrl: browsed.server.url, accessToken: session.access_token, logger: silent })
    expect(await mine.whoami()).toMatchObject({ user_id: '@ann:hs.test' })
    expect(await mine.getProfileInfo('@ann:hs.test')).toEqual({ displayname: 'Ann Lee' })
  })

  test.each(screens)('on a $name, $colorScheme: every page is whole and without faults', async (shape) => {
    const { name, viewport, colorScheme } = shape
    await using context = await browsed.open({ viewport, colorScheme, locale: name === 'phone' ? 'ru' : 'en' })
    const page = await context.newPage()
    const look = async (title: string): Promise<void> => {
      await expectWhole(page, title, `${name}-${colorScheme}`)
    }
    const fill = async (field: string, text: string): Promise<void> => {
      await page.locator(`input[name=${field}]`).fill(text)
      await page.locator('main button').first().click()
    }
    const person = { id: `77${viewport.width}${colorScheme.length}`, first_name: 'Kim' }
    await page.goto('/login')
    await look('login-with-telegram')
    await page.goto('/auth/telegram?continue=/auth/sso?redirectUrl=https://app.example/')
    await look('telegram')
    await fill('code', '12345')
    await look('telegram-unreadable')
    const address = await page.locator('main a.button').first().getAttribute('href')
    const { code } = codeIn(await bot.start(person, new URL(address ?? '').searchParams.get('start')?.slice(1)))
    await fill('code', code)
    await look('new-account')
    await fill('username', `kim-${viewport.width}-${colorScheme}`)
    await look('sso')
    await page.goto('/account?action=logins')
    await look('logins')
    await page.goto('/account?action=second_factor')
    await look('second-factor')
    await page.locator('main button').click()
    await look('second-factor-secret')
    await page.goto('/account?action=emails')
    await look('emails')
    await page.goto('/forgot')
    await look('forgot')
    await page.goto('/auth/confirm?session=none')
    await look('nothing-to-confirm')
  })
})
