import { describe, expect, test } from '@jest/globals'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { startServer } from '../../../test/support/server.ts'

const dummy = { auth: { type: 'm.login.dummy' } }
const invite = 'registration: { mode: invite }'

forEachDatabase(({ dialect: database }) => {
  test('an empty body is answered with the flows and a session', async () => {
    await using server = await startServer({ database })
    const { status, body } = await server.client().request('POST', '/register', {})
    expect({ status, body }).toMatchObject({
      status: 401,
      body: { flows: [{ stages: ['m.login.dummy'] }], params: {}, session: expect.any(String) },
    })
  })

  test('a session of flows can be finished with a name that was not in the first request', async () => {
    await using server = await startServer({ database })
    const client = server.client()
    const { session } = (await client.request('POST', '/register', {})).body
    const body = { username: 'Alice', password: 'übers3kr1t', auth: { type: 'm.login.dummy', session } }
    expect(await client.post('/register', { ...body, device_id: 'DEVICE' })).toMatchObject({
      user_id: '@alice:hs.test',
      device_id: 'DEVICE',
      access_token: expect.any(String),
    })
  })

  test('a user name is refused that is taken or out of the grammar, before any stage', async () => {
    await using server = await startServer({ database })
    await server.register('alice')
    const client = server.client()
    expect(await client.refusal('POST', '/register', { username: 'ALICE', password: 'x' })).toEqual({
      status: 400,
      errcode: 'M_USER_IN_USE',
    })
    for (const character of ['!', ':', '\\', '@', 'é', '\n', "'"]) {
      const username = `user${character}name`
      expect(await client.refusal('POST', '/register', { username, password: 'x', ...dummy })).toEqual({
        status: 400,
        errcode: 'M_INVALID_USERNAME',
      })
    }
    expect(await client.get('/register/available?username=bob')).toEqual({ available: true })
    expect(await client.refusal('GET', '/register/available?username=alice')).toMatchObject({
      errcode: 'M_USER_IN_USE',
    })
  })

  test('inhibit_login makes an account without a session', async () => {
    await using server = await startServer({ database })
    const body = { username: 'alice', password: 'x', inhibit_login: true, ...dummy }
    expect(await server.client().post('/register', body)).toEqual({ user_id: '@alice:hs.test' })
    await server.client().login('alice', 'x')
  })

  test('nobody registers when registration is closed, and there are no guests', async () => {
    await using server = await startServer({ database, config: 'registration: { mode: closed }' })
    const client = server.client()
    expect(await client.refusal('POST', '/register', dummy)).toEqual({ status: 403, errcode: 'M_FORBIDDEN' })
    expect(await client.refusal('POST', '/register?kind=guest', {})).toEqual({
      status: 403,
      errcode: 'M_GUEST_ACCESS_FORBIDDEN',
    })
  })

  describe('with invitations', () => {
    test('a registration token lets in, and says before whether it would', async () => {
      await using server = await startServer({ database, config: invite })
      const { registrationTokens } = server.server.services
      await registrationTokens.create({ token: 'welcome', usesAllowed: 1 })
      const client = server.client()
      const validity = '/_matrix/client/v1/register/m.login.registration_token/validity?token='
      expect(await client.get(`${validity}welcome`)).toEqual({ valid: true })
      const wrong = { type: 'm.login.registration_token', token: 'wrong' }
      expect(
        (await client.request('POST', '/register', { username: 'a', password: 'x', auth: wrong })).body,
      ).toMatchObject({
        errcode: 'M_UNAUTHORIZED',
        flows: [{ stages: ['m.login.registration_token'] }],
        session: expect.any(String),
      })
      const auth = { type: 'm.login.registration_token', token: 'welcome' }
      await client.post('/register', { username: 'alice', password: 'x', auth })
      expect(await client.get(`${validity}welcome`)).toEqual({ valid: false })
      expect(await client.get(`${validity}wrong`)).toEqual({ valid: false })
    })

    test('a token passed on the page for clients that do not know the stage counts', async () => {
      await using server = await startServer({ database, config: invite })
      await server.server.services.registrationTokens.create({ token: 'welcome' })
      const client = server.client()
      const { session } = (await client.request('POST', '/register', {})).body
      const path = `/auth/m.login.registration_token/fallback/web?session=${session}`
      const form = { 'Content-Type': 'application/x-www-form-urlencoded' }
      const page = await client.request('GET', path)
      expect(page.headers.get('content-type')).toBe('text/html; charset=utf-8')
      expect((await client.request('POST', path, 'token=wrong', form)).body['text']).not.toContain('onAuthDone')
      expect((await client.request('POST', path, 'token=welcome', form)).body['text']).toContain('onAuthDone')
      await client.post('/register', { username: 'alice', password: 'x', auth: { session } })
    })

    test('T63: 50 registrations at once with a token for one use make one account', async () => {
      await using server = await startServer({ database, config: invite })
      await server.server.services.registrationTokens.create({ token: 'once', usesAllowed: 1 })
      const auth = { type: 'm.login.registration_token', token: 'once' }
      const answers = await Promise.all(
        Array.from({ length: 50 }, async (_, index) => {
          const body = { username: `user${index}`, password: 'x', auth }
          return (await server.client().request('POST', '/register', body)).status
        }),
      )
      expect(answers.filter((status) => status === 200)).toHaveLength(1)
      expect(answers.filter((status) => status >= 500)).toEqual([])
      const [token] = await server.server.services.registrationTokens.list()
      expect(token?.completed).toBe(1)
    })
  })
})
