/** Where OAuth clients find everything. https://spec.matrix.org/v1.19/client-server-api/#server-metadata-discovery */
import { grantTypes } from '../../domain/oauth/client-metadata.ts'
import { endpoint } from '../endpoint.ts'
import { accountActions } from '../pages/account/actions.ts'

/** Also the `iss` of answers. */
export function issuerOf({ public_url }: { readonly public_url: string }): string {
  return `${public_url}/`
}

const authMetadata = endpoint({
  method: 'GET',
  path: '/auth_metadata',
  since: ['v1'],
  also: [
    '/_matrix/client/unstable/org.matrix.msc2965/auth_metadata',
    '/.well-known/oauth-authorization-server',
    '/.well-known/openid-configuration',
  ],
  auth: 'none',
  limit: 'none',
  handle: (_, { config }) => {
    const url = config.public_url
    return {
      issuer: issuerOf(config),
      authorization_endpoint: `${url}/oauth/authorize`,
      token_endpoint: `${url}/oauth/token`,
      revocation_endpoint: `${url}/oauth/revoke`,
      registration_endpoint: `${url}/oauth/register`,
      device_authorization_endpoint: `${url}/oauth/device`,
      response_types_supported: ['code'],
      response_modes_supported: ['query', 'fragment'],
      grant_types_supported: grantTypes,
      code_challenge_methods_supported: ['S256'],
      token_endpoint_auth_methods_supported: ['none'],
      revocation_endpoint_auth_methods_supported: ['none'],
      authorization_response_iss_parameter_supported: true,
      prompt_values_supported: config.registration.mode === 'closed' ? [] : ['create'],
      account_management_uri: `${url}/account`,
      account_management_actions_supported: accountActions,
      ui_locales_supported: ['en', 'ru'],
    }
  },
})

/** Before the metadata were served here, clients asked for the issuer first. */
const authIssuer = endpoint({
  method: 'GET',
  path: '/_matrix/client/unstable/org.matrix.msc2965/auth_issuer',
  auth: 'none',
  limit: 'none',
  handle: (_, { config }) => ({ issuer: issuerOf(config) }),
})

export const authMetadataEndpoints = [authMetadata, authIssuer]
