import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { Mailbox } from '../../../test/support/mailbox.ts'
import { startServer } from '../../../test/support/server.ts'
import { Visitor } from '../../../test/support/visitor.ts'

const required = 'registration: { mode: open, i_accept_abuse_risk: true, email: required }'

forEachDatabase(({ dialect: database }) => {
  test('who has forgotten the password sets another by the link of a letter, once', async () => {
    await using mailbox = await Mailbox.start()
    await using server = await startServer({ database, config: [mailbox.config, required] })
    const browser = new Visitor(server)
    /** Asks for a letter, and opens its link in the same browser. */
    const prove = async (page: string, letter: number): Promise<void> => {
      await browser.open(page)
      await browser.submit({ email: 'alice@example.org' })
      await browser.open((await mailbox.letter(letter)).link ?? '')
      await browser.submit()
    }
    await prove('/register', 0)
    await browser.submit({ username: 'alice', password: 'the first one', repeated: 'the first one' })
    const phone = await server.client().login('alice', 'the first one')

    await browser.open('/login')
    expect(browser.shown.text).toContain('href="/forgot"')
    await prove('/forgot', 1)
    expect(browser.shown.text).toContain('Set a new password')
    const form = browser.shown.address
    expect((await browser.submit({ password: 'the second', repeated: 'another' })).status).toBe(400)
    await browser.submit({ password: 'the second', repeated: 'the second' })
    expect(browser.shown.address).toBe('/login')
    expect((await phone.request('GET', '/account/whoami')).status).toBe(401)
    expect((await browser.open('/account')).address).toMatch(/^\/login/)
    await browser.submit({ username: 'alice@example.org', password: 'the second' })
    expect(browser.shown.address).toBe('/account')
    expect((await browser.open(form)).text).not.toContain('name="repeated"')
  })
})

test('an address is added on the account page by the link of a letter and a word, and removed', async () => {
  await using mailbox = await Mailbox.start()
  await using server = await startServer({ config: mailbox.config })
  const alice = await server.register('alice')
  const browser = new Visitor(server)
  const addresses = async () => ((await alice.get('/account/3pid'))['threepids'] as object[]).length
  await browser.open('/account?action=emails')
  await browser.submit({ username: 'alice', password: 'password of alice' })
  await browser.submit({ email: 'alice@example.org' })
  await browser.open((await mailbox.letter(0)).link ?? '')
  await browser.submit()
  expect(browser.shown.text).toContain('alice@example.org')
  expect(await addresses()).toBe(0) // whoever has made the link
  await browser.submit()
  expect(browser.shown.text).toContain('belongs to your account now')
  expect(await addresses()).toBe(1)
  await browser.submit()
  expect(browser.shown.text).toContain('The address is removed.')
  expect(await addresses()).toBe(0)
})

test('a server that sends no e-mail says so', async () => {
  await using server = await startServer()
  const browser = new Visitor(server)
  expect((await browser.open('/forgot')).status).toBe(404)
  expect((await browser.open('/login')).text).not.toContain('/forgot')
})
