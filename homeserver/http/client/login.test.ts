import { expect, test } from '@jest/globals'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { startServer } from '../../../test/support/server.ts'

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
    expect(await alice.refusal('GET', '/account/whoami')).toEqual({ status: 401, errcode: 'M_UNKNOWN_TOKEN' })
    expect((await phone.get('/account/whoami'))['device_id']).toBe(phone.deviceId)
  })
})
