import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { encodeCanonical, isJsonObject } from './canonical-json.ts'
import type { Json, JsonObject, Pdu } from './event.ts'
import { identify } from './hash.ts'
import { finishEvent, receiveEvent } from './pdu.ts'
import { redact } from './redact.ts'
import { type RoomVersion, roomVersions } from './room-version.ts'
import { publicKeyFrom, signEvent, signingKeyFromSeed, signJson, verifyEvent, verifyJson } from './signing.ts'

const version = fc.constantFrom(...Object.values(roomVersions))

/** Content made of keys that redaction rules name, and others. */
const names = [
  ...new Set(
    Object.values(roomVersions).flatMap(({ redaction }) =>
      Object.values(redaction.content).flatMap((keys) =>
        keys === 'all' ? [] : keys.map((each) => (typeof each === 'string' ? each : each.key)),
      ),
    ),
  ),
]
const simple = fc.oneof(fc.string(), fc.maxSafeInteger(), fc.boolean(), fc.constant(null))
const content: fc.Arbitrary<JsonObject> = fc.dictionary(
  fc.oneof(fc.constantFrom(...names, 'signed', 'body', '__proto__'), fc.string()),
  fc.oneof(simple, fc.dictionary(fc.oneof(fc.constant('signed'), fc.string()), simple), fc.array(simple)),
)
const types = [...new Set(Object.values(roomVersions).flatMap(({ redaction }) => Object.keys(redaction.content)))]
const eventId = fc.stringMatching(/^\$[\w-]{43}$/)

interface Sample {
  version: RoomVersion
  draft: Pdu
}

const sample: fc.Arbitrary<Sample> = fc
  .record({
    version,
    type: fc.oneof(
      fc.constantFrom(...types, 'm.room.message'),
      fc.string({ maxLength: 20 }).filter((text) => !text.includes('\0')),
    ),
    content,
    references: fc.array(eventId, { maxLength: 5 }),
    depth: fc.nat(),
    origin_server_ts: fc.nat(),
    state: fc.option(fc.constantFrom('', '@bob:b.example'), { nil: undefined }),
    extra: fc.dictionary(
      fc.constantFrom('origin', 'prev_state', 'membership', 'org.example', 'redacts', '\u{1f600}'),
      simple,
    ),
  })
  .map(({ version, references, state, extra, ...event }) => {
    const refer = version.eventIds === 'server' ? references.map((id) => [id, { sha256: 'abc' }]) : references
    const isCreate = version.roomIdIsCreateHash && event.type === 'm.room.create'
    const draft = {
      ...extra,
      ...event,
      ...(event.type === 'm.room.redaction' && { redacts: '$abc' }),
      ...(state !== undefined && { state_key: state }),
      ...(version.eventIds === 'server' && { event_id: '$1:a.example' }),
      ...(!isCreate && { room_id: version.roomIdIsCreateHash ? `!${'a'.repeat(43)}` : '!room:a.example' }),
      sender: '@alice:a.example',
      prev_events: refer,
      auth_events: refer,
    }
    return { version, draft: draft as unknown as Pdu }
  })

function person(serverName: string, seed: number) {
  const key = signingKeyFromSeed(`k${seed}`, Buffer.alloc(32, seed))
  const publicKey = publicKeyFrom(key.publicKey)
  if (publicKey === undefined) throw new Error('No public key')
  return { signer: { serverName, key }, verifier: { serverName, keyId: key.keyId, publicKey } }
}
const alice = person('a.example', 1)
const bob = person('b.example:8448', 2)

/** Another value than the given one. */
function changed(value: Json | undefined): Json {
  if (typeof value === 'string') return `${value}x`
  if (typeof value === 'number') return value === 0 ? 1 : value - 1
  if (Array.isArray(value)) return [...(value as Json[]), '$new']
  return isJsonObject(value) ? { ...value, 'org.example.new': 1 } : 'x'
}

