import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { forEachDatabase } from '../../../test/support/databases.ts'
import type { Json, JsonObject } from '../../core/event.ts'
import { signJson, type SigningKey, signingKeyFromSeed } from '../../core/signing.ts'
import { FakeClock } from '../../platform/fake-clock.ts'
import { configureLogging } from '../../platform/log.ts'
import { Database } from '../../storage/database.ts'
import { migrate } from '../../storage/migrate.ts'
import { unusable } from './federation-error.ts'
import { BadKeyDocumentError, readKeyDocument } from './key-document.ts'
import { createKeySource } from './key-source.ts'
import { KeyRing } from './keys.ts'
import { OwnKeys } from './own-keys.ts'
import type { FederationClient } from './client.ts'

beforeAll(() => configureLogging({ level: 'off' }))
afterAll(() => configureLogging({}))

const day = 24 * 3_600_000
const start = Date.UTC(2026, 0, 1)
const keyOf = (version: string): SigningKey => signingKeyFromSeed(version, randomBytes(32))

const ourKey = keyOf('us')

interface Said {
  readonly server?: string
  readonly keys: readonly SigningKey[]
  readonly old?: readonly (readonly [key: SigningKey, expiredTs: number])[]
  readonly validUntilTs?: number
  readonly signedBy?: readonly SigningKey[]
}

function documentOf({
  server = 'a.test',
  keys,
  old = [],
  validUntilTs = start + day,
  signedBy = keys,
}: Said): JsonObject {
  const bare: JsonObject = {
    server_name: server,
    valid_until_ts: validUntilTs,
    verify_keys: Object.fromEntries(keys.map(({ keyId, publicKey }) => [keyId, { key: publicKey }])),
    old_verify_keys: Object.fromEntries(
      old.map(([{ keyId, publicKey }, expiredTs]) => [keyId, { key: publicKey, expired_ts: expiredTs }]),
    ),
  }
  return signedBy.reduce((document, key) => signJson(document, { serverName: server, key }), bare)
}

describe('T22: a key document is refused', () => {
  const [key, other] = [keyOf('k'), keyOf('o')]
  const good = documentOf({ keys: [key] })
  const without = (name: string): JsonObject => {
    const { [name]: _, ...rest } = good
    return rest
  }
  const cases: Record<string, Json | undefined> = {
    'that is none': 'nothing',
    'without signatures': without('signatures'),
    'signed by another key': documentOf({ keys: [key], signedBy: [other] }),
    'that not all of its keys have signed': documentOf({ keys: [key, other], signedBy: [key] }),
    'of another server': documentOf({ server: 'b.test', keys: [key] }),
    'signed in the name of another server': {
      ...signJson(without('signatures'), { serverName: 'b.test', key }),
    },
    'changed after it was signed': { ...good, valid_until_ts: start + 2 * day },
    'without keys': documentOf({ keys: [], signedBy: [key] }),
    'without a time': signJson({ ...without('valid_until_ts'), signatures: {} }, { serverName: 'a.test', key }),
    'with a key of the wrong length': signJson(
      { ...without('signatures'), verify_keys: { 'ed25519:k': { key: 'AAAA' } } },
      { serverName: 'a.test', key },
    ),
    'with too many keys': documentOf({ keys: Array.from({ length: 65 }, (_, n) => keyOf(`k${n}`)), signedBy: [] }),
  }
  test.each(Object.keys(cases))('%s', (name) => {
    expect(() => readKeyDocument(cases[name], 'a.test')).toThrow(BadKeyDocumentError)
  })

  test('but not for an algorithm or an old key that we cannot use', () => {
    const document = signJson(
      {
        ...without('signatures'),
        verify_keys: { [key.keyId]: { key: key.publicKey }, 'rsa:1': { key: 'x' } },
        old_verify_keys: { 'ed25519:x': { key: 'short', expired_ts: 1 }, 'ed25519:y': { key: other.publicKey } },
      },
      { serverName: 'a.test', key },
    )
    expect(readKeyDocument(document, 'a.test').keys.map(({ keyId }) => keyId)).toEqual(['ed25519:k'])
  })
})

/** A key ring that hears what the test says. `undefined` is a server that does not answer. */
class World implements AsyncDisposable {
  readonly clock = new FakeClock(start)
  /** What servers say themselves, and what notaries say. */
  readonly own: Record<string, JsonObject | undefined> = {}
  readonly told: Record<string, readonly JsonObject[] | undefined> = {}
  readonly asked: string[] = []
  readonly questions: JsonObject[] = []
  readonly ring: KeyRing
  readonly #database: Database

