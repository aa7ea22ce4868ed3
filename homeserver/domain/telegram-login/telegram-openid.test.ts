import { SignJWT, UnsecuredJWT } from 'jose'
import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { OpenIdProvider, type Reissue } from '../../../test/support/openid-provider.ts'
import type { TestServerOptions } from '../../../test/support/server.ts'
import { ann, ben, WithBot } from '../../../test/support/telegram-login-bot.ts'
import { Visitor } from '../../../test/support/visitor.ts'

const clientId = '123456789'
const sso = '/_matrix/client/v3/login/sso/redirect/telegram?redirectUrl=https%3A%2F%2Fapp.example%2F'

/** As Telegram does it: `aud` is a number, `sub` a number of its own, `id` who it is. */
const asTelegram = {
  aud: Number(clientId),
  sub: '1234567890123456789',
  id: Number(ann.id),
  name: 'Ann Lee',
  preferred_username: 'Ann_Lee',
}
const changed =
  (change: Readonly<Record<string, unknown>>): Reissue =>
  async (claims, sign) =>
    await sign({ ...claims, ...asTelegram, ...change })

/** Telegram, with its own login and the bot at work. */
class World implements AsyncDisposable {
  readonly telegram: OpenIdProvider
  readonly withBot: WithBot

  private constructor(telegram: OpenIdProvider, withBot: WithBot) {
    this.telegram = telegram
    this.withBot = withBot
  }

  static async start(database: TestServerOptions['database'], login = ''): Promise<World> {
    const telegram = await OpenIdProvider.start({ clientId, id: 'telegram' })
    telegram.reissue = changed({})
    const settings = `client_id: ${clientId}, client_secret: '${telegram.secret}', issuer: '${telegram.issuer}'`
    const config = `telegram: { login: { ${settings}${login} } }\noutgoing: { allow_ranges: [127.0.0.1] }`
    return new World(telegram, await WithBot.start({ database, config }))
  }

  visitor(): Visitor {
    return new Visitor(this.withBot.server)
  }

  /** Where Telegram sends somebody back to who has begun to log in here. */
  async answerFor(browser: Visitor, address = '/auth/oidc/telegram'): Promise<string> {
    await browser.open(address)
    return await this.telegram.visit(browser.shown.address)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.withBot[Symbol.asyncDispose]()
    await this.telegram[Symbol.asyncDispose]()
  }
}

