import { describe, expect, test } from '@jest/globals'
import type { Pdu } from './event.ts'
import { contentHash } from './hash.ts'
import { roomVersions } from './room-version.ts'
import {
  decodeBase64,
  encodeBase64,
  formatSigningKey,
  parseSigningKeys,
  publicKeyFrom,
  signEvent,
  signingKeyFromSeed,
  signJson,
  signText,
  verifyJson,
  verifyText,
  verifyTextAside,
} from './signing.ts'

// https://spec.matrix.org/v1.19/appendices/#cryptographic-test-vectors
const seed = decodeBase64('YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1', 32) ?? Buffer.alloc(0)
const key = signingKeyFromSeed('1', seed)
const signer = { serverName: 'domain', key }
const publicKey = publicKeyFrom(key.publicKey)
if (publicKey === undefined) throw new Error('No public key')

describe('the examples of the specification', () => {
  test.each([
    [{}, 'K8280/U9SSy9IVtjBuVeLr+HpOB4BQFWbg+UZaADMtTdGYI7Geitb76LTrr5QV/7Xg4ahLwYGYZzuHGZKM5ZAQ'],
    [{ one: 1, two: 'Two' }, 'KqmLSbO39/Bzb0QIYE82zqLwsA+PDzYIpIRA2sRQ4sL53+sN6/fpNSoqE7BP7vBZhG6kYdD13EIMJpvhJI+6Bw'],
  ])('signing %j', (value, signature) => {
    expect(signJson(value, signer)).toEqual({ ...value, signatures: { domain: { 'ed25519:1': signature } } })
  })

  test('hashing and signing a minimal event', () => {
    const event: Pdu = {
      room_id: '!x:domain',
      sender: '@a:domain',
      origin: 'domain',
      origin_server_ts: 1_000_000,
      signatures: {},
      hashes: {},
      type: 'X',
      content: {},
      prev_events: [],
      auth_events: [],
      depth: 3,
      unsigned: { age_ts: 1_000_000 },
    }
    const sha256 = contentHash(event, roomVersions[1])
    expect(sha256).toBe('5jM4wQpv6lnBo7CLIghJuHdW+s2CMBJPUOGOC89ncos')
    expect(signEvent({ ...event, hashes: { sha256 } }, roomVersions[1], signer).signatures).toEqual({
      domain: { 'ed25519:1': 'KxwGjPSDEtvnFgU00fwFz+l6d2pJM6XBIaMEn81SXPTRl16AqLAYqfIReFGZlHi5KLjAWbOoMszkwsQma+lYAg' },
    })
  })
})

describe('base64', () => {
  test('is taken with and without padding', () => {
    expect(decodeBase64('Zm8', 2)).toEqual(Buffer.from('fo'))
    expect(decodeBase64('Zm8=', 2)).toEqual(Buffer.from('fo'))
    expect(encodeBase64(Buffer.from('fo'))).toBe('Zm8')
  })

  test.each(['', 'Zm', 'Zm9v', 'Zm8==', 'Zm-', 'Zm_', ' Zm8', 'Zm8\n', 'Z=m8', 'Zm8=x', '===='])(
    '%j is no two bytes',
    (text) => {
      expect(decodeBase64(text, 2)).toBeUndefined()
    },
  )
})

describe('signatures', () => {
  const signature = signText('hello', key)

  test('T28: of a wrong length or alphabet are not valid', () => {
    expect(verifyText('hello', signature, publicKey)).toBe(true)
    expect(verifyText('hello', `${signature}==`, publicKey)).toBe(true)
    for (const wrong of ['', signature.slice(1), `${signature}A`, `${signature}\n`, signature.replace(/^./, '-')]) {
      expect(verifyText('hello', wrong, publicKey)).toBe(false)
    }
  })

  test('T28: with a scalar beyond the group order are not valid', () => {
    const order = 2n ** 252n + 27742317777372353535851937790883648493n
    const bytes = Buffer.from(signature, 'base64')
    const scalar = BigInt(`0x${Buffer.from(bytes.subarray(32)).reverse().toString('hex')}`) + order
    const shifted = Buffer.from(scalar.toString(16).padStart(64, '0'), 'hex').reverse()
    expect(verifyText('hello', encodeBase64(Buffer.concat([bytes.subarray(0, 32), shifted])), publicKey)).toBe(false)
  })

  test.each([signature, `B${signature.slice(1)}`, signature.slice(1), ''])(
    'are valid on another thread where they are here: %j',
    async (text) => expect(await verifyTextAside('hello', text, publicKey)).toBe(verifyText('hello', text, publicKey)),
  )

  test('are looked up as own keys only', () => {
    expect(verifyJson({ signatures: {} }, { serverName: '__proto__', keyId: 'toString', publicKey })).toBe(false)
    expect(verifyJson({ signatures: { domain: [] } }, { serverName: 'domain', keyId: 'length', publicKey })).toBe(false)
    expect(
      verifyJson(
        { signatures: { domain: { 'ed25519:1': 7 } } },
        { serverName: 'domain', keyId: 'ed25519:1', publicKey },
      ),
    ).toBe(false)
  })
})

describe('signing keys', () => {
  test('are read from the file they were written to, the first being the one in use', () => {
    const file = formatSigningKey('a_xyz', seed) + formatSigningKey('old', Buffer.alloc(32, 7))
    const [first, second] = parseSigningKeys(file)
    expect(first.keyId).toBe('ed25519:a_xyz')
    expect(first.publicKey).toBe(key.publicKey)
    expect(second?.keyId).toBe('ed25519:old')
  })

  test.each(['', '\n', 'ed25519 a', 'ed25519 a Zm8', 'rsa a ' + 'A'.repeat(43), `ed25519 a-b ${'A'.repeat(43)}`])(
    'the file %j is refused',
    (file) => expect(() => parseSigningKeys(file)).toThrow(TypeError),
  )

  test('a public key has 32 bytes', () => {
    expect(publicKeyFrom('AAAA')).toBeUndefined()
    expect(publicKeyFrom('')).toBeUndefined()
  })
})
