/** Builds all that has to do with accounts. */
import type { Config } from '../../config/schema.ts'
import type { Bus } from '../../platform/bus.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Background, Service } from '../../platform/lifecycle.ts'
import type { Database } from '../../storage/database.ts'
import type { Streams } from '../../storage/streams.ts'
import { Accounts } from './accounts.ts'
import { Appservices } from './appservices.ts'
import { Authentication } from './authentication.ts'
import { Deactivation } from './deactivation.ts'
import { FirstAdmin } from './first-admin.ts'
import type { AccountHooks } from './hooks.ts'
import { AccountHousekeeping } from './housekeeping.ts'
import { LastSeen } from './last-seen.ts'
import { Lockout } from './lockout.ts'
import { Login } from './login.ts'
import { PasswordCheck } from './password-check.ts'
import { Moderation } from './moderation.ts'
import { OpenIdTokens } from './openid-tokens.ts'
import { Passwords } from './passwords.ts'
import { Profiles } from './profiles.ts'
import { Registration } from './registration.ts'
import { readRegistrations } from './registration-files.ts'
import { RegistrationTokens } from './registration-tokens.ts'
import { SessionNews } from './session-news.ts'
import { SessionWatch } from './session-watch.ts'
import { Sessions } from './sessions.ts'
import { SharedSecret } from './shared-secret.ts'
import { Mailer } from './threepids/mailer.ts'
import { SmsGateway } from './threepids/sms.ts'
import { ThreePids } from './threepids/threepids.ts'
import { Validations } from './threepids/validations.ts'
import { Uia } from './uia.ts'

export interface AccountServices {
  readonly accounts: Accounts
  readonly appservices: Appservices
  readonly deactivation: Deactivation
  readonly firstAdmin: FirstAdmin
  readonly login: Login
  readonly mailer: Mailer
  readonly moderation: Moderation
  readonly openIdTokens: OpenIdTokens
  readonly profiles: Profiles
  readonly registration: Registration
  readonly registrationTokens: RegistrationTokens
  readonly sessions: Sessions
  readonly sessionWatch: SessionWatch
  readonly sharedSecret: SharedSecret
  readonly sms: SmsGateway
  readonly threePids: ThreePids
  readonly uia: Uia
  readonly validations: Validations
}

interface AccountParts {
  readonly config: Config
  readonly clock: Clock
  readonly background: Background
  readonly database: Database
  readonly bus: Bus
  readonly streams: Streams
  /** Filled later by those who come after; empty lists do. */
  readonly hooks: AccountHooks
}

/** Reads the registrations of application services. Throws if one of them cannot be used. */
export async function openAccounts({ config, clock, background, database, bus, streams, hooks }: AccountParts): Promise<
  AccountServices & {
    readonly authenticator: Authentication
    readonly runnable: readonly Service[]
  }
> {
  const serverName = config.server_name
  const files = await readRegistrations(config.appservices)
  const appservices = new Appservices({ files, serverName })
  const news = new SessionNews({ bus })
  const passwords = new Passwords({ cost: config.auth.password_hash })
  const lockout = new Lockout({ database, clock, settings: config.auth })
  const check = new PasswordCheck({ database, passwords, lockout })
  const login = new Login({ database, clock, serverName, passwords: check })
  const sessions = new Sessions({ database, clock, news, hooks, lifetimes: config.auth })
  const accounts = new Accounts({ database, passwords, sessions, news })
  const deactivation = new Deactivation({ database, clock, background, sessions, news, hooks })
  const profiles = new Profiles({ database, background, streams, serverName, hooks })
  const registration = new Registration({ database, clock, serverName, passwords, sessions, appservices, hooks })
  const firstAdmin = new FirstAdmin({ database, clock, registration, secret: config.registration.shared_secret })
  const registrationTokens = new RegistrationTokens({ database, clock })
  const mailer = new Mailer(config)
  const sms = new SmsGateway({ sms: config.sms, clock })
  const publicUrl = config.public_url
  const validations = new Validations({ database, clock, background, serverName, publicUrl, mailer, sms })
  const threePids = new ThreePids({ database, clock, background, serverName, mailer, validations })
  const openIdTokens = new OpenIdTokens({ database, clock })
  hooks.departures.push(threePids, openIdTokens)
  const { terms } = config.registration
  const uia = new Uia({ database, clock, login, registrationTokens, terms, validations, hooks })
  const lastSeen = new LastSeen({ database, clock })
  const operator = {
    userId: `@${config.notices.user}:${serverName}`,
    secret: config.registration.shared_secret,
  } as const
  const authenticator = new Authentication({ database, clock, appservices, lastSeen, news, operator })
  const housekeeping = new AccountHousekeeping({ database, clock, lockoutTime: config.auth.lockout_time })
  await registration.addSenders()
  return {
    accounts,
    appservices,
    authenticator,
    deactivation,
    firstAdmin,
    login,
    moderation: new Moderation({ serverName, accounts, deactivation }),
    openIdTokens,
    profiles,
    registration,
    registrationTokens,
    sessions,
    sessionWatch: new SessionWatch({ news }),
    sharedSecret: new SharedSecret({ clock, secret: config.registration.shared_secret }),
    mailer,
    sms,
    threePids,
    uia,
    validations,
    runnable: [mailer, sms, passwords, lastSeen, housekeeping, deactivation],
  }
}
