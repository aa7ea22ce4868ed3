/** Messages that only one browser can read, whoever carries them. https://www.rfc-editor.org/rfc/rfc8291 */
import { createCipheriv, createECDH, type ECDH, hkdfSync, randomBytes } from 'node:crypto'

/** Of a subscription, as the browser made it. */
export interface BrowserKeys {
  /** Its public key: an uncompressed point of P-256. */
  readonly publicKey: Buffer
  /** 16 bytes that the push service does not know. */
  readonly auth: Buffer
}

/** What every push service carries at least is 4,096 bytes, and that is one record with its header. */
const RECORD_BYTES = 4_096
const HEADER_BYTES = 16 + 4 + 1 + 65
const TAG_BYTES = 16
/** The longest message. */
export const maxWebPushBytes = RECORD_BYTES - HEADER_BYTES - TAG_BYTES - 1

function newBrowserSecrets(): { readonly ours: ECDH; readonly salt: Buffer } {
  const ours = createECDH('prime256v1')
  ours.generateKeys()
  return { ours, salt: randomBytes(16) }
}

/** The body of a request with `Content-Encoding: aes128gcm`. Throws if the public key is none. */
export function encryptWebPush(
  message: Buffer,
  { publicKey, auth }: BrowserKeys,
  { ours, salt } = newBrowserSecrets(),
): Buffer {
  const ownKey = ours.getPublicKey()
  const info = Buffer.concat([Buffer.from('WebPush: info\0'), publicKey, ownKey])
  const secret = hkdfSync('sha256', ours.computeSecret(publicKey), auth, info, 32)
  const derive = (purpose: string, bytes: number): Buffer =>
    Buffer.from(hkdfSync('sha256', Buffer.from(secret), salt, `Content-Encoding: ${purpose}\0`, bytes))
  const cipher = createCipheriv('aes-128-gcm', derive('aes128gcm', 16), derive('nonce', 12))
  const size = Buffer.alloc(5)
  size.writeUInt32BE(RECORD_BYTES)
  size.writeUInt8(ownKey.length, 4)
  const lastRecord = Buffer.from([2])
  const record = [cipher.update(message), cipher.update(lastRecord), cipher.final(), cipher.getAuthTag()]
  return Buffer.concat([salt, size, ownKey, ...record])
}

/** Whether this is a point of P-256 as browsers give it. */
export function isBrowserKey(publicKey: Buffer): boolean {
  if (publicKey.length !== 65 || publicKey[0] !== 4) return false
  try {
    newBrowserSecrets().ours.computeSecret(publicKey)
    return true
  } catch {
    return false
  }
}
