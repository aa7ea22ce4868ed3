/** The Telegram bridge beside the homeserver: its registration, its start, and what it is given of the settings. */
import { join, resolve } from 'node:path'
import type { Database } from '../bridges/appservice/database.ts'
import type { ListenAddress } from '../bridges/appservice/listener.ts'
import { bridgeMetrics } from '../bridges/telegram/metrics.ts'
import { fileRegistration, newTokens, ownNamespace, type Registration } from '../bridges/appservice/registration.ts'
import type { BridgeConfig } from '../bridges/telegram/config.ts'
import type { Config } from './config/schema.ts'
import type { UpdateDoor } from './core/telegram-updates.ts'
import type { Clock } from './platform/clock.ts'
import { keepStarting } from './platform/keep-starting.ts'
import type { Metrics } from './platform/metrics.ts'
import type { Tracing } from './platform/tracing.ts'

export const registrationPath = ({ data_dir: dataDir }: Config): string => join(dataDir, 'appservices', 'telegram.yaml')

/** A socket in the data directory, unless the settings name a port: other homeservers need one. */
function addressOf({ data_dir: dataDir, telegram: { listen } }: Config): { listen: ListenAddress; url: string } {
  if (listen) return { listen, url: `http://${listen.host}:${listen.port}` }
  const path = resolve(dataDir, 'telegram.sock')
  return { listen: { path }, url: `unix://${path}` }
}

const freshRegistration = (config: Config): Registration => ({
  id: 'telegram',
  url: addressOf(config).url,
  ...newTokens(),
  sender_localpart: 'telegrambot',
  rate_limited: false,
  protocols: ['telegram'],
  'org.domovoi.puppets': 'telegram',
  namespaces: {
    users: [ownNamespace('@telegram_', config.server_name)],
    aliases: [ownNamespace('#telegram_', config.server_name)],
    rooms: [],
  },
})

/** With a bot, the bridge's registration is made where it is missing, and is one of those that are read. */
export async function withTelegram(config: Config): Promise<Config> {
  if (!config.telegram.bot_token) return config
  const path = registrationPath(config)
  await fileRegistration(path, freshRegistration(config))
  return { ...config, appservices: [...config.appservices, path] }
}

/** Undefined where there is no bot. */
export async function bridgeConfigOf(config: Config, homeserverUrl: string): Promise<BridgeConfig | undefined> {
  const {
    bot_token: token,
    api_root: apiRoot,
    permissions,
    max_portals: maxPortals,
    max_members: maxMembers,
    federated_rooms: federatedRooms,
    max_file: maxUpload,
    group_rate: groupPerMinute,
  } = config.telegram
  if (!token) return undefined
  const { listen } = addressOf(config)
  return {
    token: token.reveal(),
    apiRoot: apiRoot.replace(/\/+$/, ''),
    homeserverUrl,
    serverName: config.server_name,
    registration: await fileRegistration(registrationPath(config), freshRegistration(config)),
    listen,
    permissions,
    maxPortals,
    maxMembers,
    federatedRooms,
    groupPerMinute,
    metadataSync: config.telegram.sync_metadata,
    webhook: config.telegram.webhook && `${config.telegram.webhook.replace(/\/+$/, '')}/telegram/webhook`,
    topics: config.telegram.topics,
    comments: config.telegram.comments,
    privateChats: config.telegram.private_chats,
    ffmpeg: config.telegram.ffmpeg,
    maxUpload,
  }
}

/** How the bridge is beside the homeserver: in its process, with its door for updates, or in one of its own. */
interface Beside {
  readonly database: Database
  readonly clock: Clock
  readonly metrics: Metrics
  readonly tracing: Tracing
  readonly door?: UpdateDoor
}

/**
 * Starts the bridge and keeps trying: Telegram may be out of reach, and the homeserver goes on without. Gives what stops
 * it.
 */
export function startTelegram(
  config: BridgeConfig,
  { database, clock, metrics, tracing, door }: Beside,
): () => Promise<void> {
  const measures = bridgeMetrics(metrics)
  const place = door ? { door, holder: 'homeserver' } : { metrics: () => metrics.text() }
  return keepStarting('telegram', clock, async () => {
    const { TelegramBridge } = await import('../bridges/telegram/bridge.ts')
    const bridge = await TelegramBridge.start({ config, database, clock, measures, tracing, ...place })
    return { stop: () => bridge.stop(), ended: bridge.ended }
  })
}
