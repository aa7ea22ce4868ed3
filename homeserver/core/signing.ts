/**
 * Ed25519 signatures on JSON and on events, and signing keys.
 * https://spec.matrix.org/v1.19/appendices/#signing-json
 */
import { createPrivateKey, createPublicKey, sign, verify } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { encodeCanonical, isJsonObject } from './canonical-json.ts'
import type { Json, JsonObject, Pdu } from './event.ts'
import { encodeMembers, signedText } from './hash.ts'
import type { ServerName } from './ids.ts'
import type { RoomVersion } from './room-version.ts'

/** `ed25519:` and the version of the key. */
export type KeyId = `ed25519:${string}`

/** A private key with what others need to check its signatures. */
export interface SigningKey {
  readonly keyId: KeyId
  readonly privateKey: KeyObject
  /** 32 bytes in unpadded base64. */
  readonly publicKey: string
}

/** Who signs, and with which key. */
export interface Signer {
  readonly serverName: ServerName
  readonly key: SigningKey
}

/** Whose signature is looked for, and the key to check it with. */
export interface Verifier {
  readonly serverName: ServerName
  readonly keyId: string
  readonly publicKey: KeyObject
}

export function encodeBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64').replace(/=+$/, '')
}

/** The bytes of base64 in the standard alphabet, with or without padding; undefined unless they are `length` many. */
export function decodeBase64(text: string, length: number): Buffer | undefined {
  if (text.length > Math.ceil(length / 3) * 4 || !/^[A-Za-z\d+/]+={0,2}$/.test(text)) return undefined
  const bytes = Buffer.from(text, 'base64')
  return bytes.length === length ? bytes : undefined
}

const signatureBytes = 64
const keyBytes = 32
/** What stands before the 32 bytes of an Ed25519 seed in PKCS #8. */
const pkcs8Prefix = Buffer.from('302e020100300506032b657004220420', 'hex')

/** A signing key from its 32 byte seed; `version` is what follows `ed25519:` in its id. Seeds come from `randomBytes`. */
export function signingKeyFromSeed(version: string, seed: Uint8Array): SigningKey {
  if (!/^\w+$/.test(version)) throw new TypeError(`${version} is no version of a key`)
  if (seed.length !== keyBytes) throw new TypeError('A signing key has a seed of 32 bytes')
  const privateKey = createPrivateKey({ key: Buffer.concat([pkcs8Prefix, seed]), format: 'der', type: 'pkcs8' })
  const { x = '' } = createPublicKey(privateKey).export({ format: 'jwk' })
  return { keyId: `ed25519:${version}`, privateKey, publicKey: encodeBase64(Buffer.from(x, 'base64url')) }
}

/** The line of a signing key file, as other homeservers write it: algorithm, version, seed in base64. */
export function formatSigningKey(version: string, seed: Uint8Array): string {
  return `ed25519 ${version} ${encodeBase64(seed)}\n`
}

/** The keys of a signing key file, the first being the one that signs. Throws if a line is no key, or there is none. */
export function parseSigningKeys(file: string): [SigningKey, ...SigningKey[]] {
  const lines = file.split('\n').filter((line) => line.trim() !== '')
  const [first, ...others] = lines.map((line) => {
    const [algorithm, version, text, ...rest] = line.trim().split(/\s+/)
    const seed = decodeBase64(text ?? '', keyBytes)
    if (algorithm !== 'ed25519' || version === undefined || seed === undefined || rest.length > 0) {
      throw new TypeError('A line of the signing key file is not "ed25519 <version> <seed in base64>"')
    }
    return signingKeyFromSeed(version, seed)
  })
  if (first === undefined) throw new TypeError('The signing key file is empty')
  return [first, ...others]
}

/** The public key object of 32 bytes in base64; undefined if it is no key. Making it takes time: keep it. */
export function publicKeyFrom(text: string): KeyObject | undefined {
  const bytes = decodeBase64(text, keyBytes)
  if (bytes === undefined) return undefined
  return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: bytes.toString('base64url') }, format: 'jwk' })
}