test('P4: redaction is idempotent, keeps keys of the rules only, and keeps id and signature', () => {
  fc.assert(
    fc.property(sample, ({ version, draft }) => {
      const { pdu, eventId } = finishEvent(draft, version, alice.signer)
      const redacted = redact(pdu, version)
      expect(encodeCanonical(redact(redacted, version))).toBe(encodeCanonical(redacted))
      expect(Object.keys(redacted).filter((key) => !version.redaction.topLevel.includes(key))).toEqual([])
      const rule = Object.hasOwn(version.redaction.content, pdu.type) ? version.redaction.content[pdu.type] : []
      const kept =
        rule === 'all'
          ? Object.keys(pdu.content)
          : (rule ?? []).map((each) => (typeof each === 'string' ? each : each.key))
      expect(Object.keys(redacted.content).filter((key) => !kept.includes(key))).toEqual([])
      expect(identify(redacted, version).eventId).toBe(eventId)
      expect(verifyEvent(redacted, version, alice.verifier)).toBe(true)
    }),
  )
})

test('P5: changing what is signed breaks the signature and changes a hashed id; what is not signed changes nothing', () => {
  fc.assert(
    fc.property(sample, fc.nat(), ({ version, draft }, pick) => {
      const { pdu, eventId } = finishEvent(draft, version, alice.signer)
      const redacted = redact(pdu, version)
      const signed = Object.keys(redacted).filter((key) => !['signatures', 'content', 'event_id'].includes(key))
      const key = signed[pick % signed.length] ?? ''
      // A changed type may keep other content; the bytes differ all the same.
      const altered: Pdu = { ...pdu, [key]: changed(pdu[key]) }
      expect(verifyEvent(altered, version, alice.verifier)).toBe(false)
      if (version.eventIds !== 'server') expect(identify(altered, version).eventId).not.toBe(eventId)

      const decorated: Pdu = {
        ...pdu,
        unsigned: { age: 5 },
        signatures: { ...pdu.signatures, 'c.example': { 'ed25519:1': 'x' } },
      }
      expect(verifyEvent(decorated, version, alice.verifier)).toBe(true)
      expect(identify(decorated, version).eventId).toBe(eventId)
    }),
  )
})

test('P5: changing any hashed byte breaks the content hash', () => {
  fc.assert(
    fc.property(sample, fc.nat(), ({ version, draft }, pick) => {
      const { pdu, eventId, json } = finishEvent(draft, version, alice.signer)
      expect(receiveEvent(pdu, version)).toMatchObject({ eventId, json, hashMatches: true })
      const keys = ['content', 'depth', 'origin_server_ts']
      const key = keys[pick % keys.length] ?? ''
      expect(receiveEvent({ ...pdu, [key]: changed(pdu[key]) }, version)).toMatchObject({ hashMatches: false })
    }),
  )
})

test('P6: everybody who signed can be checked, in any order of signing, and nobody else', () => {
  fc.assert(
    fc.property(sample, content, ({ version, draft }, object) => {
      const { pdu } = finishEvent(draft, version, alice.signer)
      const both = signEvent(pdu, version, bob.signer)
      for (const { verifier } of [alice, bob]) {
        expect(verifyEvent(both, version, verifier)).toBe(true)
        expect(verifyEvent(both, version, { ...verifier, serverName: 'c.example' })).toBe(false)
        expect(verifyEvent(both, version, { ...verifier, keyId: 'ed25519:other' })).toBe(false)
      }
      expect(verifyEvent(both, version, { ...alice.verifier, publicKey: bob.verifier.publicKey })).toBe(false)

      const signed = signJson(signJson(object, alice.signer), bob.signer)
      expect(encodeCanonical(signed)).toBe(encodeCanonical(signJson(signJson(object, bob.signer), alice.signer)))
      for (const { verifier } of [alice, bob])
        expect(verifyJson({ ...signed, unsigned: { a: 1 } }, verifier)).toBe(true)
      expect(verifyJson({ ...signed, 'org.example.new': 1 }, alice.verifier)).toBe(false)
    }),
  )
})
