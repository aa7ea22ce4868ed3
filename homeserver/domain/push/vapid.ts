/**
 * Who this server is to push services: browsers name its key when they subscribe, and nobody else can push to them then.
 * https://www.rfc-editor.org/rfc/rfc8292
 */
import { createECDH, createPrivateKey, type KeyObject, sign } from 'node:crypto'
import { readOrMakeKey } from '../../platform/key-file.ts'
import type { Clock } from '../../platform/clock.ts'
import { Lru } from '../../platform/lru.ts'

/** Services take no longer one than a day. */
const VALID_MS = 12 * 3_600_000
/** One is used again as long as it is good for that long. */
const LEFT_MS = 3_600_000
const MAX_SERVICES = 1_000

export interface VapidParts {
  readonly clock: Clock
  /** Where the key is, or will be when it is first needed. */
  readonly keyFile: string
  /** Where services turn to when something is wrong: an address that begins with mailto: or https:. */
  readonly contact: string
}

interface Keys {
  /** An uncompressed point of P-256. */
  readonly shown: string
  readonly secret: KeyObject
}

interface Pass {
  readonly text: string
  readonly expiresTs: number
}

export class Vapid {
  readonly #parts: VapidParts
  readonly #passes = new Lru<string, Pass>(MAX_SERVICES)
  #keys: Promise<Keys> | undefined

  constructor(parts: VapidParts) {
    this.#parts = parts
  }

  /** In base64url, as browsers want it. */
  async publicKey(): Promise<string> {
    return (await this.#read()).shown
  }

  /** The header `Authorization` for a push service, of an origin such as https://push.example. */
  async authorization(origin: string): Promise<string> {
    const { clock, contact } = this.#parts
    const now = clock.now()
    const known = this.#passes.get(origin)
    if (known && known.expiresTs > now + LEFT_MS) return known.text
    const { shown, secret } = await this.#read()
    const expiresTs = now + VALID_MS
    const claims = { aud: origin, exp: Math.floor(expiresTs / 1000), sub: contact }
    const signed = `${encoded({ typ: 'JWT', alg: 'ES256' })}.${encoded(claims)}`
    const signature = sign('sha256', Buffer.from(signed), { key: secret, dsaEncoding: 'ieee-p1363' })
    const text = `vapid t=${signed}.${signature.toString('base64url')}, k=${shown}`
    this.#passes.set(origin, { text, expiresTs })
    return text
  }

  async #read(): Promise<Keys> {
    this.#keys ??= readOrMakeKey(this.#parts.keyFile).then(keysOf)
    this.#keys.catch(() => (this.#keys = undefined)) // the disk may be there next time
    return await this.#keys
  }
}

function keysOf(scalar: Buffer): Keys {
  const ecdh = createECDH('prime256v1')
  ecdh.setPrivateKey(scalar)
  const point = ecdh.getPublicKey()
  const [x, y] = [point.subarray(1, 33), point.subarray(33)].map((part) => part.toString('base64url'))
  const jwk = { kty: 'EC', crv: 'P-256', x, y, d: scalar.toString('base64url') }
  return { shown: point.toString('base64url'), secret: createPrivateKey({ key: jwk, format: 'jwk' }) }
}

function encoded(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
