import { randomBytes } from 'node:crypto'
import { request } from 'node:http'
import { describe, expect, test } from '@jest/globals'
import { hasOpenssl } from '../../../test/support/certificates.ts'
import { forEachDatabase } from '../../../test/support/databases.ts'
import { Federation, type FederatedServer, startTwo } from '../../../test/support/federation.ts'
import { encodeCanonical } from '../../core/canonical-json.ts'
import type { Json } from '../../core/event.ts'
import { type SigningKey, signingKeyFromSeed } from '../../core/signing.ts'
import { federationPath } from '../../domain/federation/client.ts'
import { signRequest } from '../../domain/federation/request-signing.ts'
import { FakeClock } from '../../platform/fake-clock.ts'

const describeTls = hasOpenssl ? describe : describe.skip

describeTls('over TLS', () => {
  forEachDatabase(({ dialect }) => {
    test('a server tells others the profiles and aliases that are its own', async () => {
      const { federation, hs1, hs2 } = await startTwo(dialect)
      await using _ = federation
      const alice = await hs1.server.register('alice')
      await alice.put(`/profile/${alice.userId}/displayname`, { displayname: 'Älice' })
      const roomId = await alice.createRoom({ room_alias_name: 'hall' })
      const ask = hs2.services.federationClient
      const profile = federationPath`/v1/query/profile`
      expect(await ask.get('hs1.test', profile, { query: { user_id: alice.userId } })).toEqual({ displayname: 'Älice' })
      for (const [field, answer] of [
        ['displayname', { displayname: 'Älice' }],
        ['avatar_url', {}],
      ] as const) {
        expect(await ask.get('hs1.test', profile, { query: { user_id: alice.userId, field } })).toEqual(answer)
      }
      const directory = federationPath`/v1/query/directory`
      expect(await ask.get('hs1.test', directory, { query: { room_alias: '#hall:hs1.test' } })).toEqual({
        room_id: roomId,
        servers: ['hs1.test'],
      })
      const bob = await hs2.server.register('bob')
      expect(await bob.get(`/profile/${alice.userId}`)).toEqual({ displayname: 'Älice' })
      expect(await bob.refusal('GET', '/profile/@nobody:hs1.test')).toEqual({ status: 404, errcode: 'M_NOT_FOUND' })
      expect(await bob.refusal('GET', '/profile/@nobody:down.test')).toEqual({ status: 502, errcode: 'M_UNKNOWN' })
      const missing = { status: 404, errcode: 'M_NOT_FOUND' }
      await expect(ask.get('hs1.test', profile, { query: { user_id: '@nobody:hs1.test' } })).rejects.toMatchObject(
        missing,
      )
      await expect(ask.get('hs1.test', directory, { query: { room_alias: '#no:hs1.test' } })).rejects.toMatchObject(
        missing,
      )
      for (const [path, query] of [
        [profile, { user_id: '@bob:hs2.test' }],
        [profile, { user_id: 'alice' }],
        [profile, {}],
        [directory, { room_alias: '#hall:hs2.test' }],
      ] as const) {
        await expect(ask.get('hs1.test', path, { query })).rejects.toMatchObject({ remote: { status: 400 } })
      }
    })
  })
})

interface Forged {
  readonly method?: string
  readonly uri?: string
  readonly destination?: string
  readonly content?: Json | undefined
  readonly key?: SigningKey
  /** Makes the header from the one that is right for the parts above. */
  readonly header?: (right: string) => string | undefined
  readonly sentUri?: string
  readonly sentMethod?: string
  readonly sentBody?: string
}

const profileUri = '/_matrix/federation/v1/query/profile?user_id=%40nobody%3Ahs2.test'

/** Sends a request of hs1.test to hs2.test by hand; 404 means that it was let in. */
async function send(hs2: FederatedServer, key: SigningKey, forged: Forged = {}): Promise<number> {
  const { method = 'GET', uri = profileUri, destination = 'hs2.test' } = forged
  const content = forged.content === undefined ? undefined : encodeCanonical(forged.content)
  const signer = { serverName: 'hs1.test', key: forged.key ?? key }
  const right = signRequest({ method, uri, destination, content }, signer)
  const authorization = forged.header ? forged.header(right) : right
  return await new Promise((resolve, reject) => {
    const body = forged.sentBody ?? content
    const sent = request(`${hs2.server.url}${forged.sentUri ?? uri}`, { method: forged.sentMethod ?? method })
    if (authorization !== undefined) sent.setHeader('authorization', authorization.split('\n'))
    if (body !== undefined) sent.setHeader('content-length', Buffer.byteLength(body))
    sent.on('error', reject)
    sent.on('response', (response) => {
      response.resume()
      resolve(response.statusCode ?? 0)
    })
    sent.end(body)
  })
}

/** What the generator of the broken installations began with, of which everybody can make the key. */
const knownSeed = Buffer.from('0194fdc2fa2ffcc041d3ff12045b73c86e4ff95ff662a5eee82abdf44a2d0b75', 'hex')

