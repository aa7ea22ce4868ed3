/** What a client says of itself when it registers. https://spec.matrix.org/v1.19/client-server-api/#client-metadata */
import { z } from 'zod'
import { OAuthError } from './oauth-error.ts'
import { isOfClient, isRedirectUri, parseWebUri } from './redirect-uri.ts'

export const deviceCodeGrant = 'urn:ietf:params:oauth:grant-type:device_code'
export const grantTypes = ['authorization_code', 'refresh_token', deviceCodeGrant] as const
export type GrantType = (typeof grantTypes)[number]

export interface ClientMetadata {
  readonly client_uri: string
  readonly application_type: 'web' | 'native'
  readonly redirect_uris: readonly string[]
  readonly grant_types: readonly string[]
  readonly response_types: readonly string[]
  readonly token_endpoint_auth_method: 'none'
  /** `client_name`, `logo_uri`, `tos_uri`, `policy_uri`, and the same in a language: `client_name#fr`. */
  readonly [shown: string]: unknown
}

const MAX_URI = 2000
const MAX_REDIRECT_URIS = 20
const MAX_NAME = 100
const MAX_SHOWN = 100

const uri = z.string().max(MAX_URI)
const schema = z.looseObject({
  client_uri: uri,
  application_type: z.enum(['web', 'native']).default('web'),
  redirect_uris: z.array(uri).max(MAX_REDIRECT_URIS).default([]),
  grant_types: z.array(z.string()).default(['authorization_code']),
  response_types: z.array(z.string()).default(['code']),
})
/** What people are shown, in the main language or another one. */
const shownKey = /^(client_name|logo_uri|tos_uri|policy_uri)(?:#[A-Za-z\d-]{2,35})?$/

/**
 * The metadata as this server keeps them: checked, with defaults, without what it does not know. Throws
 * `invalid_client_metadata` and `invalid_redirect_uri`.
 */
export function parseClientMetadata(body: unknown): ClientMetadata {
  const parsed = schema.safeParse(body)
  if (!parsed.success) throw invalid(z.prettifyError(parsed.error))
  const { client_uri, application_type, redirect_uris, grant_types, response_types, ...others } = parsed.data
  const clientUri = parseWebUri(client_uri)
  if (!clientUri) throw invalid('client_uri must be an https address without user and password')
  const wrong = redirect_uris.find((redirect) => !isRedirectUri(redirect, application_type, clientUri))
  if (wrong !== undefined) {
    throw new OAuthError('invalid_redirect_uri', `${wrong} is no redirect URI for a ${application_type} client here`)
  }
  const grants = grantTypes.filter((type) => grant_types.includes(type))
  if (grants.includes('authorization_code') && redirect_uris.length === 0) {
    throw new OAuthError('invalid_redirect_uri', 'The grant authorization_code needs a redirect URI')
  }
  return {
    ...shownOf(others, clientUri),
    client_uri,
    application_type,
    redirect_uris,
    grant_types: grants,
    response_types: response_types.filter((type) => type === 'code'),
    token_endpoint_auth_method: 'none',
  }
}

function shownOf(others: Record<string, unknown>, clientUri: URL): Record<string, string> {
  const shown: Record<string, string> = {}
  for (const [key, value] of Object.entries(others)) {
    const kind = shownKey.exec(key)?.[1]
    if (kind === undefined || value === null || value === undefined) continue
    if (typeof value !== 'string' || value.length > MAX_URI) throw invalid(`${key} must be a text`)
    const url = kind === 'client_name' ? undefined : parseWebUri(value)
    if (kind !== 'client_name' && !(url && isOfClient(url.hostname, clientUri))) {
      throw invalid(`${key} must be an https address below the host of client_uri`)
    }
    shown[key] = kind === 'client_name' ? value.slice(0, MAX_NAME) : value
    if (Object.keys(shown).length > MAX_SHOWN) throw invalid('These are too many languages')
  }
  return shown
}

const invalid = (message: string) => new OAuthError('invalid_client_metadata', message)

/** How the client calls itself, in this language if it says so. */
export function clientName(metadata: ClientMetadata, language = ''): string {
  const name = metadata[`client_name#${language}`] ?? metadata['client_name']
  return typeof name === 'string' && name.trim() !== '' ? name : new URL(metadata.client_uri).hostname
}
