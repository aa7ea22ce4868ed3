import { randomBytes } from 'node:crypto'
import { describe, expect, test } from '@jest/globals'
import { encodeCanonical } from '../../core/canonical-json.ts'
import { publicKeyFrom, signingKeyFromSeed, verifyText } from '../../core/signing.ts'
import { parseAuthorization, signRequest, textToSign } from './request-signing.ts'

test('a header we make is read back, and its signature covers the request as canonical JSON', () => {
  const key = signingKeyFromSeed('1', randomBytes(32))
  const signer = { serverName: 'hs1.test', key }
  const body = { edus: [], pdus: [{ b: 1, a: 'ä' }] }
  const parts = { method: 'PUT', uri: '/_matrix/federation/v1/send/1?x=%20', destination: 'hs2.test:8448' }
  const claim = parseAuthorization(signRequest({ ...parts, content: encodeCanonical(body) }, signer))
  expect(claim).toMatchObject({ origin: 'hs1.test', destination: 'hs2.test:8448', keyId: 'ed25519:1' })
  const signed = encodeCanonical({ ...parts, origin: 'hs1.test', content: body })
  expect(textToSign({ ...parts, origin: 'hs1.test', content: encodeCanonical(body) })).toBe(signed)
  const publicKey = publicKeyFrom(key.publicKey)
  expect(publicKey && verifyText(signed, claim?.signature ?? '', publicKey)).toBe(true)
  expect(textToSign({ ...parts, origin: 'hs1.test', content: undefined })).toBe(
    encodeCanonical({ ...parts, origin: 'hs1.test' }),
  )
})

describe('an Authorization header', () => {
  const claim = { origin: 'a.test', destination: 'b.test:1', keyId: 'ed25519:k', signature: 'AA+/' }

  test.each([
    'X-Matrix origin="a.test",destination="b.test:1",key="ed25519:k",sig="AA+/"',
    'X-Matrix origin=a.test,destination=b.test:1,key=ed25519:k,sig=AA+/',
    'x-matrix   sig="AA+/" ,\tKEY="ed25519:k" , Origin=a.test,destination="b.test:1",extra="x, y"',
    String.raw`X-Matrix origin="a\.te\st",destination="b.test\:1",key="ed25519:k",sig="AA+/"`,
    'X-Matrix origin="a.test",destination="b.test:1",key="ed25519:k",sig="AA+/",',
  ])('in a form other servers use: %s', (header) => expect(parseAuthorization(header)).toEqual(claim))

  test('may lack the destination', () => {
    const header = 'X-Matrix origin=a.test,key="ed25519:k",sig="AA+/"'
    expect(parseAuthorization(header)).toEqual({ ...claim, destination: undefined })
  })

  test.each([
    'Bearer abc',
    'X-Matrix',
    'X-Matrix ',
    'X-Matrix origin="a.test",key="ed25519:k"',
    'X-Matrix origin="a.test",origin="b.test",key="ed25519:k",sig="AA"',
    'X-Matrix origin="a.test,key="ed25519:k",sig="AA"',
    'X-Matrix origin="a.test" key="ed25519:k" sig="AA"',
    'X-Matrix origin="a.test",,key="ed25519:k",sig="AA"',
  ])('is refused: %s', (header) => expect(parseAuthorization(header)).toBeUndefined())

  test('of hostile length is read in no time', () => {
    const started = performance.now()
    for (const filler of ['a', '\\', '"', 'a=,', ' ', 'a="\\'])
      parseAuthorization(`X-Matrix ${filler.repeat(16_000 / filler.length)}`)
    expect(performance.now() - started).toBeLessThan(2_000)
  })
})
