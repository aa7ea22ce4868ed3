/** Signatures on requests between servers. https://spec.matrix.org/v1.19/server-server-api/#request-authentication */
import { encodeCanonical } from '../../core/canonical-json.ts'
import type { ServerName } from '../../core/ids.ts'
import { type Signer, signText } from '../../core/signing.ts'

/** What a signature on a request covers. */
export interface SignedParts {
  readonly method: string
  /** Path and query as they are sent. */
  readonly uri: string
  readonly origin: ServerName
  readonly destination: ServerName
  /** The body as JSON text; undefined if there is none. */
  readonly content: string | undefined
}

/** The canonical text that is signed, if `content` is canonical: the keys stand in their order. */
export function textToSign({ method, uri, origin, destination, content }: SignedParts): string {
  const rest = encodeCanonical({ destination, method, origin, uri })
  return content === undefined ? rest : `{"content":${content},${rest.slice(1)}`
}

/** The `Authorization` header of a request that we send; `content` is canonical. */
export function signRequest(parts: Omit<SignedParts, 'origin'>, signer: Signer): string {
  const origin = signer.serverName
  const signature = signText(textToSign({ ...parts, origin }), signer.key)
  return `X-Matrix origin="${origin}",destination="${parts.destination}",key="${signer.key.keyId}",sig="${signature}"`
}

/** What an `Authorization` header of the scheme `X-Matrix` says. */
export interface Claim {
  readonly origin: string
  /** Old servers leave it out. */
  readonly destination: string | undefined
  readonly keyId: string
  readonly signature: string
}

/** A name, and a value in quotes or, as RFC 9110 has tokens, without; old servers leave colons and more unquoted. */
const parameter = /[ \t]*([!#$%&'*+.^_`|~\w-]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s",]*))[ \t]*(?:,|$)/y

/** Undefined for another scheme, for what cannot be read, what lacks a part, and what says one thing twice. */
export function parseAuthorization(header: string): Claim | undefined {
  const scheme = /^X-Matrix +/i.exec(header)?.[0]
  if (scheme === undefined) return undefined
  const found = new Map<string, string>()
  for (parameter.lastIndex = scheme.length; parameter.lastIndex < header.length;) {
    const [, name = '', quoted, token = ''] = parameter.exec(header) ?? []
    if (name === '' || found.has(name.toLowerCase())) return undefined
    found.set(name.toLowerCase(), quoted?.replaceAll(/\\(.)/g, '$1') ?? token)
  }
  const [origin, keyId, signature] = [found.get('origin'), found.get('key'), found.get('sig')]
  if (origin === undefined || keyId === undefined || signature === undefined) return undefined
  return { origin, destination: found.get('destination'), keyId, signature }
}
