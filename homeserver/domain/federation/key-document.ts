/** What servers publish about their signing keys. https://spec.matrix.org/v1.19/server-server-api/#publishing-keys */
import { encodeCanonical, isJsonObject } from '../../core/canonical-json.ts'
import type { Json, JsonObject } from '../../core/event.ts'
import type { ServerName } from '../../core/ids.ts'
import { decodeBase64, encodeBase64, publicKeyFrom, verifyJson } from '../../core/signing.ts'
import type { ServerKeyRow } from '../../storage/server-keys.ts'

interface PublishedKey {
  readonly keyId: string
  /** 32 bytes in unpadded base64. */
  readonly publicKey: string
  /** When it stopped to sign; undefined for a key that signs. */
  readonly expiredTs: number | undefined
}

/** A document that is what it should be: its own keys have signed it. */
export interface KeyDocument {
  readonly server: ServerName
  readonly validUntilTs: number
  readonly keys: readonly PublishedKey[]
  /** Canonical, with the signatures of the server itself alone. */
  readonly text: string
}

/** Not to be believed. */
export class BadKeyDocumentError extends Error {
  override name = 'BadKeyDocumentError'
}

export const maxKeyDocumentBytes = 65_536
/** In one document, and of one server in the course of time. */
const MAX_KEYS = 64
const MAX_KEYS_EVER = 256

/** Reads what is said to be the document of `server`. Throws `BadKeyDocumentError` (T22). */
export function readKeyDocument(value: Json | undefined, server: ServerName): KeyDocument {
  if (!isJsonObject(value)) throw new BadKeyDocumentError('It is no JSON object')
  const { server_name: name, valid_until_ts: validUntilTs, verify_keys: current, old_verify_keys: old = {} } = value
  if (name !== server) throw new BadKeyDocumentError('It is the document of another server')
  if (!isTimestamp(validUntilTs)) throw new BadKeyDocumentError('valid_until_ts is no time')
  if (!isJsonObject(current) || !isJsonObject(old)) throw new BadKeyDocumentError('It has no list of keys')
  if (Object.keys(current).length + Object.keys(old).length > MAX_KEYS) throw new BadKeyDocumentError('Too many keys')

  const signing = Object.entries(current).flatMap(([keyId, key]) => {
    if (!isKeyId(keyId)) return [] // of an algorithm that we do not know
    const publicKey = keyOf(key)
    if (publicKey === undefined) throw new BadKeyDocumentError(`${keyId} is no key`)
    return [{ keyId, publicKey, expiredTs: undefined }]
  })
  if (signing.length === 0) throw new BadKeyDocumentError('It has no key to sign with')
  for (const { keyId, publicKey } of signing) {
    const key = publicKeyFrom(publicKey)
    if (!key || !verifyJson(value, { serverName: server, keyId, publicKey: key })) {
      throw new BadKeyDocumentError(`${keyId} has not signed it`)
    }
  }
  const retired = Object.entries(old).flatMap(([keyId, key]) => {
    const publicKey = keyOf(key)
    const expiredTs = isJsonObject(key) ? key['expired_ts'] : undefined
    const isUsable = isKeyId(keyId) && publicKey !== undefined && isTimestamp(expiredTs)
    return isUsable && !Object.hasOwn(current, keyId) ? [{ keyId, publicKey, expiredTs }] : []
  })
  return { server, validUntilTs, keys: [...signing, ...retired], text: ownText(value, server) }
}

function isKeyId(keyId: string): boolean {
  return /^ed25519:\w{1,200}$/.test(keyId)
}

/** In unpadded base64; undefined unless it is 32 bytes. */
function keyOf(key: Json | undefined): string | undefined {
  const text = isJsonObject(key) ? key['key'] : undefined
  const bytes = typeof text === 'string' ? decodeBase64(text, 32) : undefined
  return bytes && encodeBase64(bytes)
}

function isTimestamp(value: Json | undefined): value is number {
  return Number.isSafeInteger(value) && Number(value) >= 0
}

function ownText(value: JsonObject, server: ServerName): string {
  const { unsigned: _unsigned, signatures, ...rest } = value
  const own = isJsonObject(signatures) ? signatures[server] : undefined
  return encodeCanonical({ ...rest, signatures: own === undefined ? {} : { [server]: own } })
}

/** How long a document is believed at most, so that who stole a key cannot make it last for years. */
export const longestValidityMs = 7 * 24 * 3_600_000

/**
 * The rows to store when a document has come from `source`. Nothing that is known becomes less (T23): a key keeps its
 * bytes, its validity is never shortened, and an older document takes nothing back. The server itself may correct
 * what a notary said. Throws `BadKeyDocumentError`.
 */
export function mergeKeys(
  stored: readonly ServerKeyRow[],
  document: KeyDocument,
  { source, now }: { source: ServerName; now: number },
): ServerKeyRow[] {
  const known = new Map(stored.map((row) => [row.key_id, row]))
  const { server, text } = document
  const validUntil = Math.min(document.validUntilTs, now + longestValidityMs)
  const rows = document.keys.map(({ keyId, publicKey, expiredTs }): ServerKeyRow => {
    const fresh: ServerKeyRow = {
      server_name: server,
      key_id: keyId,
      public_key: publicKey,
      valid_until_ts: expiredTs === undefined ? validUntil : Math.min(expiredTs, now),
      expired_ts: expiredTs === undefined ? null : Math.min(expiredTs, now),
      source,
      document: text,
    }
    const before = known.get(keyId)
    if (!before) return fresh
    if (before.public_key !== publicKey) {
      if (source === server && before.source !== server) return fresh
      throw new BadKeyDocumentError(`${keyId} is another key than before`)
    }
    const lasting = Math.max(before.valid_until_ts, fresh.valid_until_ts)
    const said = validUntilOf(before.document)
    // What is dated too far ahead cannot tell which document is the newer one.
    const isOlder = document.validUntilTs < said && said <= now + longestValidityMs
    if (isOlder) return { ...before, valid_until_ts: lasting }
    return { ...fresh, valid_until_ts: lasting }
  })
  for (const { key_id } of rows) known.delete(key_id)
  if (known.size + rows.length > MAX_KEYS_EVER) throw new BadKeyDocumentError('The server has had too many keys')
  return rows
}

/** What a stored document says itself. */
function validUntilOf(document: string): number {
  const { valid_until_ts: validUntilTs } = JSON.parse(document) as { valid_until_ts: number } // read before it was stored
  return validUntilTs
}

/** Until when signatures of a key count: what was signed later was not signed by its server. */
export function usableUntil({ expired_ts, valid_until_ts }: ServerKeyRow): number {
  return expired_ts ?? valid_until_ts
}
