/** The authorization code grant. https://spec.matrix.org/v1.19/client-server-api/#authorisation-code-grant */
import { hash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { UserId } from '../../core/ids.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Database, Tx } from '../../storage/database.ts'
import { addCode, type Code, findCode, type Grant, markCodeUsed, removeCodes } from '../../storage/oauth.ts'
import type { OpenSession, Origin, Sessions } from '../accounts/sessions.ts'
import { hashToken } from '../accounts/session-token.ts'
import type { Client, Clients } from './clients.ts'
import type { Granting } from './granting.ts'
import { OAuthError } from './oauth-error.ts'
import { isRegistered } from './redirect-uri.ts'
import { parseScope, type Scope } from './scope.ts'

/** A request that somebody can be asked about. */
export interface AuthorizationRequest {
  readonly client: Client
  readonly redirectUri: string
  readonly scope: Scope
  readonly codeChallenge: string
}

/** Where the answer goes, once client and redirect URI are known to belong together. */
export interface ReplyAddress {
  readonly client: Client
  readonly redirectUri: string
  readonly responseMode: 'query' | 'fragment'
  readonly state: string | undefined
}

const CODE_MS = 60_000
/** So long a used code is remembered, to end the session of a stolen one. */
const REMEMBER_USED_MS = 3_600_000
const challenge = /^[\w-]{43}$/
/** https://www.rfc-editor.org/rfc/rfc7636#section-4.1 */
const verifier = /^[\w.~-]{43,128}$/

export class Authorization {
  readonly #database: Database
  readonly #clock: Clock
  readonly #clients: Clients
  readonly #sessions: Sessions
  readonly #granting: Granting

  constructor(parts: { database: Database; clock: Clock; clients: Clients; sessions: Sessions; granting: Granting }) {
    this.#database = parts.database
    this.#clock = parts.clock
    this.#clients = parts.clients
    this.#sessions = parts.sessions
    this.#granting = parts.granting
  }

  /** Throws `invalid_client` and `invalid_request` where nobody may be sent to: such a refusal is for the person to see. */
  async replyAddress(query: URLSearchParams): Promise<ReplyAddress> {
    const twice = [...query.keys()].find((key, index, keys) => keys.indexOf(key) !== index)
    if (twice !== undefined) throw new OAuthError('invalid_request', `'${twice}' is there twice`)
    const client = await this.#clients.get(query.get('client_id') ?? undefined, 'authorization_code')
    const redirectUri = query.get('redirect_uri') ?? ''
    if (!isRegistered(redirectUri, client.metadata.redirect_uris)) {
      throw new OAuthError('invalid_request', 'The client has not registered this redirect_uri')
    }
    const responseMode = query.get('response_mode') === 'fragment' ? 'fragment' : 'query'
    return { client, redirectUri, responseMode, state: query.get('state') ?? undefined }
  }

  /** Throws what the client is to be told. */
  request({ client, redirectUri }: ReplyAddress, query: URLSearchParams): AuthorizationRequest {
    if (query.get('response_type') !== 'code') {
      throw new OAuthError('unsupported_response_type', 'The response_type must be code')
    }
    if (!['query', 'fragment'].includes(query.get('response_mode') ?? 'query')) {
      throw new OAuthError('invalid_request', 'The response_mode must be query or fragment')
    }
    const codeChallenge = query.get('code_challenge') ?? ''
    if (query.get('code_challenge_method') !== 'S256' || !challenge.test(codeChallenge)) {
      throw new OAuthError('invalid_request', 'A code_challenge by the method S256 is needed')
    }
    return { client, redirectUri, scope: parseScope(query.get('scope') ?? ''), codeChallenge }
  }

  /** A code for what the user has allowed: good once, for a minute. */
  async issueCode(userId: UserId, { client, redirectUri, scope, codeChallenge }: AuthorizationRequest) {
    const code = randomBytes(32).toString('base64url')
    const allowed: Code = {
      clientId: client.clientId,
      userId,
      redirectUri,
      scope: await this.#granting.scopeFor(userId, scope.text),
      deviceId: scope.deviceId,
      codeChallenge,
      expiresTs: this.#clock.steady() + CODE_MS,
    }
    await this.#database.transaction('issue code', (tx) => addCode(tx, hashToken(code), allowed))
    return code
  }

  /** The session for a code. One that comes twice was stolen: the session it has opened ends. Throws `invalid_grant`. */
  async exchange(
    client: Client,
    given: { readonly code: string; readonly redirectUri: string; readonly codeVerifier: string },
    origin: Origin,
  ): Promise<OpenSession & Pick<Grant, 'scope'>> {
    const codeHash = hashToken(given.code)
    const opened = await this.#database.transaction('exchange code', async (tx) => {
      const code = await findCode(tx, codeHash)
      if (code?.isUsed === true) return await this.#endSessionOf(tx, code)
      if (!code || code.expiresTs <= this.#clock.steady()) throw invalidGrant('The code is unknown or expired')
      if (code.clientId !== client.clientId) throw invalidGrant('The code is for another client')
      if (code.redirectUri !== given.redirectUri) throw invalidGrant('The redirect_uri is another one')
      if (!verifies(given.codeVerifier, code.codeChallenge)) throw invalidGrant('The code_verifier is wrong')
      if (!(await markCodeUsed(tx, codeHash))) throw invalidGrant('The code has been used')
      return { ...(await this.#granting.openIn(tx, code, client, origin)), scope: code.scope }
    })
    if (opened === 'reused') throw invalidGrant('The code has been used')
    return opened
  }

  async #endSessionOf(tx: Tx, { userId, deviceId, clientId }: Grant): Promise<'reused'> {
    if (await this.#granting.isHeldBy(tx, userId, deviceId, clientId)) {
      await this.#sessions.endIn(tx, userId, [deviceId])
    }
    return 'reused'
  }

  async sweep(): Promise<void> {
    const before = this.#clock.steady() - REMEMBER_USED_MS
    await this.#database.transaction('forget codes', (tx) => removeCodes(tx, before))
  }
}

function verifies(text: string, codeChallenge: string): boolean {
  if (!verifier.test(text)) return false
  return timingSafeEqual(hash('sha256', text, 'buffer'), Buffer.from(codeChallenge, 'base64url'))
}

const invalidGrant = (message: string) => new OAuthError('invalid_grant', message)

/**
 * The address that the browser goes back to. `iss` tells the client who answers, so that it is not sent with our code to
 * another server. https://www.rfc-editor.org/rfc/rfc9207
 */
export function replyLocation(
  { redirectUri, responseMode, state }: ReplyAddress,
  issuer: string,
  answer: Readonly<Record<string, string>>,
): string {
  const fields = new URLSearchParams({ ...answer, ...(state === undefined ? {} : { state }), iss: issuer })
  const sign = responseMode === 'fragment' ? '#' : redirectUri.includes('?') ? '&' : '?'
  return `${redirectUri}${sign}${fields.toString()}`
}
