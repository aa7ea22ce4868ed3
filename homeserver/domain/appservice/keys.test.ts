import { describe, expect, test } from '@jest/globals'
import { type AppserviceAnswer, TestAppservice, type Told } from '../../../test/support/appservice.ts'
import { hasOpenssl } from '../../../test/support/certificates.ts'
import type { Client } from '../../../test/support/client.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { TestCrossSigning, TestDevice } from '../../../test/support/encryption.ts'
import { Federation } from '../../../test/support/federation.ts'
import { startServer } from '../../../test/support/server.ts'

type Json = Record<string, any> // eslint-disable-line -- answers are looked into freely by tests

const claimPath = '/_matrix/app/unstable/org.matrix.msc3983/keys/claim'
const queryPath = '/_matrix/app/unstable/org.matrix.msc3984/keys/query'
const algorithm = 'signed_curve25519'

/** Answers these paths, and knows no others. */
function answering(answers: Readonly<Record<string, () => AppserviceAnswer>>): TestAppservice['answer'] {
  return ({ path }: Told) => answers[path]?.() ?? { status: 404, body: { errcode: 'M_UNRECOGNIZED' } }
}

const toldAt = (service: TestAppservice, path: string): Told[] => service.told.filter((told) => told.path === path)

async function claim(client: Client, wanted: Json): Promise<Json> {
  return (await client.post('/keys/claim', { one_time_keys: wanted }))['one_time_keys'] as Json
}

