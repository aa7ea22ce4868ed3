/** Builds what clients do with rooms. */
import type { Config } from '../../config/schema.ts'
import type { Bus } from '../../platform/bus.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Background } from '../../platform/lifecycle.ts'
import type { Database } from '../../storage/database.ts'
import type { AccountHooks } from '../accounts/hooks.ts'
import { RoomCreator } from './create.ts'
import type { EventCache } from './event-cache.ts'
import { Forgetting } from './forget.ts'
import type { RoomDirectory, RoomHooks, RoomSettings } from './hooks.ts'
import { MemberList } from './member-list.ts'
import type { Members } from './members.ts'
import type { PartialRooms } from './partial-rooms.ts'
import { Memberships } from './membership.ts'
import { EventSender } from './send.ts'
import { followReplacements } from './replaced-rooms.ts'
import { RoomBlocks } from './room-blocks.ts'
import { RoomsOfUser } from './rooms-of-user.ts'
import { RoomState } from './state.ts'
import { Transactions } from './transactions.ts'
import { RoomUpgrade } from './upgrade.ts'
import type { Visibility } from './visibility.ts'
import type { RoomWriter } from './writer.ts'

export interface RoomServices {
  readonly eventSender: EventSender
  readonly forgetting: Forgetting
  readonly memberList: MemberList
  readonly memberships: Memberships
  readonly roomBlocks: RoomBlocks
  readonly roomCreator: RoomCreator
  readonly roomState: RoomState
  readonly roomUpgrade: RoomUpgrade
}

export interface RoomParts {
  readonly config: Config
  readonly clock: Clock
  readonly background: Background
  readonly database: Database
  readonly bus: Bus
  readonly events: EventCache
  readonly members: Members
  readonly partialRooms: PartialRooms
  readonly visibility: Visibility
  readonly writer: RoomWriter
  readonly directory: RoomDirectory
  /** Rooms act when profiles change and accounts end. */
  readonly hooks: AccountHooks
  readonly roomHooks: RoomHooks
  readonly settings: readonly RoomSettings[]
}

export function openRooms({ config, hooks, ...parts }: RoomParts): RoomServices {
  const serverName = config.server_name
  const memberships = new Memberships(parts)
  const roomsOfUser = new RoomsOfUser({ members: parts.members, memberships })
  hooks.departures.push(roomsOfUser)
  hooks.profiles.push(roomsOfUser)
  followReplacements(parts)
  return {
    eventSender: new EventSender({ ...parts, transactions: new Transactions(parts) }),
    forgetting: new Forgetting(parts),
    memberList: new MemberList(parts),
    memberships,
    roomBlocks: new RoomBlocks(parts),
    roomCreator: new RoomCreator({ ...parts, memberships, serverName, defaultVersion: config.rooms.default_version }),
    roomState: new RoomState({ ...parts, serverName, memberships }),
    roomUpgrade: new RoomUpgrade(parts),
  }
}