/** The signature of a text, in unpadded base64. */
export function signText(text: string, { privateKey }: SigningKey): string {
  return encodeBase64(sign(null, Buffer.from(text), privateKey))
}

export function verifyText(text: string, signature: string, publicKey: KeyObject): boolean {
  const bytes = decodeBase64(signature, signatureBytes)
  return bytes !== undefined && verify(null, Buffer.from(text), publicKey, bytes)
}

/** As `verifyText`, on another thread: the main one has time for a tenth of what it would take there. */
export async function verifyTextAside(text: string, signature: string, publicKey: KeyObject): Promise<boolean> {
  const bytes = decodeBase64(signature, signatureBytes)
  if (bytes === undefined) return false
  return await new Promise((resolve, reject) => {
    verify(null, Buffer.from(text), publicKey, bytes, (error, isValid) => (error ? reject(error) : resolve(isValid)))
  })
}

type Signatures = NonNullable<Pdu['signatures']>

/** `signatures` with one more. */
export function addSignature(
  signatures: Json | undefined,
  { serverName, key }: { readonly serverName: ServerName; readonly key: Pick<SigningKey, 'keyId'> },
  signature: string,
): Signatures {
  const existing = isJsonObject(signatures) ? signatures : {}
  const ofServer = Object.hasOwn(existing, serverName) ? existing[serverName] : undefined
  const extended = { ...(isJsonObject(ofServer) ? ofServer : {}), [key.keyId]: signature }
  // Signatures others made are carried as they came; `checkPduFormat` looks at their types.
  return { ...existing, [serverName]: extended } as Signatures
}

/** The signature a server made with a key, if the value carries one. */
export function findSignature({ signatures }: JsonObject, serverName: ServerName, keyId: string): string | undefined {
  if (!isJsonObject(signatures) || !Object.hasOwn(signatures, serverName)) return undefined
  const ofServer = signatures[serverName]
  if (!isJsonObject(ofServer) || !Object.hasOwn(ofServer, keyId)) return undefined
  const signature = ofServer[keyId]
  return typeof signature === 'string' ? signature : undefined
}

/** A JSON object with our signature added to those it has. */
export function signJson<Value extends JsonObject>(value: Value, signer: Signer): Value & { signatures: Signatures } {
  const signature = signText(textOfObject(value), signer.key)
  return { ...value, signatures: addSignature(value['signatures'], signer, signature) }
}

/** Whether a JSON object carries a valid signature of that server, made with that key. */
export function verifyJson(value: JsonObject, { serverName, keyId, publicKey }: Verifier): boolean {
  const signature = findSignature(value, serverName, keyId)
  return signature !== undefined && verifyText(textOfObject(value), signature, publicKey)
}

function textOfObject(value: JsonObject): string {
  const { signatures: _signatures, unsigned: _unsigned, ...covered } = value
  return encodeCanonical(covered)
}

/** An event with our signature added to those it has. Its hashes must be there already: see `finishEvent` of pdu.ts. */
export function signEvent(pdu: Pdu, version: RoomVersion, signer: Signer): Pdu {
  const signature = signText(textOfEvent(pdu, version), signer.key)
  return { ...pdu, signatures: addSignature(pdu.signatures, signer, signature) }
}

/** Whether an event carries a valid signature of that server, made with that key. */
export function verifyEvent(pdu: Pdu, version: RoomVersion, { serverName, keyId, publicKey }: Verifier): boolean {
  const signature = findSignature(pdu, serverName, keyId)
  return signature !== undefined && verifyText(textOfEvent(pdu, version), signature, publicKey)
}

function textOfEvent(pdu: Pdu, version: RoomVersion): string {
  return signedText(encodeMembers(pdu, version), pdu, version)
}
