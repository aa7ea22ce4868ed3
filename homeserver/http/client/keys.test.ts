import { describe, expect, test } from '@jest/globals'
import type { Client } from '../../../test/support/client.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { signedBy, TestCrossSigning, TestDevice } from '../../../test/support/encryption.ts'
import { startServer } from '../../../test/support/server.ts'
import type { UserId } from '../../core/ids.ts'
import { startToken } from '../../core/token.ts'

/** What `/keys/query` says of users. */
const query = (client: Client, ...userIds: string[]) =>
  client.post('/keys/query', { device_keys: Object.fromEntries(userIds.map((userId) => [userId, []])) })

const claim = (client: Client, { userId, deviceId }: TestDevice, algorithm = 'signed_curve25519') =>
  client.post('/keys/claim', { one_time_keys: { [userId]: { [deviceId]: algorithm } } })

/** A registered client with published keys. */
async function publish(client: Client, names: readonly string[] = []): Promise<TestDevice> {
  const device = new TestDevice(client)
  await client.post('/keys/upload', { device_keys: device.deviceKeys, one_time_keys: device.oneTimeKeys(names) })
  return device
}

forEachDatabase(({ dialect: database }) => {
  describe('device keys', () => {
    test('are given out as uploaded, with the name of the device', async () => {
      await using server = await startServer({ database })
      const [alice, bob] = [await server.register('alice'), await server.register('bob')]
      const device = await publish(alice)
      await alice.put(`/devices/${alice.deviceId}`, { display_name: 'Alice’s "phone"' })
      const answer = await query(bob, alice.userId, bob.userId, '@nobody:hs.test')
      expect(answer['device_keys']).toEqual({
        [alice.userId]: {
          [alice.deviceId]: { ...device.deviceKeys, unsigned: { device_display_name: 'Alice’s "phone"' } },
        },
        [bob.userId]: {},
        '@nobody:hs.test': {},
      })
      expect(answer['failures']).toEqual({})
    })

    test('can be asked for by device', async () => {
      await using server = await startServer({ database })
      const alice = await server.register('alice')
      await publish(alice)
      const ask = async (deviceId: string): Promise<string[]> => {
        const answer = await alice.post('/keys/query', { device_keys: { [alice.userId]: [deviceId] } })
        return Object.keys(answer['device_keys'][alice.userId] as object)
      }
      expect(await ask(alice.deviceId)).toEqual([alice.deviceId])
      expect(await ask('OTHER')).toEqual([])
    })

    test('that are malformed, of somebody else or wrongly signed change nothing', async () => {
      await using server = await startServer({ database })
      const [alice, bob] = [await server.register('alice'), await server.register('bob')]
      const good = new TestDevice(alice).deviceKeys
      const keyId = `ed25519:${alice.deviceId}`
      const bad = [
        { ...good, algorithms: undefined },
        { ...good, algorithms: 'm.olm.v1.curve25519-aes-sha2' },
        { ...good, algorithms: [1] },
        { ...good, keys: undefined },
        { ...good, keys: { [keyId]: 1 } },
        { ...good, signatures: undefined },
        { ...good, signatures: [] },
        { ...good, signatures: { [alice.userId]: 'signature' } },
        { ...good, signatures: { [alice.userId]: { [keyId]: {} } } },
        { ...good, user_id: undefined },
        { ...good, user_id: bob.userId },
        { ...good, device_id: bob.deviceId },
        [good],
        'keys',
      ]
      for (const device_keys of bad) {
        expect(await alice.refusal('POST', '/keys/upload', { device_keys })).toEqual({
          status: 400,
          errcode: 'M_BAD_JSON',
        })
      }
      const forged = { ...good, algorithms: ['m.other'] }
      expect((await alice.refusal('POST', '/keys/upload', { device_keys: forged })).errcode).toBe('M_INVALID_SIGNATURE')
      expect((await query(bob, alice.userId))['device_keys']).toEqual({ [alice.userId]: {} })
    })

    test('go with the session', async () => {
      await using server = await startServer({ database })
      const [alice, bob] = [await server.register('alice'), await server.register('bob')]
      const device = await publish(alice, ['A'])
      await alice.post('/logout')
      expect((await query(bob, alice.userId))['device_keys']).toEqual({ [alice.userId]: {} })
      expect((await claim(bob, device))['one_time_keys']).toEqual({})
    })
  })

  describe('one-time keys', () => {
    test('are counted, and may be uploaded twice but not under a name that is taken', async () => {
      await using server = await startServer({ database })
      const alice = await server.register('alice')
      const device = new TestDevice(alice)
      const upload = async (one_time_keys: object) =>
        (await alice.post('/keys/upload', { one_time_keys }))['one_time_key_counts'] as object
      expect((await alice.post('/keys/upload', {}))['one_time_key_counts']).toEqual({ signed_curve25519: 0 })
      const { A, B, C } = { A: device.oneTimeKeys(['A']), B: device.oneTimeKeys(['B']), C: device.oneTimeKeys(['C']) }
      expect(await upload({ ...A, ...B })).toEqual({ signed_curve25519: 2 })
      expect(await upload({ ...B, ...C })).toEqual({ signed_curve25519: 3 })
      expect(await upload({ 'curve25519:A': 'a key' })).toEqual({ curve25519: 1, signed_curve25519: 3 })
      const taken = { ...device.oneTimeKeys(['A', 'D']) }
      const { status, body } = await alice.request('POST', '/keys/upload', { one_time_keys: taken })
      expect(status).toBe(400)
      expect(body['error']).toContain('One time key signed_curve25519:A already exists. Old key: {')
      expect(await upload({})).toEqual({ curve25519: 1, signed_curve25519: 3 })
    })

    test('are refused where they are malformed or too many', async () => {
      await using server = await startServer({ database })
      const alice = await server.register('alice')
      for (const [name, value] of [
        ['A', 'no algorithm'],
        [':A', 'no algorithm'],
        ['curve25519:', 'no id'],
        ['curve25519:A', 1],
        ['signed_curve25519:A', { signatures: {} }],
        ['signed_curve25519:A', { key: 'k', signatures: { [alice.userId]: 'text' } }],
      ] as const) {
        for (const field of ['one_time_keys', 'fallback_keys']) {
          const refusal = await alice.refusal('POST', '/keys/upload', { [field]: { [name]: value } })
          expect(refusal).toEqual({ status: 400, errcode: 'M_BAD_JSON' })
        }
      }
      const many = Object.fromEntries(Array.from({ length: 1001 }, (_, index) => [`curve25519:${index}`, 'key']))
      expect((await alice.refusal('POST', '/keys/upload', { one_time_keys: many })).errcode).toBe('M_TOO_LARGE')
    })

    test('are handed out oldest first, and after them the fallback key again and again', async () => {
      await using server = await startServer({ database })
      const [alice, bob] = [await server.register('alice'), await server.register('bob')]
      const device = await publish(alice, ['B'])
      await alice.post('/keys/upload', { one_time_keys: device.oneTimeKeys(['A']) })
      const fallback_keys = device.oneTimeKeys(['F'], { fallback: true })
      await alice.post('/keys/upload', { fallback_keys })
      const next = async () => (await claim(bob, device))['one_time_keys'][alice.userId][alice.deviceId] as object
      expect(Object.keys(await next())).toEqual(['signed_curve25519:B'])
      expect(Object.keys(await next())).toEqual(['signed_curve25519:A'])
      expect(await next()).toEqual(fallback_keys)
      expect(await next()).toEqual(fallback_keys)
      expect((await claim(bob, device, 'curve25519'))['one_time_keys']).toEqual({})
    })

    test('are handed out at most once, whoever asks at the same time', async () => {
      await using server = await startServer({ database })
      const [alice, bob] = [await server.register('alice'), await server.register('bob')]
      const names = Array.from({ length: 10 }, (_, index) => `K${index}`)
      const device = await publish(alice, names)
      const answers = await Promise.all(Array.from({ length: 50 }, () => claim(bob, device)))
      const claimed = answers.flatMap((answer) =>
        Object.keys((answer['one_time_keys'][alice.userId]?.[alice.deviceId] ?? {}) as object),
      )
      expect(claimed.sort()).toEqual(names.map((name) => `signed_curve25519:${name}`).sort())
    })

    test('and the use of fallback keys are told to sync', async () => {
      await using server = await startServer({ database })
      const [alice, bob] = [await server.register('alice'), await server.register('bob')]
      const device = await publish(alice, ['A', 'B'])
      const left = () => server.server.services.oneTimeKeys.left(device.userId as UserId, device.deviceId)
      expect(await left()).toEqual({ counts: { signed_curve25519: 2 }, unusedFallbacks: [] })
      const fallback_keys = device.oneTimeKeys(['F'], { fallback: true })
      await alice.post('/keys/upload', { fallback_keys })
      expect((await left()).unusedFallbacks).toEqual(['signed_curve25519'])
      await claim(bob, device)
      expect(await left()).toEqual({ counts: { signed_curve25519: 1 }, unusedFallbacks: ['signed_curve25519'] })
      await claim(bob, device)
      await claim(bob, device)
      expect(await left()).toEqual({ counts: { signed_curve25519: 0 }, unusedFallbacks: [] })
      await alice.post('/keys/upload', { fallback_keys })
      expect((await left()).unusedFallbacks).toEqual([])
      await alice.post('/keys/upload', { fallback_keys: device.oneTimeKeys(['G'], { fallback: true }) })
      expect((await left()).unusedFallbacks).toEqual(['signed_curve25519'])
    })
  })

  describe('cross-signing keys', () => {
    const path = '/keys/device_signing/upload'

    test('need no proof at first or when they are the same, but do where they are replaced', async () => {
      await using server = await startServer({ database })
      const alice = await server.register('alice')
      const first = new TestCrossSigning(alice).upload()
      await alice.post(path, first)
      await alice.post(path, first)
      await alice.post(path, { master_key: first.master_key })
      const other = new TestCrossSigning(alice).upload()
      const challenge = await alice.request('POST', path, other)
      expect(challenge.status).toBe(401)
      expect(challenge.body['flows']).toEqual([{ stages: ['m.login.password'] }])
      expect((await query(alice, alice.userId))['master_keys'][alice.userId]).toEqual(first.master_key)
      const identifier = { type: 'm.id.user', user: 'alice' }
      const auth = { type: 'm.login.password', identifier, password: 'password of alice' }
      await alice.post(path, { ...other, auth: { ...auth, session: challenge.body['session'] } })
      expect((await query(alice, alice.userId))['master_keys'][alice.userId]).toEqual(other.master_key)
    })

    test('that are uploaded first are not replaced by those that come at the same time', async () => {
      await using server = await startServer({ database })
      const alice = await server.register('alice')
      const uploads = Array.from({ length: 5 }, () => alice.request('POST', path, new TestCrossSigning(alice).upload()))
      const statuses = (await Promise.all(uploads)).map(({ status }) => status)
      expect(statuses.filter((status) => status === 200)).toHaveLength(1)
    })

    test('and key backups go with the account', async () => {
      await using server = await startServer({ database })
      const [alice, bob] = [await server.register('alice'), await server.register('bob')]
      await alice.post(path, new TestCrossSigning(alice).upload())
      await alice.post('/room_keys/version', { algorithm: 'any', auth_data: {} })
      const identifier = { type: 'm.id.user', user: 'alice' }
      const auth = { type: 'm.login.password', identifier, password: 'password of alice' }
      await alice.post('/account/deactivate', { auth })
      await server.server.settle()
      expect((await query(bob, alice.userId))['master_keys']).toEqual({})
      const { keyBackup } = server.server.services
      await expect(keyBackup.get(alice.userId as UserId)).rejects.toThrow('no such key backup')
    })

    test('are refused without a master key, without its signature, or named like a device', async () => {
      await using server = await startServer({ database })
      const alice = await server.register('alice')
      const keys = new TestCrossSigning(alice)
      const { master_key, self_signing_key, user_signing_key } = keys.upload()
      expect((await alice.refusal('POST', path, { self_signing_key })).errcode).toBe('M_MISSING_PARAM')
      const forged = { ...user_signing_key, signatures: self_signing_key['signatures'] }
      expect(await alice.refusal('POST', path, { master_key, user_signing_key: forged })).toEqual({
        status: 400,
        errcode: 'M_INVALID_SIGNATURE',
      })
      for (const bad of [
        { ...master_key, user_id: '@bob:hs.test' },
        { ...master_key, usage: ['self_signing'] },
        { ...master_key, keys: {} },
        { ...master_key, keys: { 'ed25519:a': 'a' } },
        { ...master_key, keys: { ...(master_key['keys'] as object), ...(self_signing_key['keys'] as object) } },
      ]) {
        expect((await alice.refusal('POST', path, { master_key: bad })).errcode).toBe('M_BAD_JSON')
      }
      const identifier = { type: 'm.id.user', user: 'alice' }
      const device_id = keys.master.publicKey
      await alice.post('/login', { type: 'm.login.password', identifier, password: 'password of alice', device_id })
      expect(await alice.refusal('POST', path, { master_key })).toEqual({ status: 403, errcode: 'M_FORBIDDEN' })
      expect((await query(alice, alice.userId))['master_keys']).toEqual({})
    })

    test('are shown to all, but the user-signing key to its owner alone', async () => {
      await using server = await startServer({ database })
      const [alice, bob] = [await server.register('alice'), await server.register('bob')]
      const upload = new TestCrossSigning(alice).upload()
      await alice.post(path, upload)
      expect(await query(alice, alice.userId)).toMatchObject({
        master_keys: { [alice.userId]: upload.master_key },
        self_signing_keys: { [alice.userId]: upload.self_signing_key },
        user_signing_keys: { [alice.userId]: upload.user_signing_key },
      })
      expect(await query(bob, alice.userId)).toMatchObject({
        master_keys: { [alice.userId]: upload.master_key },
        self_signing_keys: { [alice.userId]: upload.self_signing_key },
        user_signing_keys: {},
      })
    })
  })

  describe('signatures', () => {
    const path = '/keys/signatures/upload'

    test('of own devices and of the own master key are seen by all and outlive a new upload', async () => {
      await using server = await startServer({ database })
      const [alice, bob] = [await server.register('alice'), await server.register('bob')]
      const device = await publish(alice)
      const keys = new TestCrossSigning(alice)
      const { master_key } = keys.upload()
      await alice.post('/keys/device_signing/upload', keys.upload())
      const signedDevice = signedBy(alice.userId, keys.selfSigning, device.deviceKeys)
      const signedMaster = device.sign(master_key)
      const body = { [alice.userId]: { [alice.deviceId]: signedDevice, [keys.master.publicKey]: signedMaster } }
      expect(await alice.post(path, body)).toEqual({ failures: {} })
      await alice.post('/keys/upload', { device_keys: device.deviceKeys })
      const answer = await query(bob, alice.userId)
      expect(answer['device_keys'][alice.userId][alice.deviceId]).toEqual(signedDevice)
      expect(answer['master_keys'][alice.userId]).toEqual(signedMaster)
    })

    test('of other users are seen by the signer alone, as long as the signed key is theirs', async () => {
      await using server = await startServer({ database })
      const [alice, bob] = [await server.register('alice'), await server.register('bob')]
      const [ofAlice, ofBob] = [new TestCrossSigning(alice), new TestCrossSigning(bob)]
      await alice.post('/keys/device_signing/upload', ofAlice.upload())
      await bob.post('/keys/device_signing/upload', ofBob.upload())
      const { master_key } = ofBob.upload()
      const signed = signedBy(alice.userId, ofAlice.userSigning, master_key)
      const answer = await alice.post(path, { [bob.userId]: { [ofBob.master.publicKey]: signed } })
      expect(answer).toEqual({ failures: {} })
      expect((await query(alice, bob.userId))['master_keys'][bob.userId]).toEqual(signed)
      const { deviceLists } = server.server.services
      const here = { ...startToken, device_lists: 1000 }
      expect((await deviceLists.changes(alice.userId as UserId, startToken, here)).changed).toContain(bob.userId)
      expect((await deviceLists.changes(bob.userId as UserId, startToken, here)).changed).toEqual([bob.userId])
      expect((await query(bob, bob.userId))['master_keys'][bob.userId]).toEqual(master_key)
    })

    test('that are wrong, of unknown keys or on something else are told as failures, each for itself', async () => {
      await using server = await startServer({ database })
      const [alice, bob] = [await server.register('alice'), await server.register('bob')]
      const device = await publish(alice)
      const keys = new TestCrossSigning(alice)
      await alice.post('/keys/device_signing/upload', keys.upload())
      const { deviceKeys } = device
      const failure = async (value: object, userId = alice.userId, keyId = alice.deviceId): Promise<unknown> =>
        (await alice.post(path, { [userId]: { [keyId]: value } }))['failures'][userId][keyId]['errcode']
      expect(await failure({ ...deviceKeys, signatures: { [alice.userId]: { [keys.selfSigning.keyId]: 'x' } } })).toBe(
        'M_INVALID_SIGNATURE',
      )
      const foreign = new TestCrossSigning(alice)
      expect(await failure(signedBy(alice.userId, foreign.selfSigning, deviceKeys))).toBe('M_NOT_FOUND')
      const changed = signedBy(alice.userId, keys.selfSigning, { ...deviceKeys, algorithms: [] })
      expect(await failure(changed)).toBe('M_INVALID_SIGNATURE')
      expect(await failure(deviceKeys, alice.userId, 'UNKNOWN')).toBe('M_NOT_FOUND')
      expect(await failure(deviceKeys, bob.userId, bob.deviceId)).toBe('M_NOT_FOUND')
      const signed = signedBy(alice.userId, keys.selfSigning, deviceKeys)
      const mixed = await alice.post(path, { [alice.userId]: { [alice.deviceId]: signed, UNKNOWN: signed } })
      expect(Object.keys(mixed['failures'][alice.userId] as object)).toEqual(['UNKNOWN'])
      expect((await query(bob, alice.userId))['device_keys'][alice.userId][alice.deviceId]).toEqual(signed)
    })
  })
})

test('malformed queries and claims are refused', async () => {
  await using server = await startServer()
  const alice = await server.register('alice')
  const badJson = { status: 400, errcode: 'M_BAD_JSON' }
  const devices = { device_keys: { [alice.userId]: { DEVICE: true } } }
  expect(await alice.refusal('POST', '/keys/query', devices)).toEqual(badJson)
  expect(await alice.refusal('POST', '/keys/claim', { one_time_keys: { [alice.userId]: ['A'] } })).toEqual(badJson)
  expect((await alice.refusal('POST', '/keys/query', {})).errcode).toBe('M_MISSING_PARAM')
  expect((await alice.refusal('GET', '/keys/changes?from=a&to=b')).errcode).toBe('M_INVALID_PARAM')
})
