import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { startServer } from '../../../test/support/server.ts'
import { Visitor } from '../../../test/support/visitor.ts'

const password = 'password of alice'

forEachDatabase(({ dialect: database }) => {
  test('an invitation link leads to an account, once', async () => {
    await using server = await startServer({ database, config: 'registration: { mode: invite }' })
    const { token } = await server.server.services.registrationTokens.create({ usesAllowed: 1 })
    const browser = new Visitor(server)
    await browser.open(`/i/${token}`)
    expect(browser.shown.text).toContain('You are invited to hs.test')
    const [, link = ''] = /href="(\/register\?invite=[^"]+)"/.exec(browser.shown.text) ?? []
    await browser.open(link)
    await browser.submit({ username: 'alice', password, repeated: password })
    expect(browser.shown.address).toBe('/account')

    for (const code of [token, 'wrong', '%00', 'x'.repeat(100)]) {
      const late = new Visitor(server, { language: 'ru' })
      await late.open(`/i/${code}`)
      expect(late.shown.status).toBeGreaterThanOrEqual(400)
    }
    await browser.open(`/i/${token}`)
    expect(browser.shown).toMatchObject({ status: 404, text: expect.stringContaining('has been used or has expired') })
  })
})

test('whoever wonders is told whether the server works, and whom to ask', async () => {
  await using server = await startServer({ config: 'support: { email: help@hs.test }' })
  const browser = new Visitor(server)
  await browser.open('/status')
  expect(browser.shown).toMatchObject({ status: 200, text: expect.stringContaining('The server works.') })
  expect(browser.shown.text).toContain('href="mailto:help@hs.test"')
  const russian = new Visitor(server, { language: 'ru' })
  await russian.open('/status')
  expect(russian.shown.text).toContain('Сервер работает.')
})

test('the front door says where one is, in the language of the visitor, and in little space', async () => {
  await using server = await startServer({ config: 'registration: { mode: closed }' })
  const english = new Visitor(server)
  await english.open('/')
  expect(english.shown).toMatchObject({ status: 200, text: expect.stringContaining('Welcome to hs.test') })
  expect(english.shown.text).not.toContain('href="/register"')
  expect(english.shown.text.length).toBeLessThan(60_000)
  const russian = new Visitor(server, { language: 'ru' })
  await russian.open('/')
  expect(russian.shown.text).toContain('Добро пожаловать')
})

test('the server says that it lives and that it is ready', async () => {
  await using server = await startServer()
  const ask = async (path: string) => {
    const response = await fetch(server.url + path)
    return `${response.status} ${await response.text()}`
  }
  expect([await ask('/healthz'), await ask('/readyz')]).toEqual(['200 ok\n', '200 ok\n'])
})
