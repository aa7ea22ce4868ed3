import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { startServer } from '../../../test/support/server.ts'
import { Visitor } from '../../../test/support/visitor.ts'
import { FakeClock } from '../../platform/fake-clock.ts'

const hour = 3_600_000
const fields = { username: 'root', password: 'password of root', repeated: 'password of root' }

forEachDatabase(({ dialect: database }) => {
  test('the link makes one administrator, whoever else has it, and leaves a line in the audit log', async () => {
    await using server = await startServer({ database, config: 'registration: { mode: closed }' })
    const { firstAdmin, accounts, auditLog } = server.server.services
    const link = (await firstAdmin.newLink()) ?? ''
    const [first, second] = [new Visitor(server), new Visitor(server)]
    for (const browser of [first, second]) {
      await browser.open(link)
      expect(browser.shown).toMatchObject({ status: 200, text: expect.stringContaining('Become the administrator') })
    }
    await first.submit({ ...fields, repeated: 'another one' })
    expect(first.shown.status).toBe(400)

    await Promise.all([first.submit(fields), second.submit({ ...fields, username: 'other' })])
    const addresses = [first, second].map(({ shown }) => `${shown.status} ${shown.address}`)
    expect(addresses.toSorted()).toEqual(['200 /setup', `404 ${link}`])
    const made = await Promise.all(['@root:hs.test', '@other:hs.test'].map((userId) => accounts.find(userId)))
    const admins = made.filter((account) => account !== undefined)
    expect(admins).toMatchObject([{ isAdmin: true }])
    expect(await auditLog.list({ before: undefined, limit: 9 })).toMatchObject([
      { actor: admins[0]?.userId, action: 'POST /setup/:token', errcode: null },
    ])

    expect(await firstAdmin.newLink()).toBeUndefined()
    for (const { userId } of admins) await accounts.setRights(userId, { isAdmin: false })
    const late = new Visitor(server, { language: 'ru' })
    expect(await late.open(link)).toMatchObject({ status: 404, text: expect.stringContaining('больше не действует') })
  })
})

test('a link is over after a day, and with an administrator who was made otherwise', async () => {
  const clock = new FakeClock()
  await using server = await startServer({ parts: { clock } })
  const { firstAdmin, registration } = server.server.services
  const link = (await firstAdmin.newLink()) ?? ''
  const browser = new Visitor(server)
  await browser.open(link)
  await clock.advance(23 * hour)
  expect((await browser.open(link)).status).toBe(200)
  await clock.advance(hour)
  expect((await browser.submit(fields)).status).toBe(404)

  const next = (await firstAdmin.newLink()) ?? ''
  expect((await browser.open(next)).status).toBe(200)
  await registration.register({ userId: '@boss:hs.test', isAdmin: true })
  expect((await browser.submit(fields)).status).toBe(404)
})

test('a guess opens nothing, nor does a form of another browser', async () => {
  await using server = await startServer()
  const link = (await server.server.services.firstAdmin.newLink()) ?? ''
  const browser = new Visitor(server)
  for (const wrong of [
    `${link}x`,
    link.replace(/.$/, (last) => (last === 'A' ? 'E' : 'A')),
    '/setup/x',
    '/setup/%00',
  ]) {
    expect((await browser.open(wrong)).status).toBeGreaterThanOrEqual(400)
  }
  await browser.open(link)
  expect((await browser.submit({ ...fields, token: 'of another browser' })).status).toBe(403)
  expect(await server.server.services.accounts.find('@root:hs.test')).toBeUndefined()
})

test('there is no way on for those who have not come by the link', async () => {
  await using server = await startServer()
  const browser = new Visitor(server)
  expect(await browser.open('/setup')).toMatchObject({ status: 200, address: '/' })
})
