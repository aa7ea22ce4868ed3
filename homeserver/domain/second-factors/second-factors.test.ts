import { expect, test } from '@jest/globals'
import { FakeClock } from '../../platform/fake-clock.ts'
import { dumpOf, forEachDatabase } from '../../../test/support/databases.ts'
import { startServer } from '../../../test/support/server.ts'
import { Visitor } from '../../../test/support/visitor.ts'
import { base32, codeAt, stepOf } from './totp.ts'

const view = '/account?action=second_factor'
const credentials = { username: 'alice', password: 'password of alice' }

/** As an app reads what people type. */
function secretOn(text: string): Buffer {
  const shown = (/class="picture secret">([^<]+)</.exec(text)?.[1] ?? '').replaceAll(/\s/g, '')
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
  const bits = shown
    .split('')
    .map((letter) => letters.indexOf(letter).toString(2).padStart(5, '0'))
    .join('')
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)))
}

test('codes are those of RFC 6238, good once and for a minute and a half', () => {
  const secret = Buffer.from('12345678901234567890')
  // the last six of its eight digits
  expect([59, 1111111109, 1234567890, 20000000000].map((time) => codeAt(secret, Math.floor(time / 30)))).toEqual([
    '287082',
    '081804',
    '005924',
    '353130',
  ])
  expect(base32(secret)).toBe('GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ')
  expect(stepOf(secret, '287082', { now: 59_000, after: 0 })).toBe(1)
  expect(stepOf(secret, '287082', { now: 59_000, after: 1 })).toBeUndefined()
  expect(stepOf(secret, '287082', { now: 89_999, after: 0 })).toBe(1)
  expect(stepOf(secret, '287082', { now: 90_000, after: 0 })).toBeUndefined()
})

forEachDatabase(({ dialect: database }) => {
  test('with an authenticator app the password alone opens nothing', async () => {
    const clock = new FakeClock()
    await using server = await startServer({ database, parts: { clock } })
    await server.register('alice')
    const browser = new Visitor(server)
    await browser.open(view)
    await browser.submit(credentials)
    await browser.submit()
    const secret = secretOn(browser.shown.text)
    expect(browser.shown.text).toContain('otpauth://totp/hs.test:')
    const code = () => codeAt(secret, Math.floor(clock.now() / 30_000))
    expect((await browser.submit({ code: 'abc' })).status).toBe(403)
    const confirming = code()
    await browser.submit({ code: confirming })
    const codes = [...browser.shown.text.matchAll(/<li>(\w{5}-\w{5})<\/li>/g)].map(([, one]) => one ?? '')
    expect(codes).toHaveLength(10)

    const login = { type: 'm.login.password', identifier: { type: 'm.id.user', user: 'alice' } }
    const withPassword = { ...login, password: credentials.password }
    expect(await server.client().refusal('POST', '/login', withPassword)).toEqual({
      status: 403,
      errcode: 'M_FORBIDDEN',
    })

    const other = new Visitor(server)
    await other.open('/login')
    await other.submit(credentials)
    expect(other.shown.address).toMatch(/^\/login\/second/)
    const halfway = new Visitor(server)
    await halfway.open('/login')
    await halfway.submit(credentials)
    expect((await halfway.open('/account')).address).toMatch(/^\/login/)
    expect((await other.submit({ code: confirming })).status).toBe(403) // used
    await clock.advance(30_000)
    await other.submit({ code: code() })
    expect(other.shown.address).toBe('/account')

    const lost = new Visitor(server)
    const recover = async (recovery: string) => {
      await lost.open('/login')
      await lost.submit(credentials)
      await lost.submit({ code: recovery })
      return lost.shown.address
    }
    expect(await recover((codes[0] ?? '').toUpperCase())).toBe('/account')
    expect(await recover(codes[0] ?? '')).toMatch(/^\/login\/second/)

    const dump = await dumpOf(server.server.services.config.database.url)
    expect(dump).not.toContain(base32(secret))
    expect(dump).not.toContain((codes[1] ?? '').replace('-', ''))
  })

  test('an administrator removes the factor of somebody who has lost it, and its owner does', async () => {
    const clock = new FakeClock()
    await using server = await startServer({ database, parts: { clock } })
    const [admin] = [await server.register('admin'), await server.register('alice')]
    const { accounts, authenticatorApp } = server.server.services
    await accounts.setRights('@admin:hs.test', { isAdmin: true })
    const browser = new Visitor(server)
    const setUp = async () => {
      await browser.open(view)
      if (browser.shown.address.startsWith('/login')) await browser.submit(credentials)
      await browser.submit()
      await clock.advance(30_000)
      await browser.submit({ code: codeAt(secretOn(browser.shown.text), Math.floor(clock.now() / 30_000)) })
      expect(await authenticatorApp.isSetUp('@alice:hs.test')).toBe(true)
    }
    await setUp()
    const path = '/_domovoi/admin/v1/users/@alice:hs.test/second_factor'
    expect((await admin.request('DELETE', path)).status).toBe(200)
    expect((await admin.request('DELETE', path)).status).toBe(404)
    expect(await server.client().login('alice', credentials.password)).toBeDefined()
    await setUp()
    await browser.open(view)
    await browser.submit()
    expect(browser.shown.text).toContain('The authenticator app is removed.')
    expect(await authenticatorApp.isSetUp('@alice:hs.test')).toBe(false)
  })

  test('who guesses codes is locked out, and the owner elsewhere is not', async () => {
    const clock = new FakeClock()
    await using server = await startServer({ database, parts: { clock } })
    await server.register('alice')
    const { authenticatorApp } = server.server.services
    const alice = '@alice:hs.test'
    await authenticatorApp.begin(alice)
    const guess = (ip: string) => authenticatorApp.prove(alice, new URLSearchParams({ code: 'wrong' }), ip)
    for (let count = 0; count < 5; count++) expect(await guess('10.0.0.1')).toBe(false)
    await expect(guess('10.0.0.1')).rejects.toMatchObject({ errcode: 'M_LIMIT_EXCEEDED' })
    expect(await guess('10.0.0.2')).toBe(false)
  })
})
