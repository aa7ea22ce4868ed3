import { randomBytes } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import { hasOpenssl } from '../../../test/support/certificates.ts'
import { forEachDatabase, freshDatabaseUrl } from '../../../test/support/databases.ts'
import { Federation, startTwo } from '../../../test/support/federation.ts'
import { startServer } from '../../../test/support/server.ts'
import type { JsonObject } from '../../core/event.ts'
import { publicKeyFrom, signingKeyFromSeed, verifyJson } from '../../core/signing.ts'
import { FakeClock } from '../../platform/fake-clock.ts'

const describeTls = hasOpenssl ? describe : describe.skip

/** Whether a document carries a good signature of that server by one of these keys. */
function isSignedBy(document: JsonObject, server: string, keys: JsonObject): boolean {
  return Object.entries(keys).some(([keyId, key]) => {
    const publicKey = publicKeyFrom((key as { key: string }).key) // as key documents have it
    return publicKey !== undefined && verifyJson(document, { serverName: server, keyId, publicKey })
  })
}

describeTls('over TLS', () => {
  forEachDatabase(({ dialect }) => {
    test("two servers read each other's keys", async () => {
      const { federation, hs1, hs2 } = await startTwo(dialect)
      await using _ = federation
      const now = Date.UTC(2026, 0, 1)
      const { keyRing } = hs1.services
      expect(await keyRing.verifierFor('hs2.test', 'ed25519:test', now)).toMatchObject({ serverName: 'hs2.test' })
      expect(await keyRing.verifierFor('hs2.test', 'ed25519:other', now)).toBeUndefined()
      expect(await hs2.services.keyRing.verifierFor('hs1.test', 'ed25519:test', now)).toMatchObject({
        keyId: 'ed25519:test',
      })
    })

    test('a notary gives the document of the server with its own signature added', async () => {
      const { federation, hs1 } = await startTwo(dialect)
      await using _ = federation
      const client = hs1.server.client()
      const own = await client.get('/_matrix/key/v2/server')
      for (const path of ['query/hs2.test', 'query/hs2.test/ed25519:test']) {
        const [document, ...others] = (await client.get(`/_matrix/key/v2/${path}`))['server_keys']
        expect(others).toEqual([])
        expect(document).toMatchObject({ server_name: 'hs2.test' })
        expect(isSignedBy(document, 'hs1.test', own['verify_keys'])).toBe(true)
        expect(isSignedBy(document, 'hs2.test', document.verify_keys)).toBe(true)
      }
      const all = await client.post('/_matrix/key/v2/query', {
        server_keys: { 'hs1.test': {}, 'hs2.test': { 'ed25519:test': {} }, 'nobody.test': {} },
      })
      expect(all['server_keys'].map((document: JsonObject) => document['server_name'])).toEqual([
        'hs1.test',
        'hs2.test',
      ])
      expect(await client.post('/_matrix/key/v2/query', { server_keys: {} })).toEqual({ server_keys: [] })
    })

    test('T25: a notary asks again if a key is to be valid for longer than it knows', async () => {
      await using federation = await Federation.make('hs1.test', 'hs2.test')
      const clock = new FakeClock()
      const parts = { clock }
      const hs1 = await federation.start('hs1.test', { database: dialect, parts })
      await federation.start('hs2.test', { database: dialect, parts })
      const validity = async (query = ''): Promise<number> =>
        (await hs1.server.client().get(`/_matrix/key/v2/query/hs2.test${query}`))['server_keys'][0].valid_until_ts
      const first = await validity()
      await clock.advance(2 * 3_600_000)
      expect(await validity()).toBe(first)
      expect(await validity(`?minimum_valid_until_ts=${first}`)).toBe(first)
      const second = await validity(`?minimum_valid_until_ts=${first + 1}`)
      expect(second).toBeGreaterThan(first)
      // More than the server grants cannot be had, and is not asked for again at once.
      expect(await validity(`?minimum_valid_until_ts=${second + 1}`)).toBe(second)
    })

    test('T27: after a rotation the old key counts for what is old, and for nothing new', async () => {
      await using federation = await Federation.make('hs1.test', 'hs2.test')
      const clock = new FakeClock()
      const hour = 3_600_000
      const [oldKey, newKey] = [signingKeyFromSeed('old', randomBytes(32)), signingKeyFromSeed('new', randomBytes(32))]
      const config = `database: { url: '${await freshDatabaseUrl(dialect)}' }`
      const before = await federation.start('hs1.test', { config, parts: { clock, signingKeys: [oldKey] } })
      const peer = await federation.start('hs2.test', { database: dialect, parts: { clock } })
      const { keyRing } = peer.services
      const bytesOf = async (keyId: string, at: number): Promise<unknown> =>
        (await keyRing.verifierFor('hs1.test', keyId, at))?.publicKey.export({ format: 'jwk' }).x
      const oldBytes = oldKey.privateKey.export({ format: 'jwk' }).x
      expect(await bytesOf('ed25519:old', clock.now())).toBe(oldBytes)
      const signedAt = clock.now()

      await before.server.server.stop()
      await clock.advance(hour)
      const rotatedAt = clock.now()
      const after = await federation.start('hs1.test', { config, parts: { clock, signingKeys: [newKey] } })
      await clock.advance(hour)
      expect(after.keys()).toMatchObject({
        verify_keys: { 'ed25519:new': { key: newKey.publicKey } },
        old_verify_keys: { 'ed25519:old': { key: oldKey.publicKey, expired_ts: rotatedAt } },
      })
      const newBytes = newKey.privateKey.export({ format: 'jwk' }).x
      expect(await bytesOf('ed25519:new', clock.now())).toBe(newBytes)
      expect(await bytesOf('ed25519:old', signedAt)).toBe(oldBytes)
      expect(await bytesOf('ed25519:old', rotatedAt + 1)).toBeUndefined()
      const own = after.services.keyRing
      expect(await own.verifierFor('hs1.test', 'ed25519:old', signedAt)).toBeDefined()
      expect(await own.verifierFor('hs1.test', 'ed25519:old', rotatedAt + 1)).toBeUndefined()
      expect(await own.verifierFor('hs1.test', 'ed25519:new', clock.now())).toBeDefined()
    })
  })
})