forEachDatabase(({ dialect: database }) => {
  test("case 38: by Telegram's own login, whose aud is a number, people come to the account of the six digits", async () => {
    await using world = await World.start(database)
    const browser = world.visitor()
    await browser.open(sso)
    const [, own = ''] =
      /href="(\/auth\/oidc\/telegram[^"]*)">Log in on the page of Telegram/.exec(browser.shown.text) ?? []
    await browser.open(await world.answerFor(browser, own))
    expect(browser.shown.text).toContain('Hello, Ann Lee!')
    await browser.submit()
    expect(browser.shown.text).toContain('@ann_lee:hs.test')
    await browser.submit()
    const token = new URL(browser.shown.address).searchParams.get('loginToken')
    expect(await world.withBot.server.client().post('/login', { type: 'm.login.token', token })).toMatchObject({
      user_id: '@ann_lee:hs.test',
    })

    const byDigits = world.visitor()
    await world.withBot.logIn(byDigits, ann)
    expect((await byDigits.open('/account')).text).toContain('@ann_lee:hs.test')
    const again = world.visitor()
    await again.open(await world.answerFor(again))
    expect((await again.open('/account')).text).toContain('@ann_lee:hs.test')
    const news = (await world.withBot.bot.events()).filter(({ type }) => type === 'signed_in')
    expect(news).toMatchObject([{ is_new: true }, { is_new: false }, { is_new: false }])
    expect(news.every((one) => one.tg_user === ann.id)).toBe(true)
  })

  test('case 38: a token that is for others, from others, old, unsigned or of another login opens nothing', async () => {
    await using world = await World.start(database)
    const now = Math.floor(Date.now() / 1000)
    const other = new TextEncoder().encode('a key of thirty-two bytes or more')
    const refused: Readonly<Record<string, Reissue>> = {
      aud: changed({ aud: 987654321 }),
      'two audiences': changed({ aud: [Number(clientId), 987654321] }),
      'no aud': changed({ aud: undefined }),
      iss: changed({ iss: 'https://evil.example' }),
      nonce: changed({ nonce: 'of another login' }),
      'no nonce': changed({ nonce: undefined }),
      expired: changed({ exp: now - 600 }),
      'no exp': changed({ exp: undefined }),
      'issued long ago': changed({ iat: now - 3600 }),
      'not issued yet': changed({ iat: now + 3600 }),
      'no id': changed({ id: undefined, sub: ann.id }),
      'an id that is no number': changed({ id: '12x' }),
      'an id that is too large': changed({ id: '99999999999999999999' }),
      'alg none': async (claims) =>
        await Promise.resolve(new UnsecuredJWT({ ...claims, ...asTelegram, aud: clientId }).encode()),
      'alg HS256': async (claims) =>
        await new SignJWT({ ...claims, ...asTelegram, aud: clientId })
          .setProtectedHeader({ alg: 'HS256', kid: 'test' })
          .sign(other),
      'a signature that is cut off': async (claims, sign) => (await sign({ ...claims, ...asTelegram })).slice(0, -8),
      'no token': async () => await Promise.resolve('not a token'),
    }
    for (const [what, reissue] of Object.entries(refused)) {
      world.telegram.reissue = reissue
      const browser = world.visitor()
      const { status, text } = await browser.open(await world.answerFor(browser))
      expect({ what, status, isExplained: text.includes('Logging in there did not work') }).toEqual({
        what,
        status: 403,
        isExplained: true,
      })
      expect((await browser.open('/account')).address).toMatch(/^\/login/)
    }
    for (const aud of [clientId, [Number(clientId)]]) {
      world.telegram.reissue = changed({ aud, id: ann.id })
      const browser = world.visitor()
      expect((await browser.open(await world.answerFor(browser))).address).toMatch(/^\/auth\/new/)
    }
  })

  test('case 38: a code is good once, and in the browser that has asked for it', async () => {
    await using world = await World.start(database)
    const [browser, other] = [world.visitor(), world.visitor()]
    await other.open('/login')
    expect((await other.open(await world.answerFor(browser))).status).toBe(403)
    const used = await world.answerFor(browser)
    expect((await browser.open(used)).address).toMatch(/^\/auth\/new/)
    expect((await browser.open(used)).status).toBe(403)
    const code = new URL(used).searchParams.get('code') ?? ''
    const replayed = (await world.answerFor(browser)).replace(/code=[^&]+/, `code=${code}`)
    expect((await browser.open(replayed)).status).toBe(403)
    const mixedUp = (await world.answerFor(browser)).replace(/iss=[^&]+/, 'iss=https%3A%2F%2Fevil.example')
    expect((await browser.open(mixedUp)).status).toBe(403)
    expect((await browser.open('/auth/oidc/telegram/callback?error=access_denied&state=x')).status).toBe(403)
  })

  test('case 38: with mode off it is the only way, strangers get no account where none are made, links count', async () => {
    await using world = await World.start(database, ', mode: off, registration: closed')
    const { server, bot } = world.withBot
    const stranger = world.visitor()
    await stranger.open(await world.answerFor(stranger, '/auth/telegram'))
    expect(stranger.shown.status).toBe(403)
    expect(stranger.shown.text).toContain('Telegram')

    await server.register('alice')
    const browser = world.visitor()
    await browser.open('/account?action=logins')
    await browser.submit({ username: 'alice', password: 'password of alice' })
    await browser.open(await world.answerFor(browser, '/auth/telegram?link=1'))
    expect(browser.shown.text).toContain('Linked with Telegram')
    const again = world.visitor()
    await again.open(await world.answerFor(again, '/auth/telegram'))
    expect((await again.open('/account')).text).toContain('@alice:hs.test')

    await bot.ask('settings', { tg_user: ann.id, login_enabled: false })
    const shutOut = world.visitor()
    expect((await shutOut.open(await world.answerFor(shutOut))).status).toBe(403)
  })

  test('case 38: without a client id there is no such way, nor a button', async () => {
    await using world = await WithBot.start({ database })
    const browser = new Visitor(world.server)
    expect((await browser.open('/auth/oidc/telegram')).status).toBe(404)
    expect((await browser.open('/auth/telegram')).text).not.toContain('/auth/oidc/')
    await world.logIn(browser, ben)
    expect((await browser.open('/account')).text).toContain('@tg4200002:hs.test')
  })
})
