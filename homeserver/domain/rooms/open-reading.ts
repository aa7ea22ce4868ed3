/** Builds what everybody reads rooms by: events, members, and who may see what. */
import type { Config } from '../../config/schema.ts'
import type { Bus } from '../../platform/bus.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Database } from '../../storage/database.ts'
import { EventCache } from './event-cache.ts'
import { Members } from './members.ts'
import { PartialRooms } from './partial-rooms.ts'
import { Retention } from './retention/policy.ts'
import { type IgnoredUsers, Visibility } from './visibility.ts'

export interface ReadingServices {
  readonly events: EventCache
  readonly members: Members
  readonly partialRooms: PartialRooms
  readonly retention: Retention
  readonly visibility: Visibility
}

export interface ReadingParts {
  readonly config: Config
  readonly database: Database
  readonly bus: Bus
  readonly clock: Clock
  readonly ignored: IgnoredUsers
}

export async function openReading(parts: ReadingParts): Promise<ReadingServices> {
  const { config } = parts
  const events = new EventCache(parts)
  const members = new Members({ ...parts, serverName: config.server_name })
  const partialRooms = await PartialRooms.open(parts)
  const retention = new Retention({ ...parts, settings: config.rooms.retention })
  const visibility = new Visibility({ ...parts, events, members, retention })
  return { events, members, partialRooms, retention, visibility }
}
