import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../support/databases.ts'
import { FakeSfu } from '../support/fake-sfu.ts'
import { askToken } from '../support/livekit.ts'
import { startServer } from '../support/server.ts'

forEachDatabase(({ dialect }) => {
  test('T90: what proves to services who somebody is opens no account, and what opens the account proves nothing', async () => {
    await using sfu = await FakeSfu.start()
    await using server = await startServer({ database: dialect, config: sfu.config })
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    const room = await alice.createRoom()
    const openId = await alice.post(`/user/${alice.userId}/openid/request_token`)
    const { jwt } = await askToken(server, alice, room)

    const stranger = server.client()
    const unknown = { status: 401, errcode: 'M_UNKNOWN_TOKEN' }
    for (const token of [openId['access_token'] as string, jwt]) {
      stranger.token = token
      expect(await stranger.refusal('GET', '/account/whoami')).toEqual(unknown)
      expect(await stranger.refusal('GET', '/sync')).toEqual(unknown)
      expect(await stranger.refusal('POST', `/user/${alice.userId}/openid/request_token`, {})).toEqual(unknown)
    }
    stranger.token = ''
    const userInfo = (token: string) =>
      stranger.refusal('GET', `/_matrix/federation/v1/openid/userinfo?access_token=${encodeURIComponent(token)}`)
    for (const token of [alice.token, jwt, '']) expect(await userInfo(token)).toMatchObject({ status: 401 })

    const join = async (token: object): Promise<number> => {
      const body = { room, openid_token: { ...openId, ...token }, device_id: alice.deviceId }
      const url = `${server.url}/livekit/jwt/sfu/get`
      return (await fetch(url, { method: 'POST', body: JSON.stringify(body) })).status
    }
    expect(await join({})).toBe(200)
    expect(await join({ access_token: alice.token })).toBe(401)
    for (const name of ['HS.TEST', 'hs.test.', 'hs.test:443', 'other.test']) {
      expect(await join({ matrix_server_name: name })).toBe(401)
    }
    // nobody else's, and of no account that has ended
    expect(await bob.refusal('POST', `/user/${alice.userId}/openid/request_token`, {})).toMatchObject({ status: 403 })
    const auth = { type: 'm.login.password', identifier: { type: 'm.id.user', user: alice.userId } }
    await alice.post('/account/deactivate', { auth: { ...auth, password: 'password of alice' } })
    await server.server.settle()
    expect(await join({})).toBe(401)
  })
})
