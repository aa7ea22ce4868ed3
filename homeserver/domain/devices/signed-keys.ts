/** What all published keys have in common: JSON objects that carry signatures of the keys of users. */
import { encodeCanonical, isJsonObject } from '../../core/canonical-json.ts'
import { badJson, refuse, tooLarge } from '../../core/errors.ts'
import type { JsonObject } from '../../core/event.ts'
import type { DeviceId, UserId } from '../../core/ids.ts'
import { publicKeyFrom, verifyJson } from '../../core/signing.ts'
import type { Usage } from '../../storage/cross-signing.ts'
import { maxKeyBytes } from '../limits.ts'

/** User → key id → signature. */
export type Signatures = Readonly<Record<string, Readonly<Record<string, string>>>>

/** A JSON object whose `keys` and `signatures`, if it has them, have the right form. */
export interface SignedKeys extends JsonObject {
  readonly keys: Readonly<Record<string, string>>
  readonly signatures?: Signatures
}

/**
 * The identity keys of a device. Throws unless they are well-formed and those of that device (T71), and if they carry a
 * signature of the device that is wrong. They may come without one: other clients leave such a device aside.
 */
export function parseDeviceKeys(value: JsonObject, userId: UserId, deviceId: DeviceId): SignedKeys {
  const { algorithms } = value
  const keys = signedKeys(value, 'device_keys')
  if (!Array.isArray(algorithms) || !algorithms.every((name) => typeof name === 'string')) {
    throw badJson('device_keys.algorithms is not a list of texts')
  }
  if (value['user_id'] !== userId) throw badJson('device_keys.user_id is not you')
  if (value['device_id'] !== deviceId) throw badJson('device_keys.device_id is not this device')
  if (keys.signatures === undefined) throw badJson('device_keys.signatures is missing')
  const keyId = `ed25519:${deviceId}`
  if (signatureOf(keys, userId, keyId) !== undefined && !isSignedBy(keys, userId, keyId, keys.keys[keyId])) {
    throw invalidSignature('The device keys are not signed by the device')
  }
  return keys
}

/** A cross-signing key and its public part. Throws unless it is well-formed, the user's, and for that usage. */
export function parseCrossSigningKey(
  value: JsonObject,
  userId: UserId,
  usage: Usage,
): { keys: SignedKeys; publicKey: string } {
  const name = `${usage}_key`
  const keys = signedKeys(value, name)
  const uses = value['usage']
  if (value['user_id'] !== userId) throw badJson(`${name}.user_id is not you`)
  if (!Array.isArray(uses) || !uses.includes(usage)) throw badJson(`${name}.usage does not have ${usage}`)
  const [[keyId, publicKey] = ['', ''], ...others] = Object.entries(keys.keys)
  if (others.length > 0 || keyId !== `ed25519:${publicKey}` || !publicKeyFrom(publicKey)) {
    throw badJson(`${name}.keys is not one Ed25519 key under its own name`)
  }
  return { keys, publicKey }
}

function signedKeys(value: JsonObject, name: string): SignedKeys {
  const { keys, signatures } = value
  if (!isTexts(keys)) throw badJson(`${name}.keys is not an object of texts`)
  if (signatures !== undefined && !isSignatures(signatures)) throw badJson(`${name}.signatures has the wrong form`)
  return value as SignedKeys // the two lines above looked
}

function isTexts(value: unknown): value is Record<string, string> {
  return isJsonObject(value) && Object.values(value).every((text) => typeof text === 'string')
}

export function isSignatures(value: unknown): value is Signatures {
  return isJsonObject(value) && Object.values(value).every(isTexts)
}

/** The signatures of one user, by key id. */
export function signaturesOf({ signatures }: SignedKeys, userId: UserId): Readonly<Record<string, string>> {
  return signatures && Object.hasOwn(signatures, userId) ? (signatures[userId] ?? {}) : {}
}

function signatureOf(keys: SignedKeys, userId: UserId, keyId: string): string | undefined {
  const signatures = signaturesOf(keys, userId)
  return Object.hasOwn(signatures, keyId) ? signatures[keyId] : undefined
}

/** Whether there is a valid signature of a user's key; the key in base64. */
export function isSignedBy(value: JsonObject, userId: UserId, keyId: string, publicKey: string | undefined): boolean {
  const key = publicKey === undefined ? undefined : publicKeyFrom(publicKey)
  return key !== undefined && verifyJson(value, { serverName: userId, keyId, publicKey: key })
}

/** The same keys with more signatures of one user. */
export function withSignatures(keys: SignedKeys, userId: UserId, more: Readonly<Record<string, string>>): SignedKeys {
  return { ...keys, signatures: { ...keys.signatures, [userId]: { ...signaturesOf(keys, userId), ...more } } }
}

/** What signatures cover: the canonical JSON without them and without `unsigned`. */
export function coveredText(value: JsonObject): string {
  const { signatures: _signatures, unsigned: _unsigned, ...covered } = value
  return encodeCanonical(covered)
}

/** As keys are stored. Throws `M_TOO_LARGE`. */
export function storedText(value: JsonObject): string {
  const { unsigned: _unsigned, ...rest } = value
  const text = encodeCanonical(rest)
  if (Buffer.byteLength(text) > maxKeyBytes) throw tooLarge('A key is too large')
  return text
}

/** Keys as `storedText` gave them. */
export function parseStored(text: string): SignedKeys {
  return JSON.parse(text) as SignedKeys // nothing else is stored
}

export const invalidSignature = (message: string) => refuse(400, 'M_INVALID_SIGNATURE', message)
