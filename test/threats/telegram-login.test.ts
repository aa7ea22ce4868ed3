/** Guessing, stealing and passing on of the codes that log in by Telegram (T92, T94, T95). */
import { expect, test } from '@jest/globals'
import { GuessLimits } from '../../homeserver/domain/telegram-login/guess-limits.ts'
import { FakeClock } from '../../homeserver/platform/fake-clock.ts'
import { Database } from '../../homeserver/storage/database.ts'
import { dumpOf, forEachDatabase } from '../support/databases.ts'
import { ann, ben, codeIn, nonceOn, WithBot } from '../support/telegram-login-bot.ts'
import { Visitor } from '../support/visitor.ts'

const page = '/auth/telegram'
const otherThan = (code: string, step: number): string => String((Number(code) + step) % 1_000_000).padStart(6, '0')

forEachDatabase(({ dialect: database }) => {
  test('case 34: the fifth wrong code ends the page and its code: the right one comes too late', async () => {
    await using world = await WithBot.start({ database })
    const browser = new Visitor(world.server)
    await browser.open(page)
    const nonce = nonceOn(browser)
    const { code, code_id: codeId } = await world.bot.openLinkOf(browser, ann)
    for (let step = 1; step <= 5; step++)
      expect((await browser.submit({ code: otherThan(code, step) })).status).toBe(403)
    expect((await browser.submit({ code })).status).toBe(403)
    expect(nonceOn(browser)).not.toBe(nonce)
    expect(await world.bot.events()).toMatchObject([{ type: 'code_over', code_id: codeId }])
    expect(await world.bot.start(ann, nonce)).toEqual({ kind: 'refused', reason: 'bad_link' })
  })

  test('case 35: of two who type a code at once one gets in, and nobody by it later', async () => {
    await using world = await WithBot.start({ database })
    const browser = new Visitor(world.server)
    await browser.open(page)
    const { code } = await world.bot.openLinkOf(browser, ann)
    const [, token = ''] = /name="token" value="([^"]*)"/.exec(browser.shown.text) ?? []
    const send = () =>
      fetch(world.server.url + page, {
        method: 'POST',
        redirect: 'manual',
        headers: { Cookie: browser.cookie },
        body: new URLSearchParams({ token, code }),
      })
    const answers = await Promise.all([send(), send(), send()])
    expect(answers.map(({ status }) => status).toSorted((one, other) => one - other)).toEqual([303, 403, 403])
    expect((await send()).status).toBe(403)
  })

  test('case 34: the failures of a network are counted over all its pages', async () => {
    const clock = new FakeClock()
    await using world = await WithBot.start({ database, parts: { clock } })
    const guess = async (): Promise<number> => {
      const browser = new Visitor(world.server)
      await browser.open(page)
      return (await browser.submit({ code: '000000' })).status
    }
    for (let count = 0; count < 20; count++) expect(await guess()).toBe(403)
    expect(await guess()).toBe(429)
    const anew = await Database.open({ url: world.server.server.services.config.database.url })
    await using _closing = { [Symbol.asyncDispose]: () => anew.close() }
    const asAfterRestart = new GuessLimits({ database: anew, clock })
    await expect(asAfterRestart.attempt('127.0.0.1', () => Promise.resolve(true))).rejects.toMatchObject({
      status: 429,
    })
    await clock.advance(10 * 60_000)
    expect(await guess()).toBe(403)
  })

  test('case 34: a thousand guesses at once, each right for somebody else, open none of the pages that nobody has claimed', async () => {
    await using world = await WithBot.start({ database })
    const { telegramPages } = world.server.server.services
    const codes = new Set<string>()
    for (let index = 0; index < 20; index++) {
      const live = new Visitor(world.server)
      await live.open(page)
      const { code } = await world.bot.openLinkOf(live, { ...ann, id: String(4_300_000 + index) })
      codes.add(code)
    }
    const browsers = Array.from({ length: 50 }, (_, index) => ({
      cookie: `cookie ${index}`,
      ip: `10.0.${index}.1`,
      userAgent: '',
      purpose: 'login' as const,
    }))
    for (const browser of browsers) await telegramPages.open(browser)
    const guesses = browsers.flatMap((browser) =>
      [...codes].map(async (code) => await telegramPages.type(browser, code)),
    )
    const results = await Promise.allSettled(guesses)
    const through = results.filter((result) => result.status === 'fulfilled' && result.value.is === 'proved')
    expect(through).toEqual([])
    expect(results.filter(({ status }) => status === 'rejected').length).toBeGreaterThan(0) // the brake for all
  })

  test('codes expire, and somebody gets few of them', async () => {
    const clock = new FakeClock()
    await using world = await WithBot.start({ database, parts: { clock } })
    const browser = new Visitor(world.server)
    await browser.open(page)
    const [first, second, third] = [
      await world.bot.openLinkOf(browser, ann),
      await world.bot.openLinkOf(browser, ann),
      await world.bot.openLinkOf(browser, ann),
    ]
    expect(await world.bot.start(ann, nonceOn(browser))).toMatchObject({ kind: 'refused', reason: 'too_many' })
    // only the last one is good, unless chance has made them the same
    for (const { code } of [first, second]) {
      if (code !== third.code) expect((await browser.submit({ code })).status).toBe(403)
    }
    await clock.advance(third.expires_in_ms)
    expect((await browser.submit({ code: third.code })).status).toBe(403)
  })

  test('neither codes nor links are in the database', async () => {
    await using world = await WithBot.start({ database })
    const browser = new Visitor(world.server)
    await browser.open(page)
    const { code } = await world.bot.openLinkOf(browser, ann)
    const { userId } = await world.server.register('alice')
    const { body } = await world.bot.ask('link/start', { user_id: userId })
    const dump = await dumpOf(world.server.server.services.config.database.url)
    expect(dump).not.toContain(`"${code}"`)
    expect(dump).not.toContain(nonceOn(browser))
    expect(dump).not.toContain(body['nonce'] as string)
    for (const cookie of browser.cookie.split('=').slice(1)) expect(dump).not.toContain(cookie)
  })
})