  private constructor(database: Database, ownKeys: OwnKeys, notaries: readonly string[]) {
    this.#database = database
    const answer = async (server: string, path: string, value: JsonObject | undefined): Promise<JsonObject> => {
      this.asked.push(`${server} ${path.split('/').at(-1)}`)
      await Promise.resolve()
      if (!value) throw unusable(server, 'could not be reached')
      return value
    }
    const client = {
      get: (server: string, path: string) => answer(server, path, this.own[server]),
      post: (server: string, path: string, { body }: { body: JsonObject }) => {
        this.questions.push(body)
        const documents = this.told[server]
        return answer(server, path, documents && { server_keys: documents })
      },
    } as unknown as FederationClient // all that the key ring uses of it
    const source = createKeySource({
      client,
      notaryVerifier: (notary, keyId) => this.ring.verifierFor(notary, keyId, this.clock.now()),
    })
    const mayTalkTo = (server: string): boolean => server !== 'denied.test'
    const { clock } = this
    this.ring = new KeyRing({ serverName: 'us.test', ownKeys, source, notaries, mayTalkTo, database, clock })
  }

  static async open(url: string, ...notaries: readonly string[]): Promise<World> {
    const database = await Database.open({ url })
    await migrate(database)
    const parts = { serverName: 'us.test', database, clock: new FakeClock(start), signingKeys: [ourKey] as const }
    return new World(database, await OwnKeys.open(parts), notaries)
  }

  /** Whether a key of a.test counts at that time. */
  async counts(key: SigningKey, at: number | undefined): Promise<boolean> {
    const verifier = await this.ring.verifierFor('a.test', key.keyId, at)
    if (!verifier) return false
    const { x = '' } = verifier.publicKey.export({ format: 'jwk' })
    return Buffer.from(x, 'base64url').equals(Buffer.from(key.publicKey, 'base64'))
  }

  /** Until a.test may be asked again. */
  async wait(): Promise<void> {
    await this.clock.advance(5 * 60_000)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#database.close()
  }
}

