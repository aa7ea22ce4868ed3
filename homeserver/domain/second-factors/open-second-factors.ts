/** Builds what people show besides their password. */
import type { Config } from '../../config/schema.ts'
import type { Clock } from '../../platform/clock.ts'
import { readOrMakeKey } from '../../platform/key-file.ts'
import type { Database } from '../../storage/database.ts'
import type { AccountHooks } from '../accounts/hooks.ts'
import { Lockout } from '../accounts/lockout.ts'
import { AuthenticatorApp } from './authenticator-app.ts'

export interface SecondFactorServices {
  readonly authenticatorApp: AuthenticatorApp
}

interface SecondFactorParts {
  readonly config: Config
  readonly clock: Clock
  readonly database: Database
  readonly hooks: AccountHooks
}

/** Throws if the key cannot be read. */
export async function openSecondFactors(parts: SecondFactorParts): Promise<SecondFactorServices> {
  const { config, clock, database, hooks } = parts
  const key = await readOrMakeKey(`${config.data_dir}/secrets/second_factor_key`)
  const lockout = new Lockout({ database, clock, settings: config.auth })
  const authenticatorApp = new AuthenticatorApp({ database, clock, serverName: config.server_name, lockout, key })
  hooks.departures.push(authenticatorApp)
  return { authenticatorApp }
}
