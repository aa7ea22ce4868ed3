import type { UpdateDoor } from '../../homeserver/core/telegram-updates.ts'
import type { Clock } from '../../homeserver/platform/clock.ts'
import type { Tracing } from '../../homeserver/platform/tracing.ts'
import type { Database } from '../appservice/database.ts'
import type { ListenAddress } from '../appservice/listener.ts'
import type { Registration } from '../appservice/registration.ts'
import type { MetadataSync } from './metadata.ts'
import type { Role } from './permissions.ts'
import type { BridgeMetrics } from './metrics.ts'

export interface BridgeConfig {
  readonly token: string
  /** Of the Bot API, without a slash at the end. */
  readonly apiRoot: string
  readonly homeserverUrl: string
  readonly serverName: string
  readonly registration: Registration
  readonly listen: ListenAddress
  readonly permissions: Readonly<Record<string, Role>>
  /** Chats that one user may bridge. */
  readonly maxPortals: number
  /** Of a chat that is bridged. */
  readonly maxMembers: number
  /** Whether rooms may be bridged that people of other servers can enter. */
  readonly federatedRooms: boolean
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
  readonly measures?: BridgeMetrics
  readonly tracing?: Tracing
  /** For `/metrics` beside what the homeserver asks of the bridge. */
  readonly metrics?: () => string
  /** The first wait after a failure; then twice as long each time. */
  readonly retryMs?: number
}
