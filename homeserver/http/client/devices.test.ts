import { expect, test } from '@jest/globals'
import type { Client } from '../../../test/support/client.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { startServer, type TestServer } from '../../../test/support/server.ts'

const password = 'password of alice'

function passwordOf(user: string, session: unknown): object {
  return { type: 'm.login.password', identifier: { type: 'm.id.user', user }, password: `password of ${user}`, session }
}

/** Alice on two devices, the second called `SECOND`. */
async function twoDevices(server: TestServer): Promise<{ first: Client; second: Client }> {
  const first = await server.register('alice')
  const second = server.client()
  const body = await second.post('/login', {
    type: 'm.login.password',
    identifier: { type: 'm.id.user', user: 'alice' },
    password,
    device_id: 'SECOND',
    initial_device_display_name: 'The second',
  })
  second.userId = first.userId
  second.deviceId = 'SECOND'
  second.token = body['access_token'] as string
  return { first, second }
}

forEachDatabase(({ dialect: database }) => {
  test('a user sees and names his devices', async () => {
    await using server = await startServer({ database })
    const { first } = await twoDevices(server)
    const bob = await server.register('bob')
    const { devices } = (await first.get('/devices')) as { devices: Record<string, unknown>[] }
    expect(devices.map(({ device_id }) => device_id)).toEqual([first.deviceId, 'SECOND'])
    expect(await first.get('/devices/SECOND')).toMatchObject({ device_id: 'SECOND', display_name: 'The second' })
    await first.put('/devices/SECOND', { display_name: 'A new name' })
    await first.put('/devices/SECOND', {})
    expect((await first.get('/devices/SECOND'))['display_name']).toBe('A new name')
    const missing = { status: 404, errcode: 'M_NOT_FOUND' }
    expect(await first.refusal('GET', '/devices/OTHER')).toEqual(missing)
    expect(await first.refusal('PUT', '/devices/OTHER', { display_name: 'x' })).toEqual(missing)
    expect(await bob.refusal('GET', '/devices/SECOND')).toEqual(missing)
    const long = { display_name: 'x'.repeat(101) }
    expect((await first.refusal('PUT', '/devices/SECOND', long)).errcode).toBe('M_TOO_LARGE')
  })

  test('a device is deleted with its session, after its user has proven who he is', async () => {
    await using server = await startServer({ database })
    const { first, second } = await twoDevices(server)
    const challenge = await first.request('DELETE', '/devices/SECOND')
    expect(challenge.status).toBe(401)
    const { session } = challenge.body
    const wrong = { auth: { ...passwordOf('alice', session), password: 'wrong' } }
    expect(await first.refusal('DELETE', '/devices/SECOND', wrong)).toEqual({ status: 401, errcode: 'M_FORBIDDEN' })
    await first.ok('DELETE', '/devices/SECOND', { auth: passwordOf('alice', session) })
    expect((await first.refusal('GET', '/devices/SECOND')).status).toBe(404)
    expect(await second.refusal('GET', '/devices')).toEqual({ status: 401, errcode: 'M_UNKNOWN_TOKEN' })
  })

  test('several devices are deleted at once; those that are gone are no error', async () => {
    await using server = await startServer({ database })
    const { first, second } = await twoDevices(server)
    const devices = ['SECOND', 'GONE']
    const { body } = await first.request('POST', '/delete_devices', { devices })
    await first.post('/delete_devices', { devices, auth: passwordOf('alice', body['session']) })
    expect((await second.refusal('GET', '/devices')).status).toBe(401)
    expect((await first.get('/devices'))['devices']).toHaveLength(1)
  })
})
