/** What the bridge is made of, in the order of its dependencies. */
import type { Clock } from '../../homeserver/platform/clock.ts'
import type { Database } from '../appservice/database.ts'
import type { BridgeConfig } from './config.ts'
import type { Matrix } from './matrix.ts'
import type { BridgeMetrics } from './metrics.ts'
import type { Telegram } from './telegram.ts'
import { Access } from './access.ts'
import { Bans } from './bans.ts'
import { Chats } from './chats.ts'
import { Choices } from './choices.ts'
import { CustomEmoji } from './custom-emoji.ts'
import { DirectChats } from './direct-chats.ts'
import { Failures } from './failures.ts'
import { Files } from './files.ts'
import { Ghosts } from './ghosts.ts'
import { Handshakes } from './handshakes.ts'
import { LinkCodes } from './link-codes.ts'
import { Login } from './login.ts'
import { MatrixCommands } from './matrix-commands.ts'
import { Metadata } from './metadata.ts'
import { Pace } from './pace.ts'
import { Permissions } from './permissions.ts'
import { Portals } from './portals.ts'
import { PrivateChats } from './private-chats.ts'
import { Provisioning } from './provisioning.ts'
import { PublicPortals } from './public-portals.ts'
import { Puppets } from './puppets.ts'
import { Rules } from './rules.ts'
import { Stickers } from './stickers.ts'
import { TelegramCommands } from './telegram-commands.ts'
import { ToMatrix } from './to-matrix.ts'
import { ToTelegram } from './to-telegram.ts'
import { Turns } from './to-telegram/turns.ts'
import { Topics } from './topics.ts'

interface Base {
  readonly config: BridgeConfig
  readonly matrix: Matrix
  readonly telegram: Telegram
  readonly database: Database
  readonly clock: Clock
  readonly bot: { readonly id: string; readonly username: string }
  readonly retryMs: number
  readonly serverName: string
  readonly metrics: BridgeMetrics
  /** Something waits for the chat of this room. */
  readonly wake: (roomId: string) => void
}

interface BridgeServices {
  readonly login: Login
  readonly metadata: Metadata
  readonly toMatrix: ToMatrix
  readonly toTelegram: ToTelegram
  readonly failures: Failures
  readonly provisioning: Provisioning
  readonly publicPortals: PublicPortals
}

export function compose({ config, ...base }: Base): BridgeServices {
  const { clock } = base
  const access = new Access(base)
  const turns = new Turns(base)
  const files = new Files(base)
  const topics = new Topics({ ...base, topicsAs: config.topics })
  const bans = new Bans(base)
  const publicPortals = new PublicPortals(base)
  const choices = new Choices(base)
  const puppets = new Puppets({ ...base, choices })
  const ghosts = new Ghosts({ ...base, files, puppets })
  const linkCodes = new LinkCodes(base)
  const login = new Login({ ...base, files, puppets, linkCodes, choices })
  const metadata = new Metadata({ ...base, access, sync: config.metadataSync })
  const permissions = new Permissions(config.serverName, config.permissions)
  const rules = new Rules({ ...base, puppets, permissions, bans, limits: config })
  const portals = new Portals({
    ...base,
    files,
    ghosts,
    metadata,
    publicPortals,
    federatedRooms: config.federatedRooms,
  })
  const handshakes = new Handshakes(base)
  const matrixCommands = new MatrixCommands({
    ...base,
    handshakes,
    metadata,
    linkCodes,
    rules,
    portals,
    permissions,
    bans,
    topics,
    publicPortals,
    limits: config,
  })
  const chats = new Chats({ ...base, page: () => login.chatsPage })
  const provisioning = new Provisioning({ ...base, chats, portals, puppets, rules, permissions, bans })
  const privateChats = new PrivateChats({ ...base, permissions, privateChats: config.privateChats })
  const commands = new TelegramCommands({
    ...base,
    login,
    chats,
    rules,
    portals,
    privateChats,
    handshakes,
    choices,
    puppets,
  })
  const toMatrix = new ToMatrix({
    ...base,
    ghosts,
    puppets,
    files,
    commands,
    chats,
    metadata,
    bans,
    portals,
    access,
    turns,
    topics,
    stickers: new Stickers({ files, ffmpeg: config.ffmpeg }),
    customEmoji: new CustomEmoji({ ...base, files }),
    commentsAs: config.comments,
  })
  const pace = new Pace({ clock, groupPerMinute: config.groupPerMinute })
  const { maxUpload } = config
  const toTelegram = new ToTelegram({
    ...base,
    ghosts,
    puppets,
    commands: matrixCommands,
    directChats: new DirectChats({ ...base, rules, portals, choices }),
    portals,
    publicPortals,
    topics,
    bans,
    access,
    metadata,
    pace,
    turns,
    maxUpload,
  })
  const migrate = (from: number, to: number): Promise<void> => toMatrix.migrate(from, to)
  const failures = new Failures({ ...base, pace, access, migrate })
  return { login, metadata, toMatrix, toTelegram, failures, provisioning, publicPortals }
}
