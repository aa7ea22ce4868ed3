/** Finds out which server asks. https://spec.matrix.org/v1.19/server-server-api/#request-authentication */
import { encodeCanonical } from '../../core/canonical-json.ts'
import { forbidden, MatrixError } from '../../core/errors.ts'
import type { Json } from '../../core/event.ts'
import { isServerName, type ServerName } from '../../core/ids.ts'
import { verifyText } from '../../core/signing.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Destinations } from './destinations.ts'
import type { KeyRing } from './keys.ts'
import { type Claim, parseAuthorization, textToSign } from './request-signing.ts'
import type { ServerFilter } from './server-filter.ts'

export interface IncomingRequest {
  readonly method: string
  /** Path and query as they came. */
  readonly uri: string
  /** All `Authorization` headers. */
  readonly authorization: readonly string[]
}

/** A body as it came, and what it says. */
export interface JsonContent {
  readonly text: string
  readonly value: Json
}

export interface RequestAuthenticatorParts {
  readonly serverName: ServerName
  readonly keyRing: KeyRing
  readonly mayTalkTo: ServerFilter
  readonly destinations: Destinations
  readonly clock: Clock
}

const MAX_HEADERS = 4

const unauthorized = (message: string): MatrixError => new MatrixError(401, 'M_UNAUTHORIZED', message)

export class RequestAuthenticator {
  readonly #parts: RequestAuthenticatorParts

  constructor(parts: RequestAuthenticatorParts) {
    this.#parts = parts
  }

  /**
   * The server that has signed the request. The body is read by `readContent`, only when the headers look good. Throws
   * `M_UNAUTHORIZED` unless every signature is right, `M_FORBIDDEN` for servers we do not talk to (T48).
   */
  async authenticate(
    request: IncomingRequest,
    readContent: () => Promise<JsonContent | undefined>,
  ): Promise<{ readonly origin: ServerName; readonly content: JsonContent | undefined }> {
    const claims = this.#claimsOf(request)
    const [{ origin }] = claims
    if (!this.#parts.mayTalkTo(origin)) throw forbidden(`This server does not talk to ${origin}`)
    const content = await readContent()
    for (const claim of claims) await this.#check(claim, request, content)
    this.#parts.destinations.alive(origin, { spoke: true })
    return { origin, content }
  }

  #claimsOf({ authorization }: IncomingRequest): readonly [Claim, ...Claim[]] {
    const [first, ...others] = authorization.map(parseAuthorization)
    if (!first) throw unauthorized('The request is not signed')
    if (others.length >= MAX_HEADERS) throw unauthorized('The request is signed too often')
    if (!isServerName(first.origin)) throw unauthorized('The origin is not the name of a server')
    const { serverName } = this.#parts
    if (first.origin === serverName) throw unauthorized('The request claims to come from this server')
    const all = [first, ...others.map((claim) => claim ?? unreadable)] as const
    for (const { origin, destination = serverName } of all) {
      if (origin !== first.origin) throw unauthorized('The request is signed by several servers')
      if (destination !== serverName) throw unauthorized('The request is meant for another server')
    }
    return all
  }

  async #check({ origin, keyId, signature }: Claim, request: IncomingRequest, content: JsonContent | undefined) {
    const { serverName, keyRing, clock } = this.#parts
    const verifier = await keyRing.verifierFor(origin, keyId, clock.now())
    if (!verifier) throw unauthorized(`${origin} has no valid key ${keyId} that could be found`)
    const { method, uri } = request
    const isSigned = (text: string | undefined): boolean =>
      verifyText(
        textToSign({ method, uri, origin, destination: serverName, content: text }),
        signature,
        verifier.publicKey,
      )
    // Most servers send the body in its canonical form, and then it need not be made.
    if (isSigned(content?.text) || (content && isSigned(encodeCanonical(content.value)))) return
    throw unauthorized(`The signature of ${origin} does not fit the request`)
  }
}

const unreadable: Claim = { origin: '', destination: undefined, keyId: '', signature: '' }
