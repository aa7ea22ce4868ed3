import { describe, expect, test } from '@jest/globals'
import { hasOpenssl } from '../../../test/support/certificates.ts'
import type { Client } from '../../../test/support/client.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { TestCrossSigning, TestDevice } from '../../../test/support/encryption.ts'
import { Federation, startTwo } from '../../../test/support/federation.ts'
import { federationPath } from '../../domain/federation/client.ts'

const describeTls = hasOpenssl ? describe : describe.skip

/** A device with keys, and the cross-signing keys of its user. */
async function publish(client: Client): Promise<{ device: TestDevice; signing: TestCrossSigning }> {
  const [device, signing] = [new TestDevice(client), new TestCrossSigning(client)]
  await client.post('/keys/upload', { device_keys: device.deviceKeys, one_time_keys: device.oneTimeKeys(['A']) })
  await client.post('/keys/device_signing/upload', signing.upload())
  return { device, signing }
}

const claimOf = ({ userId, deviceId }: Client): object => ({
  one_time_keys: { [userId]: { [deviceId]: 'signed_curve25519' } },
})

describeTls('over TLS', () => {
  forEachDatabase(({ dialect }) => {
    test('users see the keys of users elsewhere, without the names of devices, and claim each one-time key once', async () => {
      const { federation, hs1, hs2 } = await startTwo(dialect)
      await using _ = federation
      const [alice, bob] = [await hs1.server.register('alice'), await hs2.server.register('bob')]
      const { device, signing } = await publish(alice)
      await alice.put(`/devices/${alice.deviceId}`, { display_name: 'Telephone' })
      const { master_key, self_signing_key } = signing.upload()
      const ask = { device_keys: { [alice.userId]: [], [bob.userId]: [], '@x:down.test': [] } }
      const answer = await bob.post('/keys/query', ask)
      expect(answer).toEqual({
        device_keys: { [alice.userId]: { [alice.deviceId]: device.deviceKeys }, [bob.userId]: {} },
        failures: { 'down.test': { status: 502, message: expect.any(String) } },
        master_keys: { [alice.userId]: master_key },
        self_signing_keys: { [alice.userId]: self_signing_key },
        user_signing_keys: {},
      })
      const some = { [alice.userId]: ['OTHER'] }
      expect((await bob.post('/keys/query', { device_keys: some }))['device_keys']).toEqual({ [alice.userId]: {} })

      const claims = await Promise.all([1, 2, 3].map(() => bob.post('/keys/claim', claimOf(alice))))
      const claimed = claims.map(({ one_time_keys: keys }) => Object.keys(keys[alice.userId]?.[alice.deviceId] ?? {}))
      expect(claimed.flat()).toEqual(['signed_curve25519:A'])
      expect((await alice.post('/keys/upload'))['one_time_key_counts']).toEqual({ signed_curve25519: 0 })
    })

    test('T75: a server tells others the keys and devices of its own users alone', async () => {
      await using federation = await Federation.make('hs1.test', 'hs2.test')
      const hs1 = await federation.start('hs1.test', {
        database: dialect,
        config: 'federation: { mode: open, device_names: true }',
      })
      const hs2 = await federation.start('hs2.test', { database: dialect })
      const alice = await hs1.server.register('alice')
      const { device, signing } = await publish(alice)
      await alice.put(`/devices/${alice.deviceId}`, { display_name: 'Telephone' })
      const { master_key, self_signing_key } = signing.upload()
      const client = hs2.services.federationClient
      const list = (userId: string): Promise<unknown> =>
        client.get('hs1.test', federationPath`/v1/user/devices/${userId}`)
      expect(await list(alice.userId)).toEqual({
        user_id: alice.userId,
        stream_id: 0,
        devices: [{ device_id: alice.deviceId, keys: device.deviceKeys, device_display_name: 'Telephone' }],
        master_key,
        self_signing_key,
      })
      await expect(list('@nobody:hs1.test')).rejects.toMatchObject({ remote: { status: 404 } })
      for (const userId of ['@bob:hs2.test', '@carol:hs3.test', 'alice', '@alice:hs1.test:1']) {
        await expect(list(userId)).rejects.toMatchObject({ remote: { status: 400 } })
        for (const [path, body] of [
          [federationPath`/v1/user/keys/query`, { device_keys: { [alice.userId]: [], [userId]: [] } }],
          [federationPath`/v1/user/keys/claim`, { one_time_keys: { [userId]: {} } }],
        ] as const) {
          await expect(client.post('hs1.test', path, { body })).rejects.toMatchObject({ remote: { status: 400 } })
        }
      }
      const wanted = { one_time_keys: { [alice.userId]: { [alice.deviceId]: 'signed_curve25519', NONE: 'x' } } }
      expect(await client.post('hs1.test', federationPath`/v1/user/keys/claim`, { body: wanted })).toMatchObject({
        one_time_keys: { [alice.userId]: { [alice.deviceId]: { 'signed_curve25519:A': {} } } },
      })
    })
  })
})
