/** Builds what logs people in by way of others. */
import type { Clock } from '../../platform/clock.ts'
import type { Service } from '../../platform/lifecycle.ts'
import type { Database } from '../../storage/database.ts'
import type { AccountHooks } from '../accounts/hooks.ts'
import type { Profiles } from '../accounts/profiles.ts'
import type { Registration } from '../accounts/registration.ts'
import { OAuthHousekeeping } from '../oauth/housekeeping.ts'
import { ExternalAccounts } from './external-accounts.ts'
import { type SsoProvider, SsoProviders } from './providers.ts'

export interface SsoServices {
  readonly externalAccounts: ExternalAccounts
  readonly ssoProviders: SsoProviders
}

interface SsoParts {
  readonly clock: Clock
  readonly database: Database
  readonly registration: Registration
  readonly profiles: Profiles
  readonly hooks: AccountHooks
}

/** `providers` may grow later: those who come after put themselves into it. */
export function openSso(
  parts: SsoParts & { readonly providers: readonly SsoProvider[] },
): SsoServices & { readonly runnable: readonly Service[] } {
  const externalAccounts = new ExternalAccounts(parts)
  parts.hooks.departures.push(externalAccounts)
  parts.hooks.externalLogins.push(externalAccounts)
  return {
    externalAccounts,
    ssoProviders: new SsoProviders(parts.providers),
    runnable: [new OAuthHousekeeping({ clock: parts.clock, parts: [externalAccounts] })],
  }
}
