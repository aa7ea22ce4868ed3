import type { UpdateDoor } from '../../homeserver/core/telegram-updates.ts'
import type { Clock } from '../../homeserver/platform/clock.ts'
import type { Counter } from '../../homeserver/platform/metrics.ts'
import type { MetadataSync } from './metadata.ts'
import type { Database } from './store/database.ts'

/** Where the homeserver finds the bridge: a Unix socket, or a host with port. */
export type ListenAddress = { readonly path: string } | { readonly host: string; readonly port: number }

export interface Registration {
  readonly id: string
  readonly url: string
  readonly as_token: string
  readonly hs_token: string
  readonly sender_localpart: string
  readonly rate_limited: false
  readonly protocols: readonly string[]
  /** The login provider whose people the bridge speaks for here. Other homeservers do not know this. */
  readonly 'org.domovoi.puppets': string
  readonly namespaces: Readonly<Record<'users' | 'aliases' | 'rooms', readonly { regex: string; exclusive: boolean }[]>>
}

export interface BridgeConfig {
  readonly token: string
  /** Of the Bot API, without a slash at the end. */
  readonly apiRoot: string
  readonly homeserverUrl: string
  readonly serverName: string
  readonly registration: Registration
  readonly listen: ListenAddress
  /** Matrix users who may bridge every room in which the bot is. */
  readonly admins: readonly string[]
  /** Messages to a group. */
  readonly groupPerMinute: number
  readonly metadataSync: MetadataSync
  /** Where Telegram tells of updates; undefined where the bridge asks for them. */
  readonly webhook: string | undefined
  /** What topics of forums are in Matrix. `flat`: all in the one room of the group. */
  readonly topics: 'rooms' | 'threads' | 'flat'
  /** What comments of channels are: of their group's room, or threads below the posts. */
  readonly comments: 'room' | 'threads'
  /** Whether private chats with the bot are rooms of the admins. */
  readonly privateChats: boolean
  /** Its name or path; empty where it is not to be used. */
  readonly ffmpeg: string
  /** The largest file that goes to Telegram, in bytes. */
  readonly maxUpload: number
}

export interface BridgeParts {
  readonly config: BridgeConfig
  readonly database: Database
  readonly clock: Clock
  /** By which the homeserver passes on what Telegram posts there. */
  readonly door?: UpdateDoor
  /** Of the lease: see `lease.ts`. */
  readonly holder?: string
  /** What came through, waits again or was given up: `done`, `again`, `dead`. */
  readonly bridged?: Counter<'direction' | 'result'>
  /** For `/metrics` beside what the homeserver asks of the bridge. */
  readonly metrics?: () => string
  /** The first wait after a failure; then twice as long each time. */
  readonly retryMs?: number
}
