/**
 * Telegram's own login, an OpenID provider with two ways of its own: `aud` may be a number, which libraries refuse, and
 * `sub` is not the id that bots know people by. https://core.telegram.org/bots/telegram-login
 */
import { createHash } from 'node:crypto'
import type { JSONWebKeySet, JWTPayload } from 'jose'
import type { Clock } from '../../platform/clock.ts'
import type { Fetcher, FetchOptions } from '../../platform/fetch.ts'
import type { Secret } from '../../platform/secret.ts'
import type { Challenge, Claims, IdentityClient } from '../sso/oidc-client.ts'
import { provider } from './people.ts'

const algorithms = ['RS256', 'ES256', 'EdDSA']
/** Clocks of two machines may differ by this much. */
const LEEWAY_S = 60
const MAX_AGE_S = 600

interface TelegramOpenIdParts {
  readonly issuer: string
  readonly clientId: string
  readonly secret: Secret
  readonly redirectUri: string
  readonly clock: Clock
  readonly fetch: Fetcher
  /** Whether this user may log in by Telegram at all. */
  readonly admits: (tgUser: string) => Promise<boolean>
}

export class TelegramOpenId implements IdentityClient {
  readonly id = provider
  readonly #parts: TelegramOpenIdParts

  constructor(parts: TelegramOpenIdParts) {
    this.#parts = parts
  }

  async authorizationUrl({ state, nonce, codeVerifier }: Challenge): Promise<string> {
    const { issuer, clientId, redirectUri } = this.#parts
    const query = new URLSearchParams({
      response_type: 'code',
      client_id: clientId,
      redirect_uri: redirectUri,
      scope: 'openid profile',
      state,
      nonce,
      code_challenge: createHash('sha256').update(codeVerifier).digest('base64url'),
      code_challenge_method: 'S256',
    })
    return await Promise.resolve(`${issuer}/auth?${query.toString()}`)
  }

  async claimsFor(query: URLSearchParams, challenge: Challenge): Promise<Claims> {
    const { issuer, admits } = this.#parts
    if ((query.get('iss') ?? issuer) !== issuer) throw new Error('the answer is of another issuer')
    const code = query.get('code')
    if (code === null) throw new Error(`no code has come back: ${query.get('error') ?? 'nor an error'}`)
    const claims = await this.#verify(await this.#idTokenFor(code, challenge), challenge)
    const subject = telegramIdIn(claims)
    if (!(await admits(subject))) throw new Error('this user may not log in by Telegram')
    return { subject, username: textOf(claims['preferred_username']), name: textOf(claims['name']) }
  }

  /** https://openid.net/specs/openid-connect-core-1_0.html#TokenEndpoint */
  async #idTokenFor(code: string, { codeVerifier }: Challenge): Promise<string> {
    const { clientId, secret, redirectUri } = this.#parts
    const credentials = [clientId, secret.reveal()].map(encodeURIComponent).join(':')
    const answer = await this.#ask('/token', {
      method: 'POST',
      headers: {
        authorization: `Basic ${Buffer.from(credentials).toString('base64')}`,
        'content-type': 'application/x-www-form-urlencoded',
      },
      body: new URLSearchParams({
        grant_type: 'authorization_code',
        code,
        redirect_uri: redirectUri,
        code_verifier: codeVerifier,
      }).toString(),
    })
    const token = textOf(answer['id_token'])
    if (token === undefined) throw new Error('the provider has given no id_token')
    return token
  }

  /** The keys are asked for each time: people log in seldom, and keys change. */
  async #verify(token: string, { nonce }: Challenge): Promise<JWTPayload> {
    const { issuer, clientId, clock } = this.#parts
    const { createLocalJWKSet, jwtVerify } = await import('jose') // for those who log in this way
    const keys = createLocalJWKSet((await this.#ask('/.well-known/jwks.json')) as unknown as JSONWebKeySet) // it checks
    const { payload } = await jwtVerify(token, keys, {
      algorithms,
      issuer,
      requiredClaims: ['aud', 'exp'],
      maxTokenAge: MAX_AGE_S,
      clockTolerance: LEEWAY_S,
      currentDate: new Date(clock.now()),
    })
    const audience = [payload.aud].flat().map(String)
    if (audience.length !== 1 || audience[0] !== clientId) throw new Error('the token is for somebody else')
    if (payload['nonce'] !== nonce) throw new Error('the token is of another login')
    return payload
  }

  async #ask(path: string, options?: FetchOptions): Promise<Readonly<Record<string, unknown>>> {
    const { status, body } = await this.#parts.fetch(this.#parts.issuer + path, options)
    if (status !== 200) throw new Error(`${path} has answered ${status}`)
    const answer: unknown = JSON.parse(body.toString())
    if (typeof answer !== 'object' || answer === null) throw new Error(`${path} has answered no object`)
    return { ...answer }
  }
}

/** `sub` is a number of Telegram's login alone, so it is never taken in place of `id`: it might be that of somebody else. */
function telegramIdIn({ id }: JWTPayload): string {
  const text = String(id)
  if (!/^[1-9]\d*$/.test(text) || !Number.isSafeInteger(Number(text))) throw new Error('the token has no Telegram id')
  return text
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined)
