import { z } from 'zod'
import { choice, duration, lifetime, list, section, whole } from '../fields.ts'
import { issuer, opaqueId } from '../names.ts'

const openIdProvider = z.strictObject(
  {
    id: opaqueId.regex(/^[a-z\d._-]{1,40}$/, { error: 'a short name of letters a to z, digits and . _ -' }),
    name: z.string({ error: 'a text' }).min(1, { error: 'a text that is not empty' }),
    brand: z.string({ error: 'a text' }).optional(),
    issuer,
    client_id: z.string({ error: 'a text' }).min(1, { error: 'a text that is not empty' }),
    client_secret_file: z.string({ error: 'the path of a file' }).min(1, { error: 'the path of a file' }),
    scopes: z.array(z.string(), { error: 'a list of texts' }).default(['openid', 'profile']),
    registration: z
      .enum(['server', 'open', 'invite', 'closed'], { error: 'one of server, open, invite, closed' })
      .default('server'),
  },
  { error: 'an OpenID provider with id, name, issuer, client_id and client_secret_file' },
)

export const auth = section('Logging in.', {
  oauth: choice(
    ['auto', 'on', 'off'],
    'auto',
    'OAuth 2.0 for apps; older ones log in as ever. auto: where public_url is https, as apps take nothing less.',
  ),
  providers: z
    .array(openIdProvider, { error: 'a list of OpenID providers' })
    .default([])
    .meta({
      description:
        'OpenID providers by which people log in, each with the redirect URI <public_url>/auth/oidc/<id>/callback: ' +
        "{ id: work, name: Work, issuer: 'https://id.example.org', client_id: domovoi, client_secret_file: /run/secrets/oidc }. " +
        'Further keys: brand, scopes, registration (server, open, invite or closed: who gets an account).',
    }),
  sso_trusted: list(
    z.string({ error: 'an origin or a scheme' }).regex(/^(https?:\/\/[^/\s]+|[a-z][a-z\d+.-]*:)$/, {
      error: 'origins such as https://app.element.io or schemes such as io.element.desktop:',
    }),
    [],
    'Apps to which people go back from the login page without being asked: origins or schemes.',
  ),
  access_token_lifetime: duration('1h', 'Life of an access token for apps that can refresh it.'),
  refresh_token_lifetime: lifetime('never', 'After how long without use a session of such an app ends.'),
  session_lifetime: lifetime('never', 'After how long a session ends, however it is used.'),
  lockout_failures: whole(1, 1000, 5, 'So many wrong passwords lock the account for the network they came from.'),
  lockout_time: duration('15m', 'How long that lock lasts.'),
  password_hash: choice(
    ['default', 'fast'],
    'default',
    'default: argon2id with 19 MiB. fast: for tests only, stolen hashes are easily broken.',
  ),
})