describeTls('a server that signs', () => {
  test('T48: a request is let in only if all of it is signed by its server, for us', async () => {
    await using federation = await Federation.make('hs1.test', 'hs2.test')
    const key = signingKeyFromSeed('k', randomBytes(32))
    await federation.start('hs1.test', { parts: { signingKeys: [key] } })
    const hs2 = await federation.start('hs2.test')
    const other = signingKeyFromSeed('k', randomBytes(32))

    const good: Record<string, Forged> = {
      plain: {},
      'a body': { content: { a: 1 } },
      'a body in another spelling': { content: { a: 1, b: 'ä' }, sentBody: '{ "b": "\\u00e4", "a": 1 }' },
      'no destination named': { header: (right) => right.replace(/destination="[^"]*",/, '') },
      'twice, and both good': { header: (right) => `${right}\n${right}` },
    }
    for (const [name, forged] of Object.entries(good)) {
      expect([name, await send(hs2, key, forged)]).toEqual([name, 404])
    }

    const bad: Record<string, Forged> = {
      'no header': { header: () => undefined },
      'another scheme': { header: () => 'Bearer abc' },
      'a broken header': { header: (right) => right.slice(0, -3) },
      'another origin': { header: (right) => right.replace('hs1.test', 'hs3.test') },
      'our own name as origin': { header: (right) => right.replace('hs1.test', 'hs2.test') },
      'no name of a server as origin': { header: (right) => right.replace('hs1.test', 'hs1.test/x') },
      'signed for another server': { destination: 'hs3.test' },
      'signed for another server, ours named': {
        destination: 'hs3.test',
        header: (right) => right.replace('hs3.test', 'hs2.test'),
      },
      'signed for us, another server named': { header: (right) => right.replace('hs2.test', 'hs3.test') },
      'another key': { key: other },
      'an unknown key': { header: (right) => right.replace('ed25519:k', 'ed25519:z') },
      'an unknown algorithm': { header: (right) => right.replace('ed25519:k', 'rsa:k') },
      'another signature': {
        header: (right) => right.replace(/sig="(.)/, (_, first) => `sig="${first === 'A' ? 'B' : 'A'}`),
      },
      'another query': { sentUri: profileUri.replace('nobody', 'somebody') },
      'the query in another spelling': { sentUri: profileUri.replace('%40', '@') },
      'another method': { method: 'POST', sentMethod: 'GET' },
      'another body': { content: { a: 1 }, sentBody: '{"a":2}' },
      'a body added': { sentBody: '{}' },
      'a body left out': { content: { a: 1 }, sentBody: '' },
      'one of two headers bad': { header: (right) => `${right}\n${right.replace('ed25519:k', 'ed25519:z')}` },
      'two headers of two servers': { header: (right) => `${right}\n${right.replace('hs1.test', 'hs3.test')}` },
      'a second header that is none': { header: (right) => `${right}\nX-Matrix nonsense` },
    }
    for (const [name, forged] of Object.entries(bad)) {
      expect([name, await send(hs2, key, forged)]).toEqual([name, 401])
    }
  })

  test('T21: a request must be signed with a key that is valid now', async () => {
    await using federation = await Federation.make('hs1.test', 'hs2.test')
    const key = signingKeyFromSeed('k', randomBytes(32))
    const clock = new FakeClock()
    const hs1 = await federation.start('hs1.test', { parts: { clock, signingKeys: [key] } })
    const hs2 = await federation.start('hs2.test', { parts: { clock } })
    expect(await send(hs2, key)).toBe(404)
    await hs1.server.server.stop()
    await clock.advance(24 * 3_600_000)
    expect(await send(hs2, key)).toBe(404)
    await clock.advance(1)
    expect(await send(hs2, key)).toBe(401)
  })

  test('T26: a key whose private half is known to all signs nothing', async () => {
    await using federation = await Federation.make('hs1.test', 'hs2.test')
    const [banned, fine] = [signingKeyFromSeed('banned', knownSeed), signingKeyFromSeed('fine', randomBytes(32))]
    const hs1 = await federation.start('hs1.test', { parts: { signingKeys: [banned, fine] } })
    const hs2 = await federation.start('hs2.test')
    expect(hs1.keys()).toMatchObject({ verify_keys: { 'ed25519:banned': {} } })
    expect(await send(hs2, banned)).toBe(401)
    expect(await hs2.services.keyRing.verifierFor('hs1.test', 'ed25519:banned', undefined)).toBeUndefined()
    expect(await hs2.services.keyRing.verifierFor('hs1.test', 'ed25519:fine', undefined)).toBeDefined()
  })

  test('servers that are denied, or not on the list, are neither let in nor asked', async () => {
    await using federation = await Federation.make('hs1.test', 'hs2.test')
    const key = signingKeyFromSeed('k', randomBytes(32))
    await federation.start('hs1.test', { parts: { signingKeys: [key] } })
    for (const [index, rule] of ['deny: ["*1.test"]', 'allow: [hs3.test]'].entries()) {
      const hs2 = await federation.start('hs2.test', { config: `federation: { mode: open, ${rule} }` })
      expect([index, await send(hs2, key)]).toEqual([index, 403])
      const asked = hs2.services.federationClient.get('hs1.test', '/_matrix/federation/v1/version')
      await expect(asked).rejects.toMatchObject({ status: 403, errcode: 'M_FORBIDDEN' })
      expect(await hs2.services.keyRing.verifierFor('hs1.test', 'ed25519:k', undefined)).toBeUndefined()
    }
  })
})
