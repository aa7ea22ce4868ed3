import { deviceCodeGrant, type GrantType } from '../../domain/oauth/client-metadata.ts'
import type { OpenSession, Origin } from '../../domain/accounts/sessions.ts'
import { OAuthError } from '../../domain/oauth/oauth-error.ts'
import { endpoint, Reply } from '../endpoint.ts'
import type { Services } from '../services.ts'
import { fieldOf, readForm } from './form.ts'
import { noStore, oauthRefusal } from './refusal.ts'

type Granted = OpenSession & { readonly scope: string }

/** How each grant type gives a session. https://spec.matrix.org/v1.19/client-server-api/#grant-types */
const grants: Readonly<
  Record<GrantType, (form: URLSearchParams, services: Services, origin: Origin) => Promise<Granted>>
> = {
  authorization_code: async (form, { oauthClients, authorization }, origin) => {
    const client = await oauthClients.get(fieldOf(form, 'client_id'), 'authorization_code')
    const given = {
      code: fieldOf(form, 'code'),
      redirectUri: fieldOf(form, 'redirect_uri'),
      codeVerifier: fieldOf(form, 'code_verifier'),
    }
    return await authorization.exchange(client, given, origin)
  },
  refresh_token: async (form, { oauthClients, oauthTokens }) => {
    const client = await oauthClients.get(fieldOf(form, 'client_id'), 'refresh_token')
    return await oauthTokens.refresh(client, fieldOf(form, 'refresh_token'))
  },
  [deviceCodeGrant]: async (form, { oauthClients, deviceGrants }, origin) => {
    const client = await oauthClients.get(fieldOf(form, 'client_id'), deviceCodeGrant)
    return await deviceGrants.poll(client, fieldOf(form, 'device_code'), origin)
  },
}

/** For numbers. */
const shortNames: Readonly<Record<GrantType, string>> = {
  authorization_code: 'authorization_code',
  refresh_token: 'refresh_token',
  [deviceCodeGrant]: 'device_code',
}

/**
 * https://www.rfc-editor.org/rfc/rfc6749#section-3.2 Its path must not end in `/oauth2/token`: consoles would take the
 * server for another product. Not limited as logins are: what it is asked for cannot be guessed, and a client that is
 * refused a refresh logs out.
 */
export const token = endpoint({
  method: 'POST',
  path: '/oauth/token',
  auth: 'none',
  limit: 'sync',
  refuse: oauthRefusal,
  body: 'stream',
  handle: async ({ request, ip }, services) => {
    const form = await readForm(request)
    const type = fieldOf(form, 'grant_type')
    if (!isGrantType(type)) throw new OAuthError('unsupported_grant_type', 'This server does not know this grant type')
    const grant = shortNames[type]
    const granted = await grants[type](form, services, { ip, userAgent: request.headers['user-agent'] }).catch(
      (error: unknown) => {
        services.oauthGrants.inc({ grant, result: error instanceof OAuthError ? error.code : 'failed' })
        throw error
      },
    )
    services.oauthGrants.inc({ grant, result: 'granted' })
    return new Reply(200, tokenAnswer(granted), noStore)
  },
})

function isGrantType(type: string): type is GrantType {
  return Object.hasOwn(grants, type)
}

function tokenAnswer({ accessToken, refreshToken, expiresInMs, scope }: Granted) {
  return {
    access_token: accessToken,
    token_type: 'Bearer',
    ...(expiresInMs === undefined ? {} : { expires_in: Math.floor(expiresInMs / 1000) }),
    refresh_token: refreshToken,
    scope,
  }
}
