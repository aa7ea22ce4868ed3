/** Builds logging in by Telegram. The bot is elsewhere: it asks by `/_internal/telegram`. */
import type { Config } from '../../config/schema.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Fetcher } from '../../platform/fetch.ts'
import { readOrMakeKey } from '../../platform/key-file.ts'
import type { Service } from '../../platform/lifecycle.ts'
import type { Metrics } from '../../platform/metrics.ts'
import type { Database } from '../../storage/database.ts'
import { findProvedLogin, sweepTelegramLogins } from '../../storage/telegram-login.ts'
import { forgetProofs } from '../../storage/telegram-proofs.ts'
import type { Accounts } from '../accounts/accounts.ts'
import type { Sessions } from '../accounts/sessions.ts'
import type { Devices } from '../devices/devices.ts'
import type { BrowserSessions } from '../oauth/browser-sessions.ts'
import { OAuthHousekeeping } from '../oauth/housekeeping.ts'
import type { ExternalAccounts } from '../sso/external-accounts.ts'
import { OidcLogins } from '../sso/oidc-logins.ts'
import type { SsoProvider } from '../sso/providers.ts'
import { BotEvents } from './bot-events.ts'
import { BotLinks } from './bot-links.ts'
import { BotLogin } from './bot-login.ts'
import { browserLabel } from './browser-label.ts'
import { CodeKey } from './code.ts'
import { GuessLimits } from './guess-limits.ts'
import { LoginPages } from './login-pages.ts'
import { provider, TelegramPeople } from './people.ts'
import { TelegramOpenId } from './telegram-openid.ts'
import { TelegramWidget } from './telegram-widget.ts'

export interface TelegramLoginServices {
  readonly telegramPeople: TelegramPeople
  readonly telegramPages: LoginPages
  readonly telegramBotLogin: BotLogin
  readonly telegramBotLinks: BotLinks
  readonly telegramBotEvents: BotEvents
  /** Undefined where it is not wanted. */
  readonly telegramWidget: OidcLogins | undefined
}

interface TelegramLoginParts {
  readonly config: Config
  readonly clock: Clock
  readonly fetch: Fetcher
  readonly metrics: Metrics
  readonly database: Database
  readonly accounts: Accounts
  readonly sessions: Sessions
  readonly devices: Devices
  readonly browserSessions: BrowserSessions
  readonly externalAccounts: ExternalAccounts
  /** Gets another way to log in, if one is configured. */
  readonly oidcLogins: OidcLogins
  /** Grows by one. */
  readonly providers: SsoProvider[]
}

const DAY_MS = 86_400_000

export async function openTelegramLogin(
  parts: TelegramLoginParts,
): Promise<TelegramLoginServices & { readonly runnable: readonly Service[] }> {
  const { config, clock, metrics, database, externalAccounts, providers } = parts
  const { mode, client_id: clientId, client_secret: secret, issuer } = config.telegram.login
  const key = new CodeKey(await readOrMakeKey(`${config.data_dir}/secrets/telegram_login_key`))
  const people = await TelegramPeople.open({ database, clock, accounts: externalAccounts })
  const limits = new GuessLimits({ database, clock })
  const events = new BotEvents({ database, clock })
  const signUps = signUpsOf(config)
  const isReady = () =>
    clientId !== undefined || ((mode !== 'off' || config.telegram.login.widget) && people.bot !== undefined)
  providers.push({ id: provider, name: 'Telegram', brand: 'telegram', path: '/auth/telegram', signUps, isReady })
  externalAccounts.subscribe(async (tx, news) => {
    if (news.provider !== provider) return
    const { subject, userId } = news
    if (news.type !== 'logged_in') return await events.add(tx, subject, { type: news.type, user_id: userId })
    const device = browserLabel((await findProvedLogin(tx, subject))?.userAgent ?? '')
    await events.add(tx, subject, { type: 'signed_in', user_id: userId, device, is_new: news.isNew })
  })
  const sweep = () =>
    database.transaction('forget telegram logins', async (tx) => {
      await sweepTelegramLogins(tx, { now: clock.steady(), dayAgo: clock.steady() - DAY_MS })
      await forgetProofs(tx, clock.now())
    })
  const url = `${config.public_url}/auth/telegram`
  const botLogin = new BotLogin({ ...parts, people, key, limits, events, mode, signUps, url })
  const admits = async (tgUser: string) => await botLogin.admits(tgUser)
  const { bot_token: token } = config.telegram
  const widget =
    config.telegram.login.widget && token && new TelegramWidget({ ...parts, token, url: `${url}/widget`, admits })
  if (clientId !== undefined && secret) {
    const redirectUri = `${config.public_url}/auth/oidc/${provider}/callback`
    parts.oidcLogins.add(new TelegramOpenId({ ...parts, issuer, clientId, secret, redirectUri, admits }))
  }
  return {
    telegramPeople: people,
    telegramPages: new LoginPages({ database, clock, metrics, key, limits, events }),
    telegramBotLogin: botLogin,
    telegramBotLinks: new BotLinks({ ...parts, people, serverName: config.server_name }),
    telegramBotEvents: events,
    telegramWidget: widget ? new OidcLogins({ ...parts, clients: [widget] }) : undefined,
    runnable: [new OAuthHousekeeping({ clock, parts: [{ sweep }] })],
  }
}

function signUpsOf({ telegram, registration }: Config): SsoProvider['signUps'] {
  const { registration: wanted } = telegram.login
  return wanted === 'server' ? registration.mode : wanted
}
