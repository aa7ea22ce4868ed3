/** An OpenID provider as we talk to it. https://openid.net/specs/openid-connect-core-1_0.html */
import type { Configuration, CustomFetch } from 'openid-client'
import type { Config } from '../../config/schema.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Fetcher } from '../../platform/fetch.ts'
import type { Secret } from '../../platform/secret.ts'

export type OidcSettings = Config['auth']['providers'][number]

/** What was discovered is looked up again after this time. */
const KNOWN_MS = 24 * 3_600_000

export interface Challenge {
  readonly state: string
  readonly nonce: string
  readonly codeVerifier: string
}

export interface Claims {
  readonly subject: string
  readonly username: string | undefined
  readonly name: string | undefined
}

/** What logging in by way of a provider needs of it. */
export interface IdentityClient {
  /** The provider's, as in `/auth/oidc/<id>`. */
  readonly id: string
  /** Where to send the browser. Rejects if the provider cannot be reached. */
  authorizationUrl(challenge: Challenge): Promise<string>
  /**
   * Who has come back, by the query that they have come with. Rejects if anything about it or about the signed token is
   * not as it has to be.
   */
  claimsFor(query: URLSearchParams, challenge: Challenge): Promise<Claims>
}

export class OidcClient implements IdentityClient {
  readonly settings: OidcSettings
  readonly #secret: Secret
  readonly #redirectUri: string
  readonly #clock: Clock
  readonly #fetch: Fetcher
  #known: { readonly provider: Promise<Configuration>; readonly until: number } | undefined

  constructor(parts: { settings: OidcSettings; secret: Secret; redirectUri: string; clock: Clock; fetch: Fetcher }) {
    this.settings = parts.settings
    this.#secret = parts.secret
    this.#redirectUri = parts.redirectUri
    this.#clock = parts.clock
    this.#fetch = parts.fetch
  }

  get id(): string {
    return this.settings.id
  }

  async authorizationUrl({ state, nonce, codeVerifier }: Challenge): Promise<string> {
    const openid = await openidClient()
    const url = openid.buildAuthorizationUrl(await this.#provider(), {
      redirect_uri: this.#redirectUri,
      scope: this.settings.scopes.join(' '),
      state,
      nonce,
      code_challenge: await openid.calculatePKCECodeChallenge(codeVerifier),
      code_challenge_method: 'S256',
    })
    return url.href
  }

  async claimsFor(query: URLSearchParams, { state, nonce, codeVerifier }: Challenge): Promise<Claims> {
    const openid = await openidClient()
    const provider = await this.#provider()
    const url = new URL(this.#redirectUri)
    url.search = query.toString()
    const tokens = await openid.authorizationCodeGrant(provider, url, {
      pkceCodeVerifier: codeVerifier,
      expectedState: state,
      expectedNonce: nonce,
      idTokenExpected: true,
    })
    const claims = tokens.claims()
    if (!claims) throw new Error('the provider has given no id_token')
    const hasAll = claims['preferred_username'] !== undefined && claims['name'] !== undefined
    const asks = !hasAll && provider.serverMetadata().userinfo_endpoint !== undefined
    const more = asks ? await openid.fetchUserInfo(provider, tokens.access_token, claims.sub) : {}
    const all: Readonly<Record<string, unknown>> = { ...more, ...claims }
    return { subject: claims.sub, username: textOf(all['preferred_username']), name: textOf(all['name']) }
  }

  /** What the provider tells about itself; a failure is not kept. */
  async #provider(): Promise<Configuration> {
    const now = this.#clock.monotonic()
    if (!this.#known || this.#known.until <= now) {
      this.#known = { provider: this.#discover(), until: now + KNOWN_MS }
      this.#known.provider.catch(() => (this.#known = undefined))
    }
    return await this.#known.provider
  }

  async #discover(): Promise<Configuration> {
    const openid = await openidClient()
    const { issuer, client_id: clientId } = this.settings
    const isInsecure = issuer.startsWith('http:') // on this machine, says the schema
    const fetch = fetchBy(this.#fetch)
    const found = await openid.discovery(new URL(issuer), clientId, undefined, undefined, {
      execute: isInsecure ? [openid.allowInsecureRequests] : [],
      [openid.customFetch]: fetch,
    })
    const methods = found.serverMetadata().token_endpoint_auth_methods_supported ?? ['client_secret_basic']
    const secret = this.#secret.reveal()
    const authentication = methods.includes('client_secret_basic')
      ? openid.ClientSecretBasic(secret)
      : openid.ClientSecretPost(secret)
    const provider = new openid.Configuration(found.serverMetadata(), clientId, undefined, authentication)
    provider[openid.customFetch] = fetch
    if (isInsecure) openid.allowInsecureRequests(provider)
    return provider
  }
}

/** Loaded when somebody comes by way of a provider: most servers have none. */
const openidClient = async () => await import('openid-client')

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)

/** All that goes out goes by our own way, which leads to no private address that is not allowed. */
function fetchBy(fetch: Fetcher): CustomFetch {
  return async (url, { method, headers, body, signal }) => {
    const answer = await fetch(url, {
      method,
      headers,
      ...(body instanceof URLSearchParams || typeof body === 'string' ? { body: body.toString() } : {}),
      ...(signal ? { signal } : {}),
    })
    const kept = Object.entries(answer.headers).flatMap(([name, value]): [string, string][] =>
      typeof value === 'string' && name !== 'content-encoding' && name !== 'content-length' ? [[name, value]] : [],
    )
    const isEmpty = answer.status === 204 || answer.status === 304
    return new Response(isEmpty ? null : new Uint8Array(answer.body), { status: answer.status, headers: kept })
  }
}
