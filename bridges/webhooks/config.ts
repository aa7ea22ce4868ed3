import type { WebhookDoor } from '../../homeserver/core/webhooks.ts'
import type { Clock } from '../../homeserver/platform/clock.ts'
import type { Fetcher } from '../../homeserver/platform/fetch.ts'
import type { Counter } from '../../homeserver/platform/metrics.ts'
import type { Tracing } from '../../homeserver/platform/tracing.ts'
import type { Database } from '../appservice/database.ts'
import type { Registration } from '../appservice/registration.ts'

/** Of the user that speaks for a webhook. */
export const localpartOf = (hookId: string): string => `webhook_${hookId}`

export interface WebhookConfig {
  readonly homeserverUrl: string
  readonly serverName: string
  /** Without a slash at the end. */
  readonly publicUrl: string
  readonly registration: Registration
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
  readonly tracing?: Tracing
}
