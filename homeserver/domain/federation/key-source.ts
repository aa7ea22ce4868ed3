/** Asks for documents with keys: their server first, then those who vouch for others. */
import { isJsonObject, encodeCanonical } from '../../core/canonical-json.ts'
import type { Json, JsonObject } from '../../core/event.ts'
import type { ServerName } from '../../core/ids.ts'
import { type Verifier, verifyJson } from '../../core/signing.ts'
import type { FederationClient } from './client.ts'
import { type KeyDocument, maxKeyDocumentBytes, readKeyDocument } from './key-document.ts'

const TIMEOUT_MS = 10_000

export interface KeySource {
  /** Rejects with `FederationError`, or with `BadKeyDocumentError` for what is not to be believed. */
  fromServer(server: ServerName): Promise<KeyDocument>
  /** The documents of a server that a notary has. Rejects as `fromServer` does. */
  fromNotary(notary: ServerName, wanted: WantedKey): Promise<readonly KeyDocument[]>
}

export interface WantedKey {
  readonly server: ServerName
  readonly keyId: string
  /** When it must have been valid, in milliseconds; undefined for any time. */
  readonly at: number | undefined
}

/** Gives the key with which a notary must have signed. */
export type NotaryVerifier = (notary: ServerName, keyId: string) => Promise<Verifier | undefined>

export function createKeySource({
  client,
  notaryVerifier,
}: {
  client: FederationClient
  notaryVerifier: NotaryVerifier
}): KeySource {
  async function fromServer(server: ServerName): Promise<KeyDocument> {
    const limits = { maxBytes: maxKeyDocumentBytes, timeoutMs: TIMEOUT_MS, evenIfDown: true }
    return readKeyDocument(await client.get(server, '/_matrix/key/v2/server', limits), server)
  }

  async function fromNotary(notary: ServerName, { server, keyId, at }: WantedKey): Promise<readonly KeyDocument[]> {
    const answer = await client.post(notary, '/_matrix/key/v2/query', {
      body: { server_keys: { [server]: { [keyId]: { minimum_valid_until_ts: at ?? 0 } } } },
      timeoutMs: TIMEOUT_MS,
    })
    const { server_keys: list } = answer
    const documents: KeyDocument[] = []
    for (const value of Array.isArray(list) ? (list as readonly Json[]) : []) {
      if (!isJsonObject(value) || !fits(value) || value['server_name'] !== server) continue
      if (await isVouchedFor(notary, value)) documents.push(readKeyDocument(value, server))
    }
    return documents
  }

  /** T24: what no notary has signed could come from anybody. */
  async function isVouchedFor(notary: ServerName, document: JsonObject): Promise<boolean> {
    const { signatures } = document
    const own = isJsonObject(signatures) ? signatures[notary] : undefined
    const keyIds = isJsonObject(own) ? Object.keys(own).slice(0, 4) : []
    for (const keyId of keyIds) {
      const verifier = await notaryVerifier(notary, keyId)
      if (verifier && verifyJson(document, verifier)) return true
    }
    return false
  }

  return { fromServer, fromNotary }
}

function fits(document: JsonObject): boolean {
  return encodeCanonical(document).length <= maxKeyDocumentBytes
}
