/** Builds what logs people in on the server's own pages, and clients by OAuth 2.0. */
import type { Config } from '../../config/schema.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Service } from '../../platform/lifecycle.ts'
import type { Counter, Metrics } from '../../platform/metrics.ts'
import type { Database } from '../../storage/database.ts'
import type { Login } from '../accounts/login.ts'
import type { Sessions } from '../accounts/sessions.ts'
import type { ThreePids } from '../accounts/threepids/threepids.ts'
import { Authorization } from './authorization.ts'
import { BrowserSessions } from './browser-sessions.ts'
import { Clients } from './clients.ts'
import { CrossSigningResets } from './cross-signing-resets.ts'
import { DeviceGrants } from './device-grants.ts'
import { Granting } from './granting.ts'
import { OAuthHousekeeping } from './housekeeping.ts'
import { RendezvousPoints } from './rendezvous.ts'
import { type LoginMethod, PasswordMethod, type SecondFactor, SignIn } from './sign-in.ts'
import { Tokens } from './tokens.ts'

export interface OAuthServices {
  readonly authorization: Authorization
  readonly browserSessions: BrowserSessions
  readonly oauthClients: Clients
  readonly crossSigningResets: CrossSigningResets
  readonly deviceGrants: DeviceGrants
  readonly rendezvous: RendezvousPoints
  readonly signIn: SignIn
  readonly oauthTokens: Tokens
  /** What clients asked for at the token endpoint, and what became of it. */
  readonly oauthGrants: Counter<'grant' | 'result'>
}

interface OAuthParts {
  readonly config: Config
  readonly metrics: Metrics
  readonly clock: Clock
  readonly database: Database
  readonly login: Login
  readonly sessions: Sessions
  readonly threePids: ThreePids
  /** Besides the password. */
  readonly methods?: readonly LoginMethod[]
  readonly secondFactors?: readonly SecondFactor[]
}

export function openOAuth(parts: OAuthParts): OAuthServices & { readonly runnable: readonly Service[] } {
  const { config, clock, metrics, database, login, sessions, threePids, secondFactors = [] } = parts
  const methods = [new PasswordMethod({ login, threePids }), ...(parts.methods ?? [])]
  const clients = new Clients({ database, clock })
  const granting = new Granting({ database, sessions })
  const authorization = new Authorization({ database, clock, clients, sessions, granting })
  const deviceGrants = new DeviceGrants({ database, clock, clients, granting })
  const browserSessions = new BrowserSessions({ database, clock })
  const url = `${config.public_url}/account?action=org.matrix.cross_signing_reset`
  // Clients last: they stay as long as a code or a device grant needs them.
  const sweepable = [authorization, deviceGrants, browserSessions, clients]
  return {
    authorization,
    browserSessions,
    oauthClients: clients,
    crossSigningResets: new CrossSigningResets({ database, clock, url }),
    deviceGrants,
    rendezvous: new RendezvousPoints({ clock }),
    signIn: new SignIn({ metrics, browserSessions, methods, secondFactors }),
    oauthTokens: new Tokens({ database, sessions }),
    oauthGrants: metrics.counter('oauth_grants_total', 'Requests of apps for tokens', ['grant', 'result']),
    runnable: [new OAuthHousekeeping({ clock, parts: sweepable })],
  }
}

/** Whether apps log in by OAuth: they take no server without https. */
export function offersOAuth({ auth, public_url }: Config): boolean {
  return auth.oauth === 'on' || (auth.oauth === 'auto' && public_url.startsWith('https://'))
}
