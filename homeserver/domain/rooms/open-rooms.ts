/** Builds what clients do with rooms. */
import type { Config } from '../../config/schema.ts'
import type { Bus } from '../../platform/bus.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Database } from '../../storage/database.ts'
import { RoomCreator } from './create.ts'
import type { EventCache } from './event-cache.ts'
import { Forgetting } from './forget.ts'
import type { RoomDirectory } from './hooks.ts'
import { MemberList } from './member-list.ts'
import type { Members } from './members.ts'
import { Memberships } from './membership.ts'
import { EventSender } from './send.ts'
import { RoomState } from './state.ts'
import type { Transactions } from './transactions.ts'
import type { Visibility } from './visibility.ts'
import type { RoomWriter } from './writer.ts'

export interface RoomServices {
  readonly eventSender: EventSender
  readonly forgetting: Forgetting
  readonly memberList: MemberList
  readonly memberships: Memberships
  readonly roomCreator: RoomCreator
  readonly roomState: RoomState
}

export interface RoomParts {
  readonly config: Config
  readonly clock: Clock
  readonly database: Database
  readonly bus: Bus
  readonly events: EventCache
  readonly members: Members
  readonly transactions: Transactions
  readonly visibility: Visibility
  readonly writer: RoomWriter
  readonly directory: RoomDirectory
}

export function openRooms({ config, ...parts }: RoomParts): RoomServices {
  const serverName = config.server_name
  const memberships = new Memberships(parts)
  return {
    eventSender: new EventSender(parts),
    forgetting: new Forgetting(parts),
    memberList: new MemberList(parts),
    memberships,
    roomCreator: new RoomCreator({ ...parts, serverName, defaultVersion: config.rooms.default_version }),
    roomState: new RoomState({ ...parts, serverName, memberships }),
  }
}
