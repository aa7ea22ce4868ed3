import { createHmac } from 'node:crypto'
import { expect, test } from '@jest/globals'
import { FakeClock } from '../../platform/fake-clock.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { startServer, type TestServer } from '../../../test/support/server.ts'

const path = '/_synapse/admin/v1/register'

async function signed(
  server: TestServer,
  fields: { username: string; password: string; admin?: boolean },
  key: string,
) {
  const { nonce } = await server.client().get(path)
  const { username, password, admin = false } = fields
  const mac = createHmac('sha1', key).update([nonce, username, password, admin ? 'admin' : 'notadmin'].join('\0'))
  return { ...fields, nonce, mac: mac.digest('hex') }
}

forEachDatabase(({ dialect: database }) => {
  const secret = 'secret of the tests'

  test('whoever knows the secret makes accounts, administrators too', async () => {
    await using server = await startServer({ database, config: 'registration: { mode: closed }' })
    const root = await signed(server, { username: 'Root', password: 'x', admin: true }, secret)
    expect(await server.client().post(path, root)).toMatchObject({
      user_id: '@root:hs.test',
      access_token: expect.any(String),
    })
    await server.client().post(path, await signed(server, { username: 'alice', password: 'x' }, secret))
    const { accounts } = server.server.services
    expect((await accounts.find('@root:hs.test'))?.isAdmin).toBe(true)
    expect((await accounts.find('@alice:hs.test'))?.isAdmin).toBe(false)
    const refused = await signed(server, { username: 'us,er', password: 'x' }, secret)
    expect(await server.client().refusal('POST', path, refused)).toEqual({ status: 400, errcode: 'M_INVALID_USERNAME' })
  })

  test('T64: a request cannot be replayed, nor be late, changed or ambiguous', async () => {
    const clock = new FakeClock()
    await using server = await startServer({ database, parts: { clock } })
    const client = server.client()
    const forbidden = { status: 403, errcode: 'M_FORBIDDEN' }
    const alice = { username: 'alice', password: 'x' }
    const first = await signed(server, alice, secret)
    await client.post(path, first)
    expect(await client.refusal('POST', path, first)).toEqual(forbidden)
    expect(await client.refusal('POST', path, { ...first, username: 'bob' })).toEqual(forbidden)

    expect(await client.refusal('POST', path, await signed(server, alice, 'guess'))).toEqual(forbidden)
    const changed = { ...(await signed(server, { ...alice, username: 'bob' }, secret)), admin: true }
    expect(await client.refusal('POST', path, changed)).toEqual(forbidden)
    const short = { ...(await signed(server, { ...alice, username: 'bob' }, secret)), mac: 'ab' }
    expect(await client.refusal('POST', path, short)).toEqual(forbidden)
    const ambiguous = await signed(server, { username: 'bob', password: 'x\0y' }, secret)
    expect(await client.refusal('POST', path, ambiguous)).toEqual({ status: 400, errcode: 'M_INVALID_PARAM' })

    const late = await signed(server, { ...alice, username: 'bob' }, secret)
    await clock.advance(60_000)
    expect(await client.refusal('POST', path, late)).toEqual(forbidden)
  })

  test('T64: nobody may use it from the internet', async () => {
    await using server = await startServer({ database })
    const from = (ip: string) => server.client().request('GET', path, undefined, { 'X-Forwarded-For': ip })
    expect((await from('8.8.8.8')).status).toBe(403)
    expect((await from('192.168.1.5')).status).toBe(200)
  })
})
