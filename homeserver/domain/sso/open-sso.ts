/** Builds what logs people in by way of others. */
import { readFile } from 'node:fs/promises'
import type { Config } from '../../config/schema.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Fetcher } from '../../platform/fetch.ts'
import type { Service } from '../../platform/lifecycle.ts'
import { Secret } from '../../platform/secret.ts'
import type { Database } from '../../storage/database.ts'
import type { AccountHooks } from '../accounts/hooks.ts'
import type { Profiles } from '../accounts/profiles.ts'
import type { Registration } from '../accounts/registration.ts'
import { OAuthHousekeeping } from '../oauth/housekeeping.ts'
import { ExternalAccounts } from './external-accounts.ts'
import type { OidcClient, OidcSettings } from './oidc-client.ts'
import { OidcLogins } from './oidc-logins.ts'
import { type SsoProvider, SsoProviders } from './providers.ts'

export interface SsoServices {
  readonly externalAccounts: ExternalAccounts
  readonly oidcLogins: OidcLogins
  readonly ssoProviders: SsoProviders
}

interface SsoParts {
  readonly config: Config
  readonly fetch: Fetcher
  readonly clock: Clock
  readonly database: Database
  readonly registration: Registration
  readonly profiles: Profiles
  readonly hooks: AccountHooks
  readonly providers: SsoProvider[]
}

/** `providers` may grow later: those who come after put themselves into it. Throws if a secret cannot be read. */
export async function openSso(parts: SsoParts): Promise<SsoServices & { readonly runnable: readonly Service[] }> {
  const { config, clock, database, hooks, providers } = parts
  const externalAccounts = new ExternalAccounts(parts)
  hooks.departures.push(externalAccounts)
  hooks.externalLogins.push(externalAccounts)
  const clients = await Promise.all(config.auth.providers.map((settings) => openClient(settings, parts)))
  for (const { settings } of clients) providers.push(providerOf(settings, config))
  const oidcLogins = new OidcLogins({ database, clock, clients })
  return {
    externalAccounts,
    oidcLogins,
    ssoProviders: new SsoProviders(providers),
    runnable: [new OAuthHousekeeping({ clock, parts: [externalAccounts, oidcLogins] })],
  }
}

async function openClient(settings: OidcSettings, { config, clock, fetch }: SsoParts): Promise<OidcClient> {
  const secret = new Secret((await readFile(settings.client_secret_file, 'utf8')).trim())
  const redirectUri = `${config.public_url}/auth/oidc/${settings.id}/callback`
  const { OidcClient: Client } = await import('./oidc-client.ts') // a library that few servers need
  return new Client({ settings, secret, redirectUri, clock, fetch })
}

function providerOf({ id, name, brand, registration }: OidcSettings, config: Config): SsoProvider {
  const signUps = registration === 'server' ? config.registration.mode : registration
  return { id, name, brand, path: `/auth/oidc/${id}`, signUps, isReady: () => true }
}
