import { expect, test } from '@jest/globals'
import type { PublicKeyCredentialCreationOptionsJSON } from '@simplewebauthn/server'
import { codeOfApp, TestAuthenticator } from '../../../test/support/authenticator.ts'
import { dumpOf, forEachDatabase } from '../../../test/support/databases.ts'
import { startServer, type TestServer } from '../../../test/support/server.ts'
import { Visitor } from '../../../test/support/visitor.ts'
import { FakeClock } from '../../platform/fake-clock.ts'
import { maxPasskeyName, maxPasskeys } from '../limits.ts'

const alice = '@alice:hs.test'
const credentials = { username: 'alice', password: 'password of alice' }
const refused = { errcode: 'M_PASSKEY_FAILED' }
const cookie = 'a browser'

async function addPasskey({ server }: TestServer, device: TestAuthenticator, name = 'Key'): Promise<void> {
  const { passkeys } = server.services
  const options = await passkeys.optionsForNew(alice, { cookie })
  await passkeys.add(alice, { cookie, name, credential: device.create(options) })
}

forEachDatabase(({ dialect: database }) => {
  test('a passkey says who its owner is, once for each challenge and only in the browser that was asked', async () => {
    const clock = new FakeClock()
    await using server = await startServer({ database, parts: { clock } })
    await server.register('alice')
    const { passkeys, accounts } = server.server.services
    const device = new TestAuthenticator()
    await addPasskey(server, device)
    expect(await passkeys.list(alice)).toMatchObject([
      { name: 'Key', transports: ['usb'], counter: 0, isBackupEligible: false, isBackedUp: false, usedTs: undefined },
    ])

    const options = await passkeys.optionsForLogin({ cookie })
    expect(options).toMatchObject({ rpId: 'hs.test', userVerification: 'required' })
    expect(options.allowCredentials ?? []).toEqual([])
    const dump = await dumpOf(server.server.services.config.database.url)
    expect(dump).not.toContain(options.challenge)
    const credential = device.get(options)
    await expect(passkeys.prove({ cookie: 'another browser', credential })).rejects.toMatchObject(refused)
    expect(await passkeys.prove({ cookie, credential })).toBe(alice)
    await expect(passkeys.prove({ cookie, credential })).rejects.toMatchObject(refused)
    expect(await passkeys.list(alice)).toMatchObject([{ counter: 1, usedTs: clock.now() }])

    const late = device.get(await passkeys.optionsForLogin({ cookie }))
    await clock.advance(300_000)
    await expect(passkeys.prove({ cookie, credential: late })).rejects.toMatchObject(refused)

    await accounts.setRights(alice, { isLocked: true })
    const locked = device.get(await passkeys.optionsForLogin({ cookie }))
    await expect(passkeys.prove({ cookie, credential: locked })).rejects.toMatchObject({ errcode: 'M_USER_LOCKED' })
  })

  test('a passkey for another site, one that is not unlocked, one that was copied, and nonsense are refused', async () => {
    await using server = await startServer({ database })
    await server.register('alice')
    const { passkeys } = server.server.services
    const device = new TestAuthenticator()
    await addPasskey(server, device)
    const show = async (change: Partial<TestAuthenticator>) => {
      const options = await passkeys.optionsForLogin({ cookie })
      const before = { origin: device.origin, isUnlocked: device.isUnlocked, isBackedUp: device.isBackedUp }
      const credential = Object.assign(device, change).get(options)
      Object.assign(device, before)
      return await passkeys.prove({ cookie, credential })
    }
    expect(await show({ counter: 5 })).toBe(alice)
    await expect(show({ origin: 'https://hs.test.evil.example' })).rejects.toMatchObject(refused)
    await expect(show({ isUnlocked: false })).rejects.toMatchObject(refused)
    await expect(show({ isBackedUp: true })).rejects.toMatchObject(refused) // it cannot become one that may be copied
    await expect(show({ counter: 3 })).rejects.toMatchObject(refused)
    for (const credential of ['', 'null', '{}', '{"id":"x"}']) {
      await passkeys.optionsForLogin({ cookie })
      await expect(passkeys.prove({ cookie, credential })).rejects.toMatchObject(refused)
    }
    const locked = Object.assign(new TestAuthenticator(), { isUnlocked: false })
    await expect(addPasskey(server, locked)).rejects.toMatchObject(refused)
    await expect(addPasskey(server, device, 'x'.repeat(maxPasskeyName + 1))).rejects.toMatchObject(refused)
    expect(await passkeys.list(alice)).toHaveLength(1)
  })

  test('an account has so many passkeys and no more, and none when it has ended', async () => {
    await using server = await startServer({ database })
    const client = await server.register('alice')
    const { passkeys } = server.server.services
    const device = Object.assign(new TestAuthenticator(), { isBackedUp: true })
    for (let count = 0; count < maxPasskeys; count++) await addPasskey(server, device)
    await expect(addPasskey(server, device)).rejects.toMatchObject(refused)
    const list = await passkeys.list(alice)
    expect(list).toHaveLength(maxPasskeys)
    expect(list[0]).toMatchObject({ isBackupEligible: true, isBackedUp: true })
    expect(await passkeys.remove('@bob:hs.test', list[0]?.id ?? '')).toBe(false)
    expect(await passkeys.remove(alice, list[0]?.id ?? '')).toBe(true)
    const auth = { type: 'm.login.password', identifier: { type: 'm.id.user', user: 'alice' } }
    await client.post('/account/deactivate', { auth: { ...auth, password: credentials.password } })
    await server.server.settle()
    expect(await passkeys.list(alice)).toEqual([])
  })

  test('on the pages it is a login by itself, or in place of the code; an administrator takes it away', async () => {
    const clock = new FakeClock()
    await using server = await startServer({ database, parts: { clock } })
    const [admin] = [await server.register('admin'), await server.register('alice')]
    const { accounts, authenticatorApp, passkeys } = server.server.services
    await accounts.setRights('@admin:hs.test', { isAdmin: true })
    const device = new TestAuthenticator()
    const optionsIn = async (browser: Visitor, act: string) => {
      const { text, status } = await browser.submit({ act }, { to: '/login/passkey', isAside: true })
      return { status, options: () => JSON.parse(text) as PublicKeyCredentialCreationOptionsJSON }
    }
    const show = async (browser: Visitor) => {
      const { options } = await optionsIn(browser, 'get')
      await browser.submit({ credential: device.get(options()) }, { nth: 1 })
    }

    const owner = new Visitor(server)
    await owner.open('/account?action=passkeys')
    expect((await optionsIn(owner, 'create')).status).toBe(403)
    await owner.submit(credentials)
    const { options } = await optionsIn(owner, 'create')
    await owner.submit({ name: 'My <telephone>', credential: device.create(options()) })
    expect(owner.shown.text).toContain('My &#60;telephone&#62;')

    const { secret } = await authenticatorApp.begin(alice)
    await authenticatorApp.confirm(alice, codeOfApp(secret, clock.now()), '127.0.0.1')

    const atOnce = new Visitor(server)
    await atOnce.open('/login')
    await show(atOnce)
    expect(atOnce.shown.address).toBe('/account')

    const second = new Visitor(server)
    await second.open('/login')
    await second.submit(credentials)
    expect(second.shown.address).toMatch(/^\/login\/second/)
    await second.submit({ credential: '{}' }, { nth: 1 })
    expect(second.shown.text).toContain('The passkey did not work.')
    await show(second)
    expect(second.shown.address).toBe('/account')

    const path = '/_domovoi/admin/v1/users/@alice:hs.test/second_factor'
    await authenticatorApp.remove(alice)
    expect((await admin.request('DELETE', path)).status).toBe(200)
    expect(await passkeys.list(alice)).toEqual([])
    expect((await admin.request('DELETE', path)).status).toBe(404)
  })
})
