/** Builds all that concerns what users do at this moment. */
import type { Config } from '../../config/schema.ts'
import type { Bus } from '../../platform/bus.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Background, Service } from '../../platform/lifecycle.ts'
import type { Database } from '../../storage/database.ts'
import type { Streams } from '../../storage/streams.ts'
import type { AccountData } from '../account-data/account-data.ts'
import type { EventCache } from '../rooms/event-cache.ts'
import type { Members } from '../rooms/members.ts'
import { Presence } from './presence.ts'
import { ReadMarkers } from './read-markers.ts'
import { Receipts } from './receipts.ts'
import { Typing } from './typing.ts'

export interface EphemeralServices {
  readonly typing: Typing
  readonly receipts: Receipts
  readonly readMarkers: ReadMarkers
  readonly presence: Presence
}

interface EphemeralParts {
  readonly config: Config
  readonly database: Database
  readonly streams: Streams
  readonly bus: Bus
  readonly clock: Clock
  readonly background: Background
  readonly accountData: AccountData
  readonly events: EventCache
  readonly members: Members
}

export function openEphemeral(parts: EphemeralParts): EphemeralServices & { readonly runnable: readonly Service[] } {
  const typing = new Typing(parts)
  const presence = new Presence({ ...parts, mode: parts.config.presence })
  return {
    typing,
    receipts: new Receipts(parts),
    readMarkers: new ReadMarkers(parts),
    presence,
    runnable: [typing, presence],
  }
}