forEachDatabase(({ dialect: database }) => {
  test('a service is asked for one-time keys of its users when there are none here, before the fallback key', async () => {
    await using service = await TestAppservice.start('irc')
    await using server = await startServer({ database, config: service.config })
    const [irc, alice] = [service.client(server), await server.register('alice')]
    const ghost = '@_irc_bob:hs.test'
    await irc.post('/register', { type: 'm.login.application_service', username: '_irc_bob', inhibit_login: true })
    const [first, second] = ['FIRST', 'SECOND'].map((deviceId) => new TestDevice({ userId: ghost, deviceId }))
    for (const device of [first, second]) {
      await irc.request('PUT', `/devices/${device?.deviceId}?user_id=${ghost}`, {})
      await irc.post(`/keys/upload?user_id=${ghost}&device_id=${device?.deviceId}`, {
        device_keys: device?.deviceKeys,
        one_time_keys: device === first ? first?.oneTimeKeys(['1']) : {},
        fallback_keys: device?.oneTimeKeys(['F'], { fallback: true }),
      })
    }
    const kept = first?.oneTimeKeys(['KEPT']) ?? {}
    const wanted = { [ghost]: { FIRST: algorithm, SECOND: algorithm } }
    service.answer = answering({ [claimPath]: () => ({ body: { [ghost]: { FIRST: kept, SECOND: { bad: 1 } } } }) })

    const namesOf = async (): Promise<string[]> => {
      const { FIRST, SECOND } = (await claim(alice, wanted))[ghost] as Json
      return [...Object.keys(FIRST as Json), ...Object.keys(SECOND as Json)]
    }
    expect(await namesOf()).toEqual([`${algorithm}:1`, `${algorithm}:F`])
    expect(toldAt(service, claimPath).map(({ body }) => body)).toEqual([{ [ghost]: { SECOND: [algorithm] } }])
    expect(await namesOf()).toEqual([`${algorithm}:KEPT`, `${algorithm}:F`])
    const [asked] = toldAt(service, claimPath)
    expect(asked).toMatchObject({ method: 'POST', authorization: 'Bearer hs_token-of-irc' })
    expect(toldAt(service, claimPath).at(-1)?.body).toEqual({
      [ghost]: { FIRST: [algorithm], SECOND: [algorithm] },
    })
  })

  test('what a service says of the devices of its users comes before what is stored, and only if it is theirs', async () => {
    await using service = await TestAppservice.start('irc')
    await using server = await startServer({ database, config: service.config })
    const [irc, alice] = [service.client(server), await server.register('alice')]
    const ghost = '@_irc_bob:hs.test'
    await irc.post('/register', { type: 'm.login.application_service', username: '_irc_bob', inhibit_login: true })
    const device = (deviceId: string): TestDevice => new TestDevice({ userId: ghost, deviceId })
    const [stored, both, renewed, told] = [device('STORED'), device('BOTH'), device('BOTH'), device('TOLD')]
    for (const one of [stored, both]) {
      await irc.request('PUT', `/devices/${one.deviceId}?user_id=${ghost}`, {})
      const device_keys = one.deviceKeys
      await irc.post(`/keys/upload?user_id=${ghost}&device_id=${one.deviceId}`, { device_keys })
    }
    const foreign = new TestDevice({ userId: alice.userId, deviceId: 'EVIL' })
    const signing = new TestCrossSigning({ userId: ghost })
    service.answer = answering({
      [queryPath]: () => ({
        body: {
          device_keys: {
            [ghost]: { BOTH: renewed.deviceKeys, TOLD: told.deviceKeys, EVIL: foreign.deviceKeys },
            [alice.userId]: { EVIL: foreign.deviceKeys },
          },
          master_keys: { [ghost]: signing.upload()['master_key'] },
        },
      }),
    })
    const answer = await alice.post('/keys/query', { device_keys: { [ghost]: [], [alice.userId]: [] } })
    const devices = answer['device_keys'][ghost] as Record<string, Json>
    expect(Object.keys(devices).toSorted()).toEqual(['BOTH', 'STORED', 'TOLD'])
    expect(devices['BOTH']?.['keys']).toEqual(renewed.deviceKeys['keys'])
    expect(answer['device_keys'][alice.userId]).toEqual({})
    expect(answer['master_keys'][ghost]).toMatchObject({ user_id: ghost, usage: ['master'] })
    expect(toldAt(service, queryPath).map(({ body }) => body)).toEqual([{ [ghost]: [] }])

    const one = await alice.post('/keys/query', { device_keys: { [ghost]: ['TOLD'] } })
    expect(Object.keys(one['device_keys'][ghost] as Json)).toEqual(['TOLD'])
  })

  test('a service that knows nothing of it is asked once; users that others may have too are never asked about', async () => {
    const users = [
      { regex: '@_irc_.*', exclusive: true },
      { regex: '@ali.*', exclusive: false },
    ]
    await using service = await TestAppservice.start('irc', { namespaces: { users } })
    await using server = await startServer({ database, config: service.config })
    service.answer = answering({})
    const alice = await server.register('alice')
    const wanted = { '@_irc_bob:hs.test': { D: algorithm }, [alice.userId]: { D: algorithm } }
    for (let n = 0; n < 3; n++) {
      expect(await claim(alice, wanted)).toEqual({})
      await alice.post('/keys/query', { device_keys: { '@_irc_bob:hs.test': [], [alice.userId]: [] } })
    }
    expect(service.told.map(({ path, body }) => [path, body])).toEqual([
      [claimPath, { '@_irc_bob:hs.test': { D: [algorithm] } }],
      [queryPath, { '@_irc_bob:hs.test': [] }],
    ])
  })
})

const describeTls = hasOpenssl ? describe : describe.skip

describeTls('over TLS', () => {
  forEachDatabase(({ dialect: database }) => {
    test('users of other servers get what the service says, too', async () => {
      await using federation = await Federation.make('hs1.test', 'hs2.test')
      await using service = await TestAppservice.start('irc')
      const hs1 = await federation.start('hs1.test', { database, config: service.config })
      const hs2 = await federation.start('hs2.test')
      const [alice, zoe] = [await hs1.server.register('alice'), await hs2.server.register('zoe')]
      expect(alice.userId).toBe('@alice:hs1.test')
      const ghost = '@_irc_bob:hs1.test'
      const device = new TestDevice({ userId: ghost, deviceId: 'TOLD' })
      service.answer = answering({
        [queryPath]: () => ({ body: { device_keys: { [ghost]: { TOLD: device.deviceKeys } } } }),
        [claimPath]: () => ({ body: { [ghost]: { TOLD: device.oneTimeKeys(['1']) } } }),
      })
      const { device_keys: keys } = await zoe.post('/keys/query', { device_keys: { [ghost]: [] } })
      expect(Object.keys(keys[ghost] as Json)).toEqual(['TOLD'])
      expect(await claim(zoe, { [ghost]: { TOLD: algorithm } })).toHaveProperty([ghost, 'TOLD', `${algorithm}:1`])
    })
  })
})
