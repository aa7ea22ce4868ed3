import { expect, test } from '@jest/globals'
import { FakeClock } from '../../platform/fake-clock.ts'
import type { Client } from '../../../test/support/client.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { startServer } from '../../../test/support/server.ts'

const body = { username: 'alice', password: 'x', auth: { type: 'm.login.dummy' }, refresh_token: true }

const refresh = (client: Client, token: string) => client.request('POST', '/refresh', { refresh_token: token })

/** The status of whoami with an access token, and whether the session may go on after logging in again. */
async function whoami(client: Client, token: string): Promise<unknown[]> {
  const answer = await client.request('GET', '/account/whoami', undefined, { Authorization: `Bearer ${token}` })
  return answer.status === 200 ? [200] : [answer.status, answer.body['soft_logout']]
}

forEachDatabase(({ dialect: database }) => {
  test('T58: a refresh token may come again while its answer was not used, and is stolen after', async () => {
    const clock = new FakeClock()
    await using server = await startServer({ database, parts: { clock } })
    const client = server.client()
    const first = await client.post('/register', body)
    expect(first['expires_in_ms']).toBe(3_600_000)

    // 1. An access token ends by itself, softly.
    await clock.advance(3_600_001)
    expect(await whoami(client, first['access_token'])).toEqual([401, true])

    // 2. The refresh token gives new ones.
    const second = (await refresh(client, first['refresh_token'])).body
    expect(second['refresh_token']).not.toBe(first['refresh_token'])

    // 3. The answer got lost: the same token gives others in the same session, and those of the lost answer end.
    await clock.advance(10_000)
    const third = (await refresh(client, first['refresh_token'])).body
    expect(await whoami(client, second['access_token'])).toEqual([401, false])

    // 4. Another tab that refreshes at the same time is refused, and nothing else happens.
    expect(await whoami(client, third['access_token'])).toEqual([200])
    expect((await refresh(client, first['refresh_token'])).status).toBe(401)
    expect(await whoami(client, third['access_token'])).toEqual([200])

    // 5. Later it is stolen: all tokens of the device end, softly, for whoever owns it is not to lose keys.
    await clock.advance(15_000)
    expect((await refresh(client, first['refresh_token'])).body).toMatchObject({
      errcode: 'M_UNKNOWN_TOKEN',
      soft_logout: true,
    })
    expect(await whoami(client, third['access_token'])).toEqual([401, true])
    expect((await refresh(client, third['refresh_token'])).body).toMatchObject({ soft_logout: true })

    // 6. Logging in again on the same device begins anew.
    const login = { type: 'm.login.password', user: 'alice', password: 'x', device_id: first['device_id'] }
    const again = await client.post('/login', { ...login, refresh_token: true })
    expect(await whoami(client, again['access_token'])).toEqual([200])
    expect((await refresh(client, third['refresh_token'])).body).toMatchObject({ soft_logout: false })
  })

  test('T58: the token of a lost answer counts as stolen once another answer to the same token was used', async () => {
    const clock = new FakeClock()
    await using server = await startServer({ database, parts: { clock } })
    const client = server.client()
    const first = await client.post('/register', body)
    const lost = (await refresh(client, first['refresh_token'])).body
    const used = (await refresh(client, first['refresh_token'])).body
    expect(await whoami(client, used['access_token'])).toEqual([200])
    client.token = used['access_token']
    const since = (await client.sync({ set_presence: 'offline' }))['next_batch'] as string
    const poll = client.request('GET', `/sync?set_presence=offline&timeout=60000&since=${since}`)
    await client.get('/account/whoami')
    await clock.advance(15_001)
    expect((await refresh(client, lost['refresh_token'])).status).toBe(401)
    expect(await poll).toMatchObject({ status: 401, body: { soft_logout: true } })
    expect(await whoami(client, used['access_token'])).toEqual([401, true])
  })

  test('a session ends after its lifetime, however often it was refreshed', async () => {
    const clock = new FakeClock()
    const config = 'auth: { password_hash: fast, session_lifetime: 90m }'
    await using server = await startServer({ database, config, parts: { clock } })
    const client = server.client()
    const first = await client.post('/register', body)
    await clock.advance(60 * 60_000)
    const second = (await refresh(client, first['refresh_token'])).body
    expect(second['expires_in_ms']).toBe(30 * 60_000)
    await clock.advance(30 * 60_000)
    expect((await refresh(client, second['refresh_token'])).body).toMatchObject({ soft_logout: true })
  })

  test('without refresh_token an access token does not end', async () => {
    await using server = await startServer({ database })
    const answer = await server.client().post('/register', { ...body, refresh_token: false })
    expect(Object.keys(answer)).not.toContain('expires_in_ms')
    expect(Object.keys(answer)).not.toContain('refresh_token')
  })
})