test('the keys of this server are signed by it and good for most of a day', async () => {
  const clock = new FakeClock()
  const key = signingKeyFromSeed('k1', randomBytes(32))
  await using server = await startServer({ config: 'federation: { mode: open }', parts: { clock, signingKeys: [key] } })
  const client = server.client()
  const document = await client.get('/_matrix/key/v2/server')
  expect(document).toMatchObject({
    server_name: 'hs.test',
    verify_keys: { 'ed25519:k1': { key: key.publicKey } },
    old_verify_keys: {},
    valid_until_ts: clock.now() + 24 * 3_600_000,
  })
  expect(isSignedBy(document, 'hs.test', document['verify_keys'])).toBe(true)
  expect(await client.get('/_matrix/key/v2/server/ed25519:k1')).toEqual(document)
  await clock.advance(20 * 3_600_000)
  const later = await client.get('/_matrix/key/v2/server')
  expect(later['valid_until_ts']).toBeGreaterThan(clock.now() + 22 * 3_600_000)
})

test('a question to the notary must name servers', async () => {
  await using server = await startServer({ config: 'federation: { mode: open }' })
  const client = server.client()
  const invalid = { status: 400, errcode: 'M_INVALID_PARAM' }
  expect(await client.refusal('GET', '/_matrix/key/v2/query/not%20a%20server')).toEqual(invalid)
  expect(await client.refusal('GET', '/_matrix/key/v2/query/a.test?minimum_valid_until_ts=soon')).toEqual(invalid)
  const many = Object.fromEntries(Array.from({ length: 1001 }, (_, n) => [`s${n}.test`, {}]))
  expect(await client.refusal('POST', '/_matrix/key/v2/query', { server_keys: many })).toEqual(invalid)
})

test('with federation off there is nothing for other servers, but the version and OpenID', async () => {
  await using server = await startServer()
  const client = server.client()
  const missing = { status: 404, errcode: 'M_UNRECOGNIZED' }
  for (const path of [
    '/_matrix/key/v2/server',
    '/_matrix/key/v2/query/a.test',
    '/_matrix/federation/v1/query/profile?user_id=@a:hs.test',
    '/.well-known/matrix/server',
  ]) {
    expect(await client.refusal('GET', path)).toEqual(missing)
  }
  const version = await client.request('GET', '/_matrix/federation/v1/version')
  expect(version.body).toMatchObject({ server: { name: 'Domovoi' } })
  expect(version.headers.get('access-control-allow-origin')).toBe('*')
  expect(await client.refusal('GET', '/_matrix/federation/v1/openid/userinfo?access_token=x')).toMatchObject({
    errcode: 'M_UNKNOWN_TOKEN',
  })
})
