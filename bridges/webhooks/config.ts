import type { WebhookDoor } from '../../homeserver/core/webhooks.ts'
import type { Clock } from '../../homeserver/platform/clock.ts'
import type { Fetcher } from '../../homeserver/platform/fetch.ts'
import type { Counter } from '../../homeserver/platform/metrics.ts'
import type { Database } from '../telegram/store/database.ts'

export interface WebhookRegistration {
  readonly id: string
  readonly url: string
  readonly as_token: string
  readonly hs_token: string
  readonly sender_localpart: string
  readonly rate_limited: false
  readonly namespaces: Readonly<Record<'users' | 'aliases' | 'rooms', readonly { regex: string; exclusive: boolean }[]>>
}

export interface WebhookConfig {
  readonly homeserverUrl: string
  readonly serverName: string
  /** Without a slash at the end. */
  readonly publicUrl: string
  readonly registration: WebhookRegistration
  /** The socket by which the homeserver tells of events. */
  readonly socket: string
  /** Of which the secrets are made that sign what goes out. */
  readonly key: Buffer
}

export interface WebhookParts {
  readonly config: WebhookConfig
  readonly database: Database
  readonly clock: Clock
  readonly door: WebhookDoor
  /** The guarded way out. */
  readonly fetch: Fetcher
  /** `in`: posted, refused, limited. `out`: taken, again, dropped, disabled. */
  readonly counted: Counter<'direction' | 'result'>
}
