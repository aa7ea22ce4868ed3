/**
 * The signature of an identity server under a third-party invite.
 * https://spec.matrix.org/v1.19/client-server-api/#mroomthird_party_invite
 */
import type { KeyObject } from 'node:crypto'
import { encodeCanonical, isJsonObject } from '../canonical-json.ts'
import type { Json, JsonObject } from '../event.ts'
import { publicKeyFrom, verifyText } from '../signing.ts'

/** Any signature may be by any key; two long lists must not keep us busy for minutes. */
const maxAttempts = 1000

/** Whether any signature in `signed` is by any key of the `m.room.third_party_invite` event with the content `issued`. */
export function isSignedBy(signed: JsonObject, issued: JsonObject): boolean {
  const { signatures, unsigned: _unsigned, ...covered } = signed
  const text = encodeCanonical(covered)
  const keys = publicKeys(issued)
  let attempts = 0
  for (const signature of ed25519Signatures(signatures)) {
    for (const key of keys) {
      if (++attempts > maxAttempts) return false
      if (verifyText(text, signature, key)) return true
    }
  }
  return false
}

function publicKeys({ public_key: single, public_keys: list }: JsonObject): KeyObject[] {
  const listed = Array.isArray(list) ? list.map((entry) => (isJsonObject(entry) ? entry['public_key'] : undefined)) : []
  return [single, ...listed].flatMap((text) => {
    const key = typeof text === 'string' ? publicKeyFrom(fromUrlSafe(text)) : undefined
    return key ? [key] : []
  })
}

function* ed25519Signatures(signatures: Json | undefined): Generator<string> {
  if (!isJsonObject(signatures)) return
  for (const ofServer of Object.values(signatures)) {
    if (!isJsonObject(ofServer)) continue
    for (const [keyId, signature] of Object.entries(ofServer))
      if (keyId.startsWith('ed25519:') && typeof signature === 'string') yield signature
  }
}

/** These keys may be in either alphabet of base64. */
function fromUrlSafe(text: string): string {
  return text.replaceAll('-', '+').replaceAll('_', '/')
}
