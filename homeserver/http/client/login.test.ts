import { monitorEventLoopDelay } from 'node:perf_hooks'
import { expect, test } from '@jest/globals'
import { FakeClock } from '../../platform/fake-clock.ts'
import type { Client } from '../../../test/support/client.ts'
import { dumpOf, forEachDatabase, freshDatabaseUrl } from '../../../test/support/databases.ts'
import { startServer } from '../../../test/support/server.ts'

const passwordLogin = (user: string, password: string) => ({
  type: 'm.login.password',
  identifier: { type: 'm.id.user', user },
  password,
})

/** A try from an address, as a reverse proxy tells it: status and errcode. */
async function attempt(client: Client, user: string, password: string, ip: string): Promise<unknown> {
  const headers = { 'X-Forwarded-For': ip }
  const { status, body } = await client.request('POST', '/login', passwordLogin(user, password), headers)
  return status === 200 ? 200 : [status, body['errcode']]
}

const wrong = [403, 'M_FORBIDDEN']
const limited = [429, 'M_LIMIT_EXCEEDED']

forEachDatabase(({ dialect: database }) => {
  test('somebody registers, logs in on a second device, and each device logs out by itself', async () => {
    await using server = await startServer({ database })
    const alice = await server.register('alice', 'a password')
    expect(await alice.get('/account/whoami')).toEqual({
      user_id: '@alice:hs.test',
      device_id: alice.deviceId,
      is_guest: false,
    })
    const phone = await server.client().login('alice', 'a password')
    expect(phone.deviceId).not.toBe(alice.deviceId)

    await alice.post('/logout')
    const { status, body } = await alice.request('GET', '/account/whoami')
    expect([status, body['errcode'], body['soft_logout']]).toEqual([401, 'M_UNKNOWN_TOKEN', false])
    expect((await phone.get('/account/whoami'))['device_id']).toBe(phone.deviceId)
    const tablet = await server.client().login('alice', 'a password')
    await tablet.post('/logout/all')
    expect(await phone.refusal('GET', '/account/whoami')).toMatchObject({ status: 401 })
  })

  test('the user may be a localpart or a whole id in any case; another server or medium is refused', async () => {
    await using server = await startServer({ database })
    await server.register('alice', 'x')
    const client = server.client()
    for (const user of ['alice', 'ALICE', '@alice:hs.test', '@Alice:hs.test']) {
      expect((await client.post('/login', passwordLogin(user, 'x')))['user_id']).toBe('@alice:hs.test')
    }
    expect((await client.post('/login', { type: 'm.login.password', user: 'alice', password: 'x' }))['user_id']).toBe(
      '@alice:hs.test',
    )
    expect(await client.refusal('POST', '/login', passwordLogin('@alice:else.where', 'x'))).toMatchObject({
      status: 403,
    })
    const byMail = { type: 'm.login.password', identifier: { type: 'm.id.thirdparty' }, password: 'x' }
    expect(await client.refusal('POST', '/login', byMail)).toEqual({ status: 400, errcode: 'M_UNKNOWN' })
    expect(await client.refusal('POST', '/login', { type: 'm.login.nonsense' })).toMatchObject({ status: 400 })
    expect(await client.refusal('POST', '/login', { type: 'm.login.password', user: 'alice' })).toEqual({
      status: 400,
      errcode: 'M_MISSING_PARAM',
    })
  })

  test('logging in on a known device ends its earlier tokens', async () => {
    await using server = await startServer({ database })
    const before = await server.register('alice', 'x')
    const body = { ...passwordLogin('alice', 'x'), device_id: before.deviceId }
    expect((await server.client().post('/login', body))['device_id']).toBe(before.deviceId)
    expect(await before.refusal('GET', '/account/whoami')).toEqual({ status: 401, errcode: 'M_UNKNOWN_TOKEN' })
  })

  test('a password typed in another Unicode form is the same password', async () => {
    await using server = await startServer({ database })
    await server.register('alice', 'cafe\u0301 \ufb01n')
    await server.client().login('alice', 'caf\u00e9 fin')
  })

  test('a session gives another device a token to log in with, once, for two minutes', async () => {
    const clock = new FakeClock()
    await using server = await startServer({ database, parts: { clock } })
    const alice = await server.register('alice', 'x')
    const getToken = '/_matrix/client/v1/login/get_token'
    expect(await alice.refusal('POST', getToken, {})).toMatchObject({ status: 401 })
    const auth = passwordLogin('alice', 'x')
    const { login_token: token, expires_in_ms: ms } = await alice.post(getToken, { auth })
    expect(ms).toBe(120_000)
    const login = { type: 'm.login.token', token }
    expect((await server.client().post('/login', login))['user_id']).toBe('@alice:hs.test')
    expect(await server.client().refusal('POST', '/login', login)).toEqual({ status: 403, errcode: 'M_FORBIDDEN' })
    const late = await alice.post(getToken, { auth })
    await clock.advance(120_000)
    const lateLogin = { type: 'm.login.token', token: late['login_token'] }
    expect(await server.client().refusal('POST', '/login', lateLogin)).toMatchObject({ status: 403 })
  })

  test('a locked account can do nothing but log out, and is as before when unlocked', async () => {
    await using server = await startServer({ database })
    const alice = await server.register('alice', 'x')
    const phone = await server.client().login('alice', 'x')
    const { accounts } = server.server.services
    await accounts.setRights('@alice:hs.test', { isLocked: true })
    const { status, body } = await alice.request('GET', '/account/whoami')
    expect([status, body['errcode'], body['soft_logout']]).toEqual([401, 'M_USER_LOCKED', true])
    expect(await attempt(server.client(), 'alice', 'x', '127.0.0.1')).toEqual([401, 'M_USER_LOCKED'])
    await phone.post('/logout')
    await accounts.setRights('@alice:hs.test', { isLocked: false })
    await alice.get('/account/whoami')
  })

  test('T57: neither tokens nor passwords can be read from the database', async () => {
    const url = await freshDatabaseUrl(database)
    await using server = await startServer({ config: `database: { url: '${url}' }` })
    const body = { username: 'alice', password: 'secret word', refresh_token: true, auth: { type: 'm.login.dummy' } }
    const session = await server.client().post('/register', body)
    const alice = await server.client().login('alice', 'secret word')
    const auth = passwordLogin('alice', 'secret word')
    const { login_token: loginToken } = await alice.post('/_matrix/client/v1/login/get_token', { auth })
    const secrets: string[] = [
      session['access_token'],
      session['refresh_token'],
      alice.token,
      loginToken,
      'secret word',
    ]

    const dump = await dumpOf(url)
    expect(dump).toContain('@alice:hs.test')
    expect(dump).not.toContain('secret word')
    for (const secret of secrets) {
      expect(dump).not.toContain(secret)
      expect(dump).not.toContain(secret.slice(5, 40))
    }
  })

  test('T60: 64 logins at once are bounded in number and memory, and do not hold up the process', async () => {
    await using server = await startServer({ database, config: 'auth: { password_hash: default }' })
    await server.register('alice', 'x')
    const delay = monitorEventLoopDelay({ resolution: 10 })
    const before = process.memoryUsage.rss()
    delay.enable()
    let peak = before
    const answers = await Promise.all(
      Array.from({ length: 64 }, async (_, index) => {
        const answer = await attempt(server.client(), `nobody${index}`, 'x', '127.0.0.1')
        peak = Math.max(peak, process.memoryUsage.rss())
        return answer
      }),
    )
    delay.disable()
    expect(answers.filter((answer) => String(answer) === String(wrong)).length).toBeGreaterThanOrEqual(33)
    expect(answers.every((answer) => [wrong, limited].some((known) => String(known) === String(answer)))).toBe(true)
    expect(peak - before).toBeLessThan(60 * 2 ** 20)
    expect(delay.percentile(99)).toBeLessThan(250e6)
    await server.client().login('alice', 'x')
  })

  test('T61: five wrong passwords lock an account for their network, for 15 minutes, over a restart', async () => {
    const clock = new FakeClock()
    const config = `database: { url: '${await freshDatabaseUrl(database)}' }`
    await using server = await startServer({ config, parts: { clock } })
    const alice = await server.register('alice', 'x')
    const client = server.client()
    for (let failures = 1; failures <= 5; failures++) {
      expect(await attempt(client, 'alice', 'wrong', '198.51.100.7')).toEqual(wrong)
      await clock.advance(1000)
    }
    expect(await attempt(client, 'alice', 'x', '198.51.100.7')).toEqual(limited)
    const headers = { 'X-Forwarded-For': '198.51.100.7' }
    const refused = await client.request('POST', '/login', passwordLogin('alice', 'x'), headers)
    expect(refused.headers.get('retry-after')).toBe('899')
    expect(refused.body['retry_after_ms']).toBe(899_000)
    // Interactive authentication is no way around it, and others are not concerned.
    const auth = passwordLogin('alice', 'x')
    expect((await alice.request('POST', '/account/deactivate', { auth }, headers)).status).toBe(429)
    expect(await attempt(client, 'alice', 'x', '198.51.100.8')).toBe(200)
    await alice.get('/account/whoami')

    await using restarted = await startServer({ config, parts: { clock } })
    expect(await attempt(restarted.client(), 'alice', 'x', '198.51.100.7')).toEqual(limited)
    await clock.advance(15 * 60_000)
    expect(await attempt(restarted.client(), 'alice', 'x', '198.51.100.7')).toBe(200)
    expect(await attempt(restarted.client(), 'alice', 'wrong', '198.51.100.7')).toEqual(wrong)
  })

  test('T61: a /64 of IPv6 is one network, and 50 failures from many lock the account for all', async () => {
    await using server = await startServer({ database, parts: { clock: new FakeClock() } })
    const alice = await server.register('alice', 'x')
    const client = server.client()
    for (let host = 1; host <= 5; host++) {
      expect(await attempt(client, 'alice', 'wrong', `2001:db8::${host}`)).toEqual(wrong)
    }
    expect(await attempt(client, 'alice', 'x', '2001:db8::1234:6')).toEqual(limited)
    expect(await attempt(client, 'alice', 'x', '2001:db8:0:1::6')).toBe(200)
    for (let host = 1; host <= 45; host++) await attempt(client, 'alice', 'wrong', `198.51.100.${host}`)
    expect(await attempt(client, 'alice', 'x', '203.0.113.1')).toEqual(limited)
    await alice.get('/account/whoami')
  })

  test('T62: an unknown user and a wrong password give the same answer in the same time', async () => {
    await using server = await startServer({ database, config: 'auth: { lockout_failures: 1000 }' })
    await server.register('alice', 'x')
    const client = server.client()
    const timed = async (user: string): Promise<{ ms: number; answer: unknown }> => {
      const started = performance.now()
      const { status, body } = await client.request('POST', '/login', passwordLogin(user, 'wrong'))
      return { ms: performance.now() - started, answer: { status, body } }
    }
    await Promise.all([timed('alice'), timed('nobody')])
    const differences: number[] = []
    for (let n = 0; n < 101; n++) {
      // In turns, so that whatever else the machine does concerns both.
      const [known, unknown] = [await timed('alice'), await timed('nobody')]
      expect(known.answer).toEqual(unknown.answer)
      differences.push(known.ms - unknown.ms)
    }
    // The middle one: a few that the machine held up say nothing of ours.
    const median = differences.toSorted((one, other) => one - other)[50] ?? Infinity
    expect(Math.abs(median)).toBeLessThan(5)
  }, 30_000)
})
