import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { startServer, type TestServer } from '../../../test/support/server.ts'
import type { Client } from '../../../test/support/client.ts'

const v1 = '/_matrix/client/v1'
const forbidden = { status: 403, errcode: 'M_FORBIDDEN' }

async function people(server: TestServer): Promise<{ root: Client; alice: Client }> {
  const [root, alice] = [await server.register('root'), await server.register('alice')]
  await server.server.services.accounts.setRights('@root:hs.test', { isAdmin: true })
  return { root, alice }
}

forEachDatabase(({ dialect: database }) => {
  test('an administrator locks and unlocks an account, whose sessions last and whose long polls learn why they end', async () => {
    await using server = await startServer({ database })
    const { root, alice } = await people(server)
    const path = `${v1}/admin/lock/${alice.userId}`
    expect(await root.get(path)).toEqual({ locked: false })
    const since = (await alice.sync())['next_batch'] as string
    const poll = alice.request('GET', `/sync?timeout=60000&since=${since}`)
    await alice.get('/account/whoami')
    expect(await root.put(path, { locked: true })).toEqual({ locked: true })
    const locked = { status: 401, body: { errcode: 'M_USER_LOCKED', soft_logout: true } }
    expect(await poll).toMatchObject(locked)
    expect(await alice.request('GET', '/sync')).toMatchObject(locked)
    expect(await root.get(path)).toEqual({ locked: true })
    await root.put(`/_matrix/client/unstable/uk.timedout.msc4323/admin/lock/${alice.userId}`, { locked: false })
    await alice.get('/account/whoami')
  })

  test('a suspended account reads and keeps its keys, and writes nothing', async () => {
    await using server = await startServer({ database })
    const { root, alice } = await people(server)
    const roomId = await alice.createRoom()
    const path = `${v1}/admin/suspend/${alice.userId}`
    expect(await root.put(path, { suspended: true })).toEqual({ suspended: true })
    expect(await root.get(path)).toEqual({ suspended: true })
    const suspended = { status: 403, errcode: 'M_USER_SUSPENDED' }
    expect(await alice.refusal('PUT', `/rooms/${roomId}/send/m.room.message/1`, { body: 'hello' })).toEqual(suspended)
    expect(await alice.refusal('PUT', `/profile/${alice.userId}/displayname`, { displayname: 'Al' })).toEqual(suspended)
    expect(await alice.refusal('POST', '/createRoom', {})).toEqual(suspended)
    await alice.sync()
    await alice.post('/keys/query', { device_keys: {} })
    await alice.post('/keys/upload', {})
    await alice.post('/keys/signatures/upload', {})
    await alice.put('/sendToDevice/m.key.verification.request/1', { messages: {} })
    await alice.post('/room_keys/version', { algorithm: 'm.megolm_backup.v1', auth_data: {} })
    await (await server.client().login('alice', 'password of alice')).get('/account/whoami')
    await alice.post(`/rooms/${roomId}/leave`)
    await root.put(path, { suspended: false })
    await alice.createRoom()
  })

  test('only administrators may, not towards one another nor themselves, and only users of this server', async () => {
    await using server = await startServer({ database })
    const { root, alice } = await people(server)
    const bob = await server.register('bob')
    await server.server.services.accounts.setRights('@bob:hs.test', { isAdmin: true })
    const refusalOf = (client: Client, userId: string): Promise<unknown> =>
      client.refusal('PUT', `${v1}/admin/lock/${userId}`, { locked: true })
    expect(await refusalOf(alice, '@nobody:hs.test')).toEqual(forbidden)
    expect(await refusalOf(alice, bob.userId)).toEqual(forbidden)
    expect(await refusalOf(root, bob.userId)).toEqual(forbidden)
    expect(await refusalOf(root, root.userId)).toEqual(forbidden)
    expect(await refusalOf(root, '@nobody:hs.test')).toEqual({ status: 404, errcode: 'M_NOT_FOUND' })
    expect(await refusalOf(root, '@alice:else.where')).toEqual({ status: 400, errcode: 'M_INVALID_PARAM' })
    expect(await refusalOf(root, 'alice')).toEqual({ status: 400, errcode: 'M_INVALID_PARAM' })
    expect(await root.refusal('GET', `${v1}/admin/suspend/${bob.userId}`)).toEqual(forbidden)

    const capability = async (client: Client): Promise<unknown> =>
      (await client.get('/capabilities'))['capabilities']['m.account_moderation']
    expect(await capability(root)).toEqual({ lock: true, suspend: true })
    expect(await capability(alice)).toBeUndefined()
  })

  test('whois tells administrators, and everybody of themselves, from where devices were used', async () => {
    await using server = await startServer({ database })
    const { root, alice } = await people(server)
    const expected = {
      user_id: alice.userId,
      devices: {
        [alice.deviceId]: {
          sessions: [
            { connections: [{ ip: '127.0.0.1', last_seen: expect.any(Number), user_agent: expect.any(String) }] },
          ],
        },
      },
    }
    expect(await root.get(`/_synapse/admin/v1/whois/${alice.userId}`)).toEqual(expected)
    expect(await alice.get(`/admin/whois/${alice.userId}`)).toEqual(expected)
    expect(await alice.refusal('GET', `/admin/whois/${root.userId}`)).toEqual(forbidden)
  })
})
