import { expect, test } from '@jest/globals'
import { TestAppservice } from '../../../test/support/appservice.ts'
import type { Client } from '../../../test/support/client.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { TestCrossSigning, TestDevice } from '../../../test/support/encryption.ts'
import { startServer } from '../../../test/support/server.ts'

const encoded = encodeURIComponent
const ghost = '@_irc_bob:hs.test'
type Json = Record<string, any> // eslint-disable-line -- what was told is looked into freely
const as = `user_id=${ghost}&device_id=BRIDGE`

/** A user of the service with a device that the service has made, without logging in. */
async function makeGhost(irc: Client): Promise<TestDevice> {
  const device = new TestDevice({ userId: ghost, deviceId: 'BRIDGE' })
  await irc.post('/register', { type: 'm.login.application_service', username: '_irc_bob', inhibit_login: true })
  expect((await irc.request('PUT', `/devices/BRIDGE?user_id=${ghost}`, { display_name: 'Bridge' })).status).toBe(201)
  await irc.post(`/keys/upload?${as}`, {
    device_keys: device.deviceKeys,
    one_time_keys: device.oneTimeKeys(['1', '2']),
    fallback_keys: device.oneTimeKeys(['F'], { fallback: true }),
  })
  return device
}

forEachDatabase(({ dialect: database }) => {
  test('who encrypts by transactions gets messages to devices for good, changed devices and what is left of the keys', async () => {
    await using service = await TestAppservice.start('irc', { receive_ephemeral: true, 'org.matrix.msc3202': true })
    await using server = await startServer({ database, config: service.config })
    const irc = service.client(server)
    await makeGhost(irc)
    const alice = await server.register('alice')
    const roomId = await alice.createRoom({ preset: 'public_chat' })
    await irc.post(`/rooms/${encoded(roomId)}/join?user_id=${ghost}`)
    await alice.post('/keys/claim', { one_time_keys: { [ghost]: { BRIDGE: 'signed_curve25519' } } })
    await alice.put(`/devices/${alice.deviceId}`, { display_name: 'New name' })
    const messages = { [ghost]: { BRIDGE: { secret: 'yes' } }, [alice.userId]: { '*': { secret: 'no' } } }
    await alice.put('/sendToDevice/m.test/1', { messages })
    const told = (name: string): Json[] => service.transactions.flatMap(({ body }) => body[name] ?? [])
    await service.until(() => told('to_device').length > 0)
    expect(told('to_device')).toEqual([
      {
        type: 'm.test',
        sender: alice.userId,
        content: { secret: 'yes' },
        to_user_id: ghost,
        to_device_id: 'BRIDGE',
      },
    ])
    const withMessages = service.transactions.find(({ body }) => body['to_device'])?.body ?? {}
    expect(withMessages['de.sorunome.msc2409.to_device']).toEqual(withMessages['to_device'])
    const counts = { [ghost]: { BRIDGE: { signed_curve25519: 1 } } }
    for (const name of ['device_one_time_keys_count', 'org.matrix.msc3202.device_one_time_keys_count']) {
      expect(withMessages[name]).toEqual(counts)
    }
    const fallbacks = { [ghost]: { BRIDGE: ['signed_curve25519'] } }
    expect(withMessages['device_unused_fallback_key_types']).toEqual(fallbacks)
    await service.until(() => told('device_lists').some(({ changed }) => changed.includes(alice.userId)))
    const { to_device: left } = await irc.get(`/sync?${as}`)
    expect(left?.events ?? []).toEqual([])
    const { to_device: own } = await alice.sync()
    expect(own.events).toHaveLength(1)
  })

  test('without word of encryption messages stay for the device as well, and people in a namespace keep theirs', async () => {
    const users = [{ regex: '@.*', exclusive: false }]
    await using service = await TestAppservice.start('irc', {
      'de.sorunome.msc2409.push_ephemeral': true,
      namespaces: { users },
    })
    await using puppets = await TestAppservice.start('puppets', { namespaces: { users }, 'org.matrix.msc3202': true })
    const config = `appservices: ['${service.registrationPath}', '${puppets.registrationPath}']`
    await using server = await startServer({ database, config })
    const alice = await server.register('alice')
    await alice.put('/sendToDevice/m.test/1', { messages: { [alice.userId]: { '*': { body: 'hello' } } } })
    const hasMessage = (one: TestAppservice): boolean => one.transactions.some(({ body }) => body['to_device'])
    await Promise.all([service.until(hasMessage), puppets.until(hasMessage)])
    const { to_device: left } = await alice.sync()
    expect(left.events).toHaveLength(1)
  })

  test('MSC4190: a service makes and deletes devices, and sets up signing, without asking the user', async () => {
    await using service = await TestAppservice.start()
    await using server = await startServer({ database, config: service.config })
    const irc = service.client(server)
    await makeGhost(irc)
    await irc.put(`/devices/BRIDGE?user_id=${ghost}`, { display_name: 'Again' })
    expect(await irc.get(`/account/whoami?${as}`)).toMatchObject({ user_id: ghost, device_id: 'BRIDGE' })
    expect(await irc.get(`/account/whoami?user_id=${ghost}&org.matrix.msc3202.device_id=BRIDGE`)).toMatchObject({
      device_id: 'BRIDGE',
    })
    for (const keys of [new TestCrossSigning({ userId: ghost }), new TestCrossSigning({ userId: ghost })]) {
      await irc.post(`/keys/device_signing/upload?${as}`, keys.upload())
    }
    await irc.post(`/delete_devices?user_id=${ghost}`, { devices: ['BRIDGE'] })
    expect((await irc.get(`/devices?user_id=${ghost}`))['devices']).toEqual([])
  })
})
