import { expect, test } from '@jest/globals'
import type { Client } from '../../../test/support/client.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { TestDevice } from '../../../test/support/encryption.ts'
import { startServer } from '../../../test/support/server.ts'

const path = '/_matrix/client/unstable/org.matrix.msc3814.v1/dehydrated_device'
const deviceData = { algorithm: 'm.dehydration.v1.olm', account: 'encrypted' }

async function dehydrate(client: Client, deviceId: string): Promise<TestDevice> {
  const device = new TestDevice({ userId: client.userId, deviceId }, { dehydrated: true })
  const answer = await client.put(path, {
    device_id: deviceId,
    device_data: deviceData,
    initial_device_display_name: 'Asleep',
    device_keys: device.deviceKeys,
    one_time_keys: device.oneTimeKeys(['A']),
    fallback_keys: device.oneTimeKeys(['F'], { fallback: true }),
  })
  expect(answer).toEqual({ device_id: deviceId })
  return device
}

const notFound = { status: 404, errcode: 'M_NOT_FOUND' }

forEachDatabase(({ dialect: database }) => {
  test('a dehydrated device has keys and gets messages, but is no session', async () => {
    await using server = await startServer({ database })
    const [alice, bob] = [await server.register('alice'), await server.register('bob')]
    expect(await alice.refusal('GET', path)).toEqual(notFound)
    const device = await dehydrate(alice, 'SLEEPER')
    expect(await alice.get(path)).toEqual({ device_id: 'SLEEPER', device_data: deviceData })
    expect((await alice.get('/devices'))['devices']).toHaveLength(1)
    expect(await alice.refusal('GET', '/devices/SLEEPER')).toEqual(notFound)
    const { device_keys } = await bob.post('/keys/query', { device_keys: { [alice.userId]: [] } })
    expect(device_keys[alice.userId]).toEqual({
      SLEEPER: { ...device.deviceKeys, unsigned: { device_display_name: 'Asleep' } },
    })
    const claimed = await bob.post('/keys/claim', {
      one_time_keys: { [alice.userId]: { SLEEPER: 'signed_curve25519' } },
    })
    expect(Object.keys(claimed['one_time_keys'][alice.userId]['SLEEPER'] as object)).toEqual(['signed_curve25519:A'])

    for (const txnId of ['1', '2']) {
      await bob.put(`/sendToDevice/m.test/${txnId}`, { messages: { [alice.userId]: { '*': { txnId } } } })
    }
    const first = await alice.post(`${path}/SLEEPER/events`)
    expect(first['events'].map(({ content }: { content: object }) => content)).toEqual([{ txnId: '1' }, { txnId: '2' }])
    const { next_batch } = first
    expect(await alice.post(`${path}/SLEEPER/events`, { next_batch })).toEqual({ events: [], next_batch })
    expect((await alice.post(`${path}/SLEEPER/events`))['events']).toHaveLength(2)
    expect(await alice.refusal('POST', `${path}/OTHER/events`, {})).toEqual(notFound)
    expect((await alice.refusal('POST', `${path}/SLEEPER/events`, { next_batch: 'x' })).errcode).toBe('M_INVALID_PARAM')
  })

  test('a new dehydrated device takes the place of the old one, and goes when it is deleted', async () => {
    await using server = await startServer({ database })
    const alice = await server.register('alice')
    await dehydrate(alice, 'OLD')
    await dehydrate(alice, 'NEW')
    const keys = async (): Promise<string[]> => {
      const { device_keys } = await alice.post('/keys/query', { device_keys: { [alice.userId]: [] } })
      return Object.keys(device_keys[alice.userId] as object)
    }
    expect(await keys()).toEqual(['NEW'])
    await dehydrate(alice, 'NEW')
    expect(await alice.ok('DELETE', path)).toEqual({ device_id: 'NEW' })
    expect(await keys()).toEqual([])
    expect(await alice.refusal('DELETE', path)).toEqual(notFound)
  })

  test('a dehydrated device without keys, or with the id of a session, changes nothing', async () => {
    await using server = await startServer({ database })
    const alice = await server.register('alice')
    await dehydrate(alice, 'OLD')
    const { deviceKeys: device_keys } = new TestDevice(alice)
    const put = (body: object) => alice.refusal('PUT', path, { device_data: deviceData, ...body })
    expect((await put({ device_id: 'NEW' })).errcode).toBe('M_MISSING_PARAM')
    expect((await put({ device_id: 'NEW', device_keys })).errcode).toBe('M_BAD_JSON')
    expect((await put({ device_id: alice.deviceId, device_keys })).errcode).toBe('M_INVALID_PARAM')
    expect((await alice.get(path))['device_id']).toBe('OLD')
  })
})
