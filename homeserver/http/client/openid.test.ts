import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { startServer } from '../../../test/support/server.ts'
import { FakeClock } from '../../platform/fake-clock.ts'

const userInfo = '/_matrix/federation/v1/openid/userinfo'

forEachDatabase(({ dialect }) => {
  test('an OpenID token tells who its user is, for an hour', async () => {
    const clock = new FakeClock()
    await using server = await startServer({ database: dialect, parts: { clock } })
    const alice = await server.register('alice')
    const path = `/user/${alice.userId}/openid/request_token`
    const { access_token: token, ...rest } = await alice.post(path)
    expect(rest).toEqual({ token_type: 'Bearer', matrix_server_name: 'hs.test', expires_in: 3600 })
    const anybody = server.client()
    expect(await anybody.get(`${userInfo}?access_token=${token}`)).toEqual({ sub: alice.userId })
    await clock.advance(3_600_000)
    const unknown = { status: 401, errcode: 'M_UNKNOWN_TOKEN' }
    expect(await anybody.refusal('GET', `${userInfo}?access_token=${token}`)).toEqual(unknown)
  })

  test('an OpenID token opens nothing else, and only its own user gets one', async () => {
    await using server = await startServer({ database: dialect })
    const [alice, bob] = await Promise.all([server.register('alice'), server.register('bob')])
    const path = `/user/${alice.userId}/openid/request_token`
    expect(await bob.refusal('POST', path, {})).toEqual({ status: 403, errcode: 'M_FORBIDDEN' })
    const unknown = { status: 401, errcode: 'M_UNKNOWN_TOKEN' }
    expect(await bob.refusal('GET', `${userInfo}?access_token=${alice.token}`)).toEqual(unknown)
    expect(await bob.refusal('GET', userInfo)).toEqual({ status: 401, errcode: 'M_MISSING_TOKEN' })
    alice.token = String((await alice.post(path))['access_token'])
    expect(await alice.refusal('POST', path, {})).toEqual(unknown)
  })
})