test('a link that a second person opens lets nobody in, and "not me" shuts a network out for an hour', async () => {
  const clock = new FakeClock()
  await using world = await WithBot.start({ parts: { clock } })
  const { server, bot } = world
  const browser = new Visitor(server)
  await browser.open(page)
  const { code } = await bot.openLinkOf(browser, ann)
  expect(await bot.start(ben, nonceOn(browser))).toEqual({ kind: 'refused', reason: 'bad_link' })
  expect((await browser.submit({ code })).status).toBe(403)

  const issued = await bot.openLinkOf(browser, ann)
  await bot.ask('login/deny', { tg_user: ben.id, code_id: issued.code_id })
  await bot.ask('login/deny', { tg_user: ann.id, code_id: issued.code_id })
  expect((await browser.submit({ code: issued.code })).status).toBe(403)
  await clock.advance(10 * 60_000)
  expect(await bot.start(ann, nonceOn(browser))).toEqual({ kind: 'refused', reason: 'bad_link' })
  await browser.open(page)
  expect(await bot.start(ann, nonceOn(browser))).toEqual({ kind: 'refused', reason: 'not_allowed' })
  await clock.advance(60 * 60_000)
  await browser.open(page)
  expect((await bot.start(ann, nonceOn(browser))).kind).toBe('code')
})

test('cases 32 and 37: the code of another browser, a form of another site and a cookie from before are good for nothing', async () => {
  await using world = await WithBot.start()
  const { server, bot } = world
  const [browser, other] = [new Visitor(server), new Visitor(server)]
  await browser.open(page)
  await other.open(page)
  const { code } = await bot.openLinkOf(browser, ann)
  expect((await other.submit({ code })).status).toBe(403)
  await browser.open(page)
  const before = browser.cookie
  expect((await browser.submit({ code, token: 'forged' })).status).toBe(403)
  await browser.open(page)
  await browser.submit({ code })
  expect(browser.shown.address).toMatch(/^\/auth\/new/)
  expect(browser.cookie).not.toBe(before)
  const stale = await fetch(`${server.url}/auth/new`, { headers: { Cookie: before }, redirect: 'manual' })
  expect(stale.headers.get('location')).toMatch(/^\/login/)
  expect(browser.shown.headers.get('content-security-policy')).toContain("default-src 'none'")
  expect(browser.shown.headers.get('content-security-policy')).not.toContain('script-src')
})

test('digits of other scripts are the same code, and what is no code costs no try', async () => {
  await using world = await WithBot.start()
  const browser = new Visitor(world.server)
  await browser.open(page)
  const { code } = await world.bot.openLinkOf(browser, ann)
  for (let count = 0; count < 6; count++) expect((await browser.submit({ code: '12345' })).status).toBe(400)
  const arabic = code.replaceAll(/\d/g, (digit) => String.fromCodePoint(0x660 + Number(digit)))
  await browser.submit({ code: ` ${arabic.slice(0, 3)}–${arabic.slice(3)}` })
  expect(browser.shown.address).toMatch(/^\/auth\/new/)
})

test('an account is linked only by who has just logged in to it', async () => {
  const clock = new FakeClock()
  await using world = await WithBot.start({ parts: { clock } })
  await world.server.register('alice')
  const browser = new Visitor(world.server)
  expect((await browser.open(`${page}?link=1`)).address).toMatch(/^\/login/)
  await browser.submit({ username: 'alice', password: 'password of alice' })
  await clock.advance(15 * 60_000)
  expect((await browser.open(`${page}?link=1`)).address).toMatch(/^\/login\?again/)
  expect((await world.bot.ask('link/start', { user_id: '@alice:elsewhere.test' })).status).toBe(403)
  expect((await world.bot.ask('link/start', { user_id: '@telegrambot:hs.test' })).status).toBe(403)
})

test('what a stranger is called elsewhere cannot pass for somebody else here', async () => {
  await using world = await WithBot.start()
  await world.server.register('admin')
  const person = { id: '5', first_name: '\u202enimda\u200b', username: 'admin' }
  const browser = new Visitor(world.server)
  await browser.open(page)
  const { code } = codeIn(await world.bot.start(person, nonceOn(browser)))
  await browser.submit({ code })
  expect(browser.shown.text).toContain('value="tg5"')
  expect(browser.shown.text).toContain('Hello, nimda!')
  expect((await browser.submit({ username: 'admin' })).text).toContain('This user name is taken')
  expect((await browser.submit({ username: '_telegram_1' })).text).toContain('This user name is reserved')
})
