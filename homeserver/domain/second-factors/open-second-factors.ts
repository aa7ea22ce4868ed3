/** Builds what people show besides their password. */
import type { Config } from '../../config/schema.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Service } from '../../platform/lifecycle.ts'
import { readOrMakeKey } from '../../platform/key-file.ts'
import type { Database } from '../../storage/database.ts'
import type { AccountHooks } from '../accounts/hooks.ts'
import { Lockout } from '../accounts/lockout.ts'
import { OAuthHousekeeping } from '../oauth/housekeeping.ts'
import type { LoginMethod, SecondFactor } from '../oauth/sign-in.ts'
import { AuthenticatorApp } from './authenticator-app.ts'
import { passkeyFactor, passkeyMethod } from './passkey-login.ts'
import { Passkeys } from './passkeys.ts'

export interface SecondFactorServices {
  readonly authenticatorApp: AuthenticatorApp
  readonly passkeys: Passkeys
}

interface SecondFactorParts {
  readonly config: Config
  readonly clock: Clock
  readonly database: Database
  readonly hooks: AccountHooks
}

interface OpenSecondFactors extends SecondFactorServices {
  readonly methods: readonly LoginMethod[]
  readonly secondFactors: readonly SecondFactor[]
  readonly runnable: readonly Service[]
}

/** Throws if the key cannot be read. */
export async function openSecondFactors(parts: SecondFactorParts): Promise<OpenSecondFactors> {
  const { config, clock, database, hooks } = parts
  const key = await readOrMakeKey(`${config.data_dir}/secrets/second_factor_key`)
  const lockout = new Lockout({ database, clock, settings: config.auth })
  const authenticatorApp = new AuthenticatorApp({ database, clock, serverName: config.server_name, lockout, key })
  const passkeys = new Passkeys({ database, clock, publicUrl: config.public_url, serverName: config.server_name })
  hooks.departures.push(authenticatorApp, passkeys)
  return {
    authenticatorApp,
    passkeys,
    methods: [passkeyMethod(passkeys)],
    secondFactors: [authenticatorApp, passkeyFactor(passkeys)],
    runnable: [new OAuthHousekeeping({ clock, parts: [passkeys] })],
  }
}
