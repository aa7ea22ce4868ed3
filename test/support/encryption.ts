/** Keys as clients publish them: rightly signed, but for no real encryption. */
import { randomBytes } from 'node:crypto'
import type { JsonObject } from '../../homeserver/core/event.ts'
import { encodeBase64, signingKeyFromSeed, signJson, type SigningKey } from '../../homeserver/core/signing.ts'
import type { Client } from './client.ts'

type Usage = 'master' | 'self_signing' | 'user_signing'

/** A JSON object with a user's signature by one of his keys. */
export function signedBy<Value extends JsonObject>(userId: string, key: SigningKey, value: Value): Value & JsonObject {
  return signJson(value, { serverName: userId, key })
}

/** The keys of the device of a client. */
export class TestDevice {
  readonly userId: string
  readonly deviceId: string
  readonly key: SigningKey
  readonly deviceKeys: JsonObject

  constructor({ userId, deviceId }: Pick<Client, 'userId' | 'deviceId'>, more: JsonObject = {}) {
    this.userId = userId
    this.deviceId = deviceId
    this.key = signingKeyFromSeed(deviceId, randomBytes(32))
    this.deviceKeys = this.sign({
      algorithms: ['m.olm.v1.curve25519-aes-sha2', 'm.megolm.v1.aes-sha2'],
      device_id: deviceId,
      keys: { [`curve25519:${deviceId}`]: randomKey(), [`ed25519:${deviceId}`]: this.key.publicKey },
      user_id: userId,
      ...more,
    })
  }

  sign<Value extends JsonObject>(value: Value): Value & JsonObject {
    return signedBy(this.userId, this.key, value)
  }

  /** `signed_curve25519:<name>` → a key. */
  oneTimeKeys(names: readonly string[], more: JsonObject = {}): Record<string, JsonObject> {
    return Object.fromEntries(
      names.map((name) => [`signed_curve25519:${name}`, this.sign({ key: randomKey(), ...more })]),
    )
  }
}

/** A user's cross-signing keys. */
export class TestCrossSigning {
  readonly userId: string
  readonly master = crossSigningKey()
  readonly selfSigning = crossSigningKey()
  readonly userSigning = crossSigningKey()

  constructor({ userId }: Pick<Client, 'userId'>) {
    this.userId = userId
  }

  /** The body of `/keys/device_signing/upload`. */
  upload(): Record<'master_key' | 'self_signing_key' | 'user_signing_key', JsonObject> {
    return {
      master_key: this.#published('master', this.master),
      self_signing_key: signedBy(this.userId, this.master, this.#published('self_signing', this.selfSigning)),
      user_signing_key: signedBy(this.userId, this.master, this.#published('user_signing', this.userSigning)),
    }
  }

  #published(usage: Usage, { keyId, publicKey }: SigningKey): JsonObject {
    return { keys: { [keyId]: publicKey }, usage: [usage], user_id: this.userId }
  }
}

function crossSigningKey(): SigningKey {
  const key = signingKeyFromSeed('any', randomBytes(32))
  return { ...key, keyId: `ed25519:${key.publicKey}` }
}

function randomKey(): string {
  return encodeBase64(randomBytes(32))
}
