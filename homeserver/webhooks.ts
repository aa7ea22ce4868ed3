/** Webhooks beside the homeserver: their registration, their start, and what they are given of the settings. */
import { join, resolve } from 'node:path'
import type { Database } from '../bridges/appservice/database.ts'
import { fileRegistration, newTokens, ownNamespace, type Registration } from '../bridges/appservice/registration.ts'
import type { WebhookParts } from '../bridges/webhooks/config.ts'
import type { Config } from './config/schema.ts'
import type { WebhookDoor } from './core/webhooks.ts'
import type { Clock } from './platform/clock.ts'
import type { Fetcher } from './platform/fetch.ts'
import { readOrMakeKey } from './platform/key-file.ts'
import { keepStarting } from './platform/keep-starting.ts'
import type { Metrics } from './platform/metrics.ts'
import type { Tracing } from './platform/tracing.ts'

const registrationPath = ({ data_dir: dataDir }: Config): string => join(dataDir, 'appservices', 'webhooks.yaml')
const socketOf = ({ data_dir: dataDir }: Config): string => resolve(dataDir, 'webhooks.sock')

const freshRegistration = (config: Config): Registration => ({
  id: 'webhooks',
  url: `unix://${socketOf(config)}`,
  ...newTokens(),
  sender_localpart: 'webhooks',
  rate_limited: false,
  namespaces: { users: [ownNamespace('@webhook_', config.server_name)], aliases: [], rooms: [] },
})

/** Their registration is made where it is missing, and is one of those that are read. */
export async function withWebhooks(config: Config): Promise<Config> {
  if (config.webhooks === 'off') return config
  await fileRegistration(registrationPath(config), freshRegistration(config))
  return { ...config, appservices: [...config.appservices, registrationPath(config)] }
}

interface Beside {
  readonly homeserverUrl: string
  readonly database: Database
  readonly clock: Clock
  readonly metrics: Metrics
  readonly tracing: Tracing
  readonly door: WebhookDoor
  readonly fetch: Fetcher
}

/** Starts them and keeps trying: the homeserver goes on without. Gives what stops them. */
export async function startWebhooks(
  config: Config,
  { homeserverUrl, metrics, ...beside }: Beside,
): Promise<() => Promise<void>> {
  const parts: WebhookParts = {
    ...beside,
    counted: metrics.counter('webhooks_total', 'What webhooks posted, and what they were told', [
      'direction',
      'result',
    ]),
    config: {
      homeserverUrl,
      serverName: config.server_name,
      publicUrl: config.public_url.replace(/\/+$/, ''),
      registration: await fileRegistration(registrationPath(config), freshRegistration(config)),
      socket: socketOf(config),
      key: await readOrMakeKey(join(config.data_dir, 'secrets', 'webhook_key')),
    },
  }
  return keepStarting('webhooks', beside.clock, async () => {
    const { Webhooks } = await import('../bridges/webhooks/webhooks.ts')
    const webhooks = await Webhooks.start(parts)
    return { stop: () => webhooks.stop() }
  })
}
