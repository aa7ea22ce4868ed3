/** What people have in their hands. A security key without a browser: makes passkeys and shows them. https://www.w3.org/TR/webauthn-3/#sctn-authenticator-data */
import { generateKeyPairSync, hash, type KeyObject, randomBytes, sign } from 'node:crypto'
import type {
  PublicKeyCredentialCreationOptionsJSON,
  PublicKeyCredentialRequestOptionsJSON,
} from '@simplewebauthn/server'
import { codeAt } from '../../homeserver/domain/second-factors/totp.ts'

interface Kept {
  readonly privateKey: KeyObject
  readonly handle: string
}

const flags = { present: 0x01, verified: 0x04, backupEligible: 0x08, backedUp: 0x10, hasCredential: 0x40 }

export class TestAuthenticator {
  /** Where the page is that asks, as the browser sees it. */
  origin = 'https://hs.test'
  /** Whether its owner unlocks it. */
  isUnlocked = true
  isBackedUp = false
  /** Of uses. */
  counter = 0
  readonly #kept = new Map<string, Kept>()

  /** What the browser sends of a new passkey. */
  create({ challenge, rp, user }: PublicKeyCredentialCreationOptionsJSON): string {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const id = randomBytes(32)
    this.#kept.set(id.toString('base64url'), { privateKey, handle: user.id })
    const { x = '', y = '' } = publicKey.export({ format: 'jwk' })
    const length = Buffer.from([0, id.length])
    const credential = Buffer.concat([Buffer.alloc(16), length, id, coseOf(x, y)])
    const data = Buffer.concat([this.#data(rp.id ?? '', flags.hasCredential), credential])
    const attestation = Buffer.concat([
      Buffer.from('\xa3cfmtdnonegattStmt\xa0hauthDataX', 'latin1'),
      Buffer.from([data.length]),
      data,
    ])
    return jsonOf(id.toString('base64url'), {
      clientDataJSON: this.#clientData('webauthn.create', challenge).toString('base64url'),
      attestationObject: attestation.toString('base64url'),
      transports: ['usb'],
    })
  }

  /** What it sends of the passkey that was made last, or of one that was asked for. */
  get({ challenge, rpId, allowCredentials = [] }: PublicKeyCredentialRequestOptionsJSON): string {
    const asked = allowCredentials.map(({ id }) => id).find((id) => this.#kept.has(id))
    const id = asked ?? [...this.#kept.keys()].at(-1) ?? ''
    const kept = this.#kept.get(id)
    if (!kept) throw new Error('There is no passkey')
    this.counter++
    const [data, clientData] = [this.#data(rpId ?? ''), this.#clientData('webauthn.get', challenge)]
    const signed = Buffer.concat([data, hash('sha256', clientData, 'buffer')])
    return jsonOf(id, {
      clientDataJSON: clientData.toString('base64url'),
      authenticatorData: data.toString('base64url'),
      signature: sign('sha256', signed, kept.privateKey).toString('base64url'),
      userHandle: kept.handle,
    })
  }

  #data(rpId: string, more = 0): Buffer {
    const isVerified = this.isUnlocked ? flags.verified : 0
    const backup = this.isBackedUp ? flags.backupEligible | flags.backedUp : 0
    const end = Buffer.alloc(5)
    end.writeUInt8(flags.present | isVerified | backup | more)
    end.writeUInt32BE(this.counter, 1)
    return Buffer.concat([hash('sha256', rpId, 'buffer'), end])
  }

  #clientData(type: string, challenge: string): Buffer {
    return Buffer.from(JSON.stringify({ type, challenge, origin: this.origin, crossOrigin: false }))
  }
}

/** The code that an authenticator app shows, of a key in base 32. */
export function codeOfApp(secret: string, now: number): string {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
  const bits = Array.from(secret, (letter) => letters.indexOf(letter).toString(2).padStart(5, '0')).join('')
  const bytes = (bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2))
  return codeAt(Buffer.from(bytes), Math.floor(now / 30_000))
}

/** A key of ES256 as CBOR. https://www.rfc-editor.org/rfc/rfc9053#section-7.1.1 */
function coseOf(x: string, y: string): Buffer {
  const parts = ['a5010203262001215820', '225820'].map((hex) => Buffer.from(hex, 'hex'))
  const [start = Buffer.of(), between = Buffer.of()] = parts
  return Buffer.concat([start, Buffer.from(x, 'base64url'), between, Buffer.from(y, 'base64url')])
}

function jsonOf(id: string, response: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({ id, rawId: id, type: 'public-key', clientExtensionResults: {}, response })
}
