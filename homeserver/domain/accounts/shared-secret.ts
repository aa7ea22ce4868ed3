/** Registration by whoever knows the secret of the configuration: for scripts of the administrator. */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { forbidden, invalidParam } from '../../core/errors.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Secret } from '../../platform/secret.ts'

export interface SharedSecretRequest {
  readonly nonce: string
  readonly username: string
  readonly password: string
  readonly admin: boolean
  readonly userType: string | undefined
  /** Hexadecimal HMAC-SHA1 of the other fields, parted by NUL. */
  readonly mac: string
}

const NONCE_MS = 60_000
const MAX_NONCES = 1_000

export class SharedSecret {
  readonly #clock: Clock
  readonly #secret: Secret | undefined
  /** When each ends, the oldest first. */
  readonly #nonces = new Map<string, number>()

  constructor({ clock, secret }: { clock: Clock; secret: Secret | undefined }) {
    this.#clock = clock
    this.#secret = secret
  }

  /** Good once, for a minute. Throws `M_FORBIDDEN` if there is no secret. */
  newNonce(): string {
    if (!this.#secret) throw forbidden('This server has no shared secret for registration')
    const now = this.#clock.monotonic()
    for (const [nonce, ends] of this.#nonces) {
      if (ends > now && this.#nonces.size < MAX_NONCES) break
      this.#nonces.delete(nonce)
    }
    const nonce = randomBytes(32).toString('hex')
    this.#nonces.set(nonce, now + NONCE_MS)
    return nonce
  }

  /** Uses the nonce up. Throws `M_FORBIDDEN` for a wrong code and `M_INVALID_PARAM` for fields that could be read in two ways. */
  check({ nonce, username, password, admin, userType, mac }: SharedSecretRequest): void {
    if (!this.#secret) throw forbidden('This server has no shared secret for registration')
    const ends = this.#nonces.get(nonce)
    this.#nonces.delete(nonce)
    if (ends === undefined || ends <= this.#clock.monotonic()) throw forbidden('The nonce is unknown, used or expired')
    const fields = [nonce, username, password, admin ? 'admin' : 'notadmin']
    if (userType !== undefined) fields.push(userType)
    if (fields.some((field) => field.includes('\0'))) throw invalidParam('A field holds the character NUL')
    const expected = createHmac('sha1', this.#secret.reveal()).update(fields.join('\0')).digest()
    const given = Buffer.from(mac, 'hex')
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) throw forbidden('The HMAC is wrong')
  }
}
