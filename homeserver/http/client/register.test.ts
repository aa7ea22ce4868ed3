import { describe, expect, test } from '@jest/globals'
import { dumpOf, forEachDatabase, freshDatabaseUrl } from '../../../test/support/databases.ts'
import { startServer } from '../../../test/support/server.ts'

const dummy = { auth: { type: 'm.login.dummy' } }
const invite = 'registration: { mode: invite }'
const terms = `
registration:
  terms:
    - id: privacy
      version: '1.2'
      en: { name: 'Privacy & "more"', url: 'https://hs.test/privacy?a=1&b=2' }
      de: { name: Datenschutz, url: 'https://hs.test/datenschutz' }
    - { id: rules, version: '3', en: { name: Rules, url: 'https://hs.test/rules' } }
`

forEachDatabase(({ dialect: database }) => {
  test('an empty body is answered with the flows and a session', async () => {
    await using server = await startServer({ database })
    const { status, body } = await server.client().request('POST', '/register', {})
    expect({ status, body }).toEqual({
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

  test('inhibit_login makes an account without a session, also for apps whose empty session is null', async () => {
    await using server = await startServer({ database })
    const body = { username: 'alice', password: 'x', inhibit_login: true, auth: { ...dummy.auth, session: null } }
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

  describe('with documents to accept', () => {
    test('they are shown in all their languages, and the accepted versions are kept', async () => {
      const url = await freshDatabaseUrl(database)
      await using server = await startServer({ config: [`database: { url: '${url}' }`, terms] })
      const client = server.client()
      const { status, body } = await client.request('POST', '/register', {})
      expect({ status, body }).toEqual({
        status: 401,
        body: {
          session: expect.any(String),
          flows: [{ stages: ['m.login.terms'] }],
          params: {
            'm.login.terms': {
              policies: {
                privacy: {
                  version: '1.2',
                  en: { name: 'Privacy & "more"', url: 'https://hs.test/privacy?a=1&b=2' },
                  de: { name: 'Datenschutz', url: 'https://hs.test/datenschutz' },
                },
                rules: { version: '3', en: { name: 'Rules', url: 'https://hs.test/rules' } },
              },
            },
          },
        },
      })
      const alice = { username: 'alice', password: 'x' }
      expect(await client.refusal('POST', '/register', { ...alice, ...dummy })).toMatchObject({ status: 401 })
      await client.post('/register', { ...alice, auth: { type: 'm.login.terms', session: body['session'] } })

      const kept = JSON.stringify({ privacy: '1.2', rules: '3' })
      expect(await dumpOf(url)).toContain(`"accepted_terms":${JSON.stringify(kept)}`)
    })

    test('clients that do not know the stage open a page with links', async () => {
      await using server = await startServer({ database, config: terms })
      const client = server.client()
      const { session } = (await client.request('POST', '/register', {})).body
      const path = `/auth/m.login.terms/fallback/web?session=${session}`
      const { text } = (await client.request('GET', path)).body
      expect(text).toContain('href="https://hs.test/privacy?a=1&#38;b=2" target="_blank" rel="noopener" lang="en"')
      expect(text).toContain('>Privacy &#38; &#34;more&#34;</a> · <a href="https://hs.test/datenschutz"')
      const form = { 'Content-Type': 'application/x-www-form-urlencoded' }
      expect((await client.request('POST', path, '', form)).body['text']).toContain('onAuthDone')
      await client.post('/register', { username: 'alice', password: 'x', auth: { session } })
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

    test('of one code and one set of documents both are asked', async () => {
      await using server = await startServer({ database, config: [invite, terms] })
      await server.server.services.registrationTokens.create({ token: 'welcome' })
      const client = server.client()
      const auth = { type: 'm.login.registration_token', token: 'welcome' }
      const first = await client.request('POST', '/register', { username: 'alice', password: 'x', auth })
      expect(first).toMatchObject({
        status: 401,
        body: { flows: [{ stages: ['m.login.registration_token', 'm.login.terms'] }] },
      })
      const { session } = first.body
      await client.post('/register', { username: 'alice', password: 'x', auth: { type: 'm.login.terms', session } })
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
