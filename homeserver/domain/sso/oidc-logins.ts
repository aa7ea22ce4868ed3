/** People who are sent to an OpenID provider and come back. */
import { randomBytes } from 'node:crypto'
import { refuse } from '../../core/errors.ts'
import type { UserId } from '../../core/ids.ts'
import type { Clock } from '../../platform/clock.ts'
import { logger } from '../../platform/log.ts'
import type { Database } from '../../storage/database.ts'
import { addOidcRequest, removeExpiredOidcRequests, takeOidcRequest } from '../../storage/oidc-requests.ts'
import { hashToken } from '../accounts/session-token.ts'
import type { ExternalPerson } from './external-accounts.ts'
import type { IdentityClient } from './oidc-client.ts'

const log = logger('sso')

/** How long somebody may take there. */
const REQUEST_MS = 15 * 60_000

export interface Purpose {
  /** Where to go on afterwards. */
  readonly way: string
  /** Whose account it is to be linked with, or undefined for logging in. */
  readonly linksUserId: UserId | undefined
}

export class OidcLogins {
  readonly #database: Database
  readonly #clock: Clock
  readonly #clients: Map<string, IdentityClient>

  constructor(parts: { database: Database; clock: Clock; clients: readonly IdentityClient[] }) {
    this.#database = parts.database
    this.#clock = parts.clock
    this.#clients = new Map(parts.clients.map((client) => [client.id, client]))
  }

  /** Until the server runs. */
  add(client: IdentityClient): void {
    this.#clients.set(client.id, client)
  }

  /** Where to send the browser with this cookie. Throws `M_NOT_FOUND`, and `M_SSO_FAILED` if the provider is not there. */
  async begin(provider: string, cookie: string, { way, linksUserId }: Purpose): Promise<string> {
    const client = this.#get(provider)
    const [state, nonce, codeVerifier] = [newSecret(), newSecret(), newSecret()]
    const url = await this.#with(provider, () => client.authorizationUrl({ state, nonce, codeVerifier }))
    const request = { provider, cookieHash: hashToken(cookie), nonce, codeVerifier, way, linksUserId }
    const expiresTs = this.#clock.steady() + REQUEST_MS
    await this.#database.transaction('begin OpenID login', (tx) =>
      addOidcRequest(tx, hashToken(state), { ...request, expiresTs }),
    )
    return url
  }

  /** Who has come back with this query, once. Throws `M_NOT_FOUND`, and `M_SSO_FAILED` for whatever is wrong. */
  async finish(
    provider: string,
    cookie: string,
    query: URLSearchParams,
  ): Promise<Purpose & { readonly person: ExternalPerson }> {
    const client = this.#get(provider)
    const state = query.get('state') ?? ''
    const request = await this.#database.transaction('finish OpenID login', (tx) =>
      takeOidcRequest(tx, hashToken(state)),
    )
    const isOurs =
      request?.provider === provider &&
      request.cookieHash === hashToken(cookie) &&
      request.expiresTs > this.#clock.steady()
    if (!isOurs) throw failed()
    const { nonce, codeVerifier, way, linksUserId } = request
    const claims = await this.#with(provider, () => client.claimsFor(query, { state, nonce, codeVerifier }))
    return { person: { provider, ...claims }, way, linksUserId }
  }

  async sweep(): Promise<void> {
    await this.#database.transaction('forget OpenID logins', (tx) =>
      removeExpiredOidcRequests(tx, this.#clock.steady()),
    )
  }

  #get(provider: string): IdentityClient {
    const client = this.#clients.get(provider)
    if (!client) throw refuse(404, 'M_NOT_FOUND', 'There is no such identity provider')
    return client
  }

  /** What goes wrong there is for the administrator to read. */
  async #with<T>(provider: string, act: () => Promise<T>): Promise<T> {
    try {
      return await act()
    } catch (error) {
      log.warn({ provider, error }, 'logging in by way of an OpenID provider has failed')
      throw failed()
    }
  }
}

const newSecret = (): string => randomBytes(32).toString('base64url')
const failed = () => refuse(403, 'M_SSO_FAILED', 'Logging in there did not work')
