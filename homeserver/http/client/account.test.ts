import { expect, test } from '@jest/globals'
import type { UserId } from '../../core/ids.ts'
import { FakeClock } from '../../platform/fake-clock.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { startServer } from '../../../test/support/server.ts'

const passwordOf = (user: string, password: string) => ({
  type: 'm.login.password',
  identifier: { type: 'm.id.user', user },
  password,
})

forEachDatabase(({ dialect: database }) => {
  test('a new password ends the other sessions, unless they are to be kept', async () => {
    await using server = await startServer({ database })
    const alice = await server.register('alice', 'old')
    const phone = await server.client().login('alice', 'old')
    const auth = passwordOf(alice.userId, 'old')
    await alice.post('/account/password', { auth, new_password: 'new' })
    await alice.get('/account/whoami')
    expect(await phone.refusal('GET', '/account/whoami')).toEqual({ status: 401, errcode: 'M_UNKNOWN_TOKEN' })
    expect(await server.client().refusal('POST', '/login', passwordOf('alice', 'old'))).toMatchObject({ status: 403 })

    const tablet = await server.client().login('alice', 'new')
    const again = { auth: passwordOf(alice.userId, 'new'), new_password: 'newer', logout_devices: false }
    await alice.post('/account/password', again)
    await tablet.get('/account/whoami')
    expect(await alice.refusal('POST', '/account/password', { ...again, new_password: '' })).toMatchObject({
      status: 401,
    })
  })

  test('a wrong password in a stage is told, with the flows to try again', async () => {
    await using server = await startServer({ database })
    const alice = await server.register('alice', 'x')
    const body = { new_password: 'new', auth: passwordOf('alice', 'wrong') }
    const { status, body: answer } = await alice.request('POST', '/account/password', body)
    expect({ status, answer }).toMatchObject({
      status: 401,
      answer: { errcode: 'M_FORBIDDEN', flows: [{ stages: ['m.login.password'] }], session: expect.any(String) },
    })
    const auth = { ...passwordOf('alice', 'x'), session: answer['session'] }
    await alice.post('/account/password', { new_password: 'new', auth })
  })

  test('the password of somebody else does not pass, nor does a stage of no flow', async () => {
    await using server = await startServer({ database })
    const alice = await server.register('alice', 'x')
    await server.register('bob', 'y')
    const withBob = { new_password: 'new', auth: passwordOf('bob', 'y') }
    expect(await alice.refusal('POST', '/account/password', withBob)).toEqual({ status: 403, errcode: 'M_FORBIDDEN' })
    const withDummy = { new_password: 'new', auth: { type: 'm.login.dummy' } }
    expect(await alice.refusal('POST', '/account/password', withDummy)).toMatchObject({ status: 401 })
  })

  test('T59: a session of interactive authentication is good for one request of one device, once, for 15 minutes', async () => {
    const clock = new FakeClock()
    await using server = await startServer({ database, parts: { clock } })
    const alice = await server.register('alice', 'x')
    const phone = await server.client().login('alice', 'x')
    const tablet = await server.client().login('alice', 'x')
    const begin = async (path: string, body: object): Promise<string> => {
      const answer = await alice.request(path.startsWith('/devices') ? 'DELETE' : 'POST', path, body)
      expect(answer.status).toBe(401)
      return answer.body['session'] as string
    }
    const auth = (session: string) => ({ auth: { ...passwordOf('alice', 'x'), session } })

    // Another path, another body, another device, another method.
    const ofPhone = await begin(`/devices/${phone.deviceId}`, {})
    expect((await alice.request('DELETE', `/devices/${tablet.deviceId}`, auth(ofPhone))).status).toBe(403)
    const ofPhones = await begin('/delete_devices', { devices: [phone.deviceId] })
    const swapped = { devices: [tablet.deviceId], ...auth(ofPhones) }
    expect((await alice.request('POST', '/delete_devices', swapped)).status).toBe(403)
    expect((await tablet.request('DELETE', `/devices/${phone.deviceId}`, auth(ofPhone))).status).toBe(403)
    await phone.get('/account/whoami')
    await tablet.get('/account/whoami')

    // Once.
    await alice.ok('DELETE', `/devices/${phone.deviceId}`, auth(ofPhone))
    const second = await alice.request('DELETE', `/devices/${phone.deviceId}`, { auth: { session: ofPhone } })
    expect(second.status).toBe(401)
    const both = await begin(`/devices/${tablet.deviceId}`, {})
    const answers = await Promise.all(
      [1, 2].map(() => alice.request('DELETE', `/devices/${tablet.deviceId}`, auth(both))),
    )
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)

    // 15 minutes.
    const late = await begin('/account/deactivate', {})
    await clock.advance(15 * 60_000)
    const { status, body } = await alice.request('POST', '/account/deactivate', { auth: { session: late } })
    expect(status).toBe(401)
    expect(body['session']).not.toBe(late)
  })

  test('a deactivated account is shut, and its name stays taken', async () => {
    await using server = await startServer({ database })
    const alice = await server.register('alice', 'x')
    const auth = passwordOf('alice', 'x')
    expect(await alice.post('/account/deactivate', { auth })).toEqual({ id_server_unbind_result: 'success' })
    expect(await alice.refusal('GET', '/account/whoami')).toEqual({ status: 401, errcode: 'M_UNKNOWN_TOKEN' })
    const client = server.client()
    expect(await client.refusal('POST', '/login', passwordOf('alice', 'x'))).toEqual({
      status: 403,
      errcode: 'M_USER_DEACTIVATED',
    })
    expect(await client.refusal('GET', '/register/available?username=alice')).toMatchObject({
      errcode: 'M_USER_IN_USE',
    })
    expect(await client.get(`/profile/${alice.userId}`)).toEqual({ displayname: 'alice' })
  })

  test('an erased account has no profile', async () => {
    await using server = await startServer({ database })
    const alice = await server.register('alice', 'x')
    await alice.post('/account/deactivate', { auth: passwordOf('alice', 'x'), erase: true })
    expect(await server.client().refusal('GET', `/profile/${alice.userId}`)).toMatchObject({ status: 404 })
  })

  test('T74: what a session has running ends with the session, and only that', async () => {
    await using server = await startServer({ database })
    const alice = await server.register('alice', 'x')
    const phone = await server.client().login('alice', 'x')
    const { sessionWatch } = server.server.services
    const begin = (deviceId: string) =>
      sessionWatch.begin(
        {
          userId: alice.userId as UserId, // as the server gave it
          deviceId,
          sessionId: deviceId,
          isGuest: false,
          isAdmin: false,
          isSuspended: false,
          appserviceId: undefined,
        },
        new AbortController().signal,
      )
    using ofPhone = begin(phone.deviceId)
    using ofAlice = begin(alice.deviceId)
    await phone.post('/logout')
    expect([ofPhone.signal.aborted, ofAlice.signal.aborted]).toEqual([true, false])
    expect(ofPhone.signal.reason).toMatchObject({ errcode: 'M_UNKNOWN_TOKEN' })
    await alice.post('/account/deactivate', { auth: passwordOf('alice', 'x') })
    expect(ofAlice.signal.aborted).toBe(true)
  })

  test('T74: a long poll ends with its session', async () => {
    await using server = await startServer({ database })
    const alice = await server.register('alice', 'x')
    const phone = await server.client().login('alice', 'x')
    const since = (await phone.sync())['next_batch'] as string
    const poll = phone.refusal('GET', `/sync?timeout=60000&since=${since}`)
    await phone.get('/account/whoami')
    await alice.ok('DELETE', `/devices/${phone.deviceId}`, { auth: passwordOf('alice', 'x') })
    expect(await poll).toEqual({ status: 401, errcode: 'M_UNKNOWN_TOKEN' })
  })

  test('capabilities and the well-known file tell what the server can do and where it is', async () => {
    await using server = await startServer({ database, config: 'public_url: https://chat.example.org/' })
    const alice = await server.register('alice')
    const { capabilities } = await alice.get('/capabilities')
    expect(capabilities['m.room_versions']['default']).toBe('12')
    expect(Object.keys(capabilities['m.room_versions']['available'])).toHaveLength(14)
    expect(capabilities['m.change_password']).toEqual({ enabled: true })
    expect(await server.client().refusal('GET', '/capabilities')).toEqual({ status: 401, errcode: 'M_MISSING_TOKEN' })
    expect(await server.client().get('/.well-known/matrix/client')).toEqual({
      'm.homeserver': { base_url: 'https://chat.example.org' },
      'io.element.e2ee': { default: true },
      'org.matrix.msc2965.authentication': {
        account: 'https://chat.example.org/account',
        issuer: 'https://chat.example.org/',
      },
    })
    expect(await alice.get('/account/3pid')).toEqual({ threepids: [] })
  })
})