forEachDatabase(({ freshUrl }) => {
  test('T21: a key counts up to the end of its validity, or always where that does not matter', async () => {
    await using world = await World.open(await freshUrl())
    const key = keyOf('k')
    world.own['a.test'] = documentOf({ keys: [key] })
    expect(await world.counts(key, start + day - 1)).toBe(true)
    expect(await world.counts(key, start + day + 1)).toBe(false)
    expect(await world.counts(key, undefined)).toBe(true)
    expect(await world.counts(key, start - 365 * day)).toBe(true)
  })

  test('T21: no key is believed for more than seven days ahead', async () => {
    await using world = await World.open(await freshUrl())
    const key = keyOf('k')
    world.own['a.test'] = documentOf({ keys: [key], validUntilTs: start + 3650 * day })
    expect(await world.counts(key, start + 7 * day)).toBe(true)
    expect(await world.counts(key, start + 7 * day + 1)).toBe(false)
    world.own['a.test'] = undefined
    await world.clock.advance(8 * day)
    expect(await world.counts(key, world.clock.now())).toBe(false)
  })

  test('T23: an older document shortens nothing and takes nothing back', async () => {
    await using world = await World.open(await freshUrl())
    const [first, second] = [keyOf('k1'), keyOf('k2')]
    const oldest = documentOf({ keys: [first], validUntilTs: start + day })
    world.own['a.test'] = documentOf({ keys: [second], old: [[first, start]], validUntilTs: start + 2 * day })
    expect(await world.counts(second, start)).toBe(true)
    world.own['a.test'] = oldest
    await world.wait()
    await world.ring.refresh('a.test')
    expect(await world.counts(first, start)).toBe(true)
    expect(await world.counts(first, start + 1)).toBe(false)
    world.own['a.test'] = documentOf({ keys: [second], validUntilTs: start + 1 })
    await world.wait()
    await world.ring.refresh('a.test')
    expect(await world.counts(second, start + 2 * day)).toBe(true)
  })

  test('T23: the bytes of a key never change, and what changes them is refused whole', async () => {
    await using world = await World.open(await freshUrl())
    const [key, altered, added] = [keyOf('k'), keyOf('k'), keyOf('added')]
    world.own['a.test'] = documentOf({ keys: [key] })
    expect(await world.counts(key, start)).toBe(true)
    world.own['a.test'] = documentOf({ keys: [altered, added], validUntilTs: start + 2 * day })
    await world.wait()
    expect(await world.counts(added, start)).toBe(false)
    expect(await world.counts(altered, start)).toBe(false)
    expect(await world.counts(key, start)).toBe(true)
  })

  test('T24: the server itself is asked first; a notary counts if it has signed what it says', async () => {
    await using world = await World.open(await freshUrl(), 'dead.test', 'liar.test', 'notary.test')
    const [key, forged, ofNotary, ofLiar] = [keyOf('k'), keyOf('k'), keyOf('n'), keyOf('l')]
    world.own['notary.test'] = documentOf({ server: 'notary.test', keys: [ofNotary] })
    world.own['liar.test'] = documentOf({ server: 'liar.test', keys: [ofLiar] })
    const vouch = (document: JsonObject, serverName: string, by: SigningKey) =>
      signJson(document, { serverName, key: by })
    world.told['liar.test'] = [
      documentOf({ keys: [forged] }),
      vouch(documentOf({ keys: [forged] }), 'liar.test', keyOf('l')),
      vouch(documentOf({ server: 'b.test', keys: [forged] }), 'liar.test', ofLiar),
    ]
    world.told['notary.test'] = [vouch(documentOf({ keys: [key] }), 'notary.test', ofNotary)]
    expect(await world.counts(key, start)).toBe(true)
    expect(world.asked.filter((asked) => !asked.startsWith('liar') || asked.endsWith('query'))).toEqual([
      'a.test server',
      'dead.test query',
      'liar.test query',
      'notary.test query',
      'notary.test server',
    ])
    // What the server says itself outweighs what a notary has said.
    const truth = keyOf('k')
    world.own['a.test'] = documentOf({ keys: [truth] })
    await world.wait()
    await world.ring.refresh('a.test')
    expect(await world.counts(truth, start)).toBe(true)
  })

  test('T24: who does not answer is left alone for a minute, a notary included', async () => {
    await using world = await World.open(await freshUrl(), 'notary.test')
    const key = keyOf('k')
    for (let n = 0; n < 3; n++) expect(await world.counts(key, start)).toBe(false)
    expect(world.asked).toEqual(['a.test server', 'notary.test query'])
    await world.clock.advance(60_000)
    world.own['a.test'] = documentOf({ keys: [key] })
    expect(await world.counts(key, start)).toBe(true)
  })

  test('T25: for many events of an unknown server it is asked once, and a notary once', async () => {
    await using world = await World.open(await freshUrl(), 'notary.test')
    const [known, unknown] = [keyOf('known'), keyOf('unknown')]
    world.own['a.test'] = documentOf({ keys: [known] })
    const all = await Promise.all(Array.from({ length: 500 }, (_, n) => world.counts(unknown, start + n)))
    expect(all).not.toContain(true)
    for (let n = 0; n < 20; n++) await world.counts(unknown, start + n)
    expect(world.asked).toEqual(['a.test server', 'notary.test query'])
    expect(world.questions).toEqual([
      { server_keys: { 'a.test': { 'ed25519:unknown': { minimum_valid_until_ts: start } } } },
    ])
    expect(await world.counts(known, start)).toBe(true)
    expect(world.asked).toHaveLength(2)
    await world.wait()
    await world.counts(unknown, start)
    expect(world.asked).toHaveLength(4)
  })

  test('T25: made-up key ids cause ten questions in five minutes, not one each', async () => {
    await using world = await World.open(await freshUrl())
    world.own['a.test'] = documentOf({ keys: [keyOf('k')] })
    for (let n = 0; n < 100; n++) await world.ring.verifierFor('a.test', `ed25519:x${n}`, start)
    expect(world.asked).toHaveLength(10)
    for (const keyId of ['=', '> a.test', 'rsa:1', '']) await world.ring.verifierFor('b.test', keyId, start)
    expect(world.asked).toHaveLength(10)
  })

  test('T25: a key whose validity has ended is asked for again, once', async () => {
    await using world = await World.open(await freshUrl())
    const key = keyOf('k')
    world.own['a.test'] = documentOf({ keys: [key] })
    expect(await world.counts(key, start)).toBe(true)
    await world.clock.advance(2 * day)
    world.own['a.test'] = documentOf({ keys: [key], validUntilTs: start + 3 * day })
    const now = world.clock.now()
    expect(await Promise.all([world.counts(key, now), world.counts(key, now)])).toEqual([true, true])
    expect(world.asked).toHaveLength(2)
  })

  test('keys of many servers are read at once, and a server we do not talk to is never asked', async () => {
    const url = await freshUrl()
    const key = keyOf('k')
    {
      await using world = await World.open(url)
      world.own['a.test'] = documentOf({ keys: [key] })
      expect(await world.counts(key, start)).toBe(true)
    }
    await using again = await World.open(url)
    await again.ring.warm(['a.test', 'b.test', 'a.test'])
    expect(await again.counts(key, start)).toBe(true)
    expect(await again.ring.verifierFor('denied.test', 'ed25519:k', start)).toBeUndefined()
    expect(again.asked).toEqual([])
  })
})
