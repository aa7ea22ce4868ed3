import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { OpenIdProvider } from '../../../test/support/openid-provider.ts'
import { startServer } from '../../../test/support/server.ts'
import { Visitor } from '../../../test/support/visitor.ts'

const sso = '/_matrix/client/v3/login/sso/redirect/work?redirectUrl=https%3A%2F%2Fapp.example%2F'

forEachDatabase(({ dialect: database }) => {
  test('somebody of another house gets an account here, and the same one the next time', async () => {
    await using provider = await OpenIdProvider.start()
    await using server = await startServer({ database, config: provider.config })
    const { flows } = await server.client().get('/login')
    expect(flows[0]).toMatchObject({ identity_providers: [{ id: 'work', name: 'Work' }] })
    const browser = new Visitor(server)
    await browser.open(sso)
    expect(browser.shown.address).toMatch(`${provider.issuer}/auth?`)
    await browser.open(await provider.visit(browser.shown.address))
    expect(browser.shown.text).toContain('Hello, Kim Doe!')
    await browser.submit()
    expect(browser.shown.text).toContain('@kim:hs.test')

    provider.user = { ...provider.user, preferred_username: 'other' }
    const again = new Visitor(server)
    await again.open(sso)
    await again.open(await provider.visit(again.shown.address))
    expect(again.shown.text).toContain('@kim:hs.test')
    await again.submit()
    const token = new URL(again.shown.address).searchParams.get('loginToken')
    expect(await server.client().post('/login', { type: 'm.login.token', token })).toMatchObject({
      user_id: '@kim:hs.test',
    })
  })

  test('an answer is good once, in the browser that has asked for it, and unchanged', async () => {
    await using provider = await OpenIdProvider.start()
    await using server = await startServer({ database, config: provider.config })
    const [browser, other] = [new Visitor(server), new Visitor(server)]
    const begin = async () => {
      await browser.open('/auth/oidc/work')
      return await provider.visit(browser.shown.address)
    }
    await other.open('/login')
    expect((await other.open(await begin())).status).toBe(403)
    expect((await browser.open((await begin()).replace(/code=[^&]+/, 'code=forged'))).status).toBe(403)
    expect((await browser.open((await begin()).replace(/state=[^&]+/, 'state=forged'))).status).toBe(403)
    expect((await browser.open((await begin()).replace(/iss=[^&]+/, 'iss=https%3A%2F%2Fevil.example'))).status).toBe(
      403,
    )
    expect((await browser.open('/auth/oidc/work/callback?error=access_denied&state=x')).status).toBe(403)
    const address = await begin()
    expect((await browser.open(address)).address).toMatch(/^\/auth\/new/)
    expect((await browser.open(address)).status).toBe(403)
  })

  test('an account is linked with the provider on its page', async () => {
    await using provider = await OpenIdProvider.start()
    await using server = await startServer({ database, config: provider.config })
    await server.register('alice')
    const browser = new Visitor(server)
    await browser.open('/account?action=logins')
    await browser.submit({ username: 'alice', password: 'password of alice' })
    await browser.open('/auth/oidc/work?link=1')
    await browser.open(await provider.visit(browser.shown.address))
    expect(browser.shown.text).toContain('Linked with Work')
    const another = new Visitor(server)
    await another.open('/auth/oidc/work')
    await another.open(await provider.visit(another.shown.address))
    expect((await another.open('/account')).text).toContain('@alice:hs.test')
  })
})

test('a provider that is not there is a page that says so', async () => {
  const gone = createServer()
  await new Promise<void>((resolve) => gone.listen(0, '127.0.0.1', resolve))
  const { port } = gone.address() as AddressInfo
  await new Promise((resolve) => gone.close(resolve))
  await using provider = await OpenIdProvider.start()
  const config = provider.config.replace(provider.issuer, `http://127.0.0.1:${port}`)
  await using server = await startServer({ config })
  const browser = new Visitor(server)
  expect((await browser.open('/auth/oidc/work')).status).toBe(403)
  expect(browser.shown.text).toContain('Logging in there did not work')
  expect((await browser.open('/auth/oidc/nobody')).status).toBe(404)
})
