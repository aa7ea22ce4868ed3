/** Builds what reads the past of rooms. */
import type { Config } from '../../config/schema.ts'
import type { Bus } from '../../platform/bus.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Database } from '../../storage/database.ts'
import { StateGroups } from '../../storage/state-groups.ts'
import type { Streams } from '../../storage/streams.ts'
import { BundledAggregations } from './aggregations.ts'
import { ClientEvents } from './client-event.ts'
import type { EventCache } from './event-cache.ts'
import { History } from './history.ts'
import type { RoomHooks } from './hooks.ts'
import type { Members } from './members.ts'
import { RelationSummaries } from './relation-summaries.ts'
import { Relations } from './relations.ts'
import { Reports } from './reports.ts'
import { ThreadSubscriptions } from './thread-subscriptions.ts'
import type { IgnoredUsers, Visibility } from './visibility.ts'

export interface HistoryServices {
  readonly clientEvents: ClientEvents
  readonly history: History
  readonly relations: Relations
  readonly reports: Reports
  readonly threadSubscriptions: ThreadSubscriptions
}

export interface HistoryServicesParts {
  readonly config: Pick<Config, 'server_name'>
  readonly clock: Clock
  readonly database: Database
  readonly bus: Bus
  readonly streams: Streams
  readonly events: EventCache
  readonly members: Members
  readonly visibility: Visibility
  readonly ignored: IgnoredUsers
  readonly roomHooks: RoomHooks
}

export function openHistory({ config, ...parts }: HistoryServicesParts): HistoryServices {
  const aggregations = new BundledAggregations({ ...parts, summaries: new RelationSummaries(parts) })
  const clientEvents = new ClientEvents({ ...parts, aggregations })
  return {
    clientEvents,
    history: new History({ ...parts, clientEvents, groups: new StateGroups() }),
    relations: new Relations({ ...parts, clientEvents }),
    reports: new Reports({ ...parts, serverName: config.server_name }),
    threadSubscriptions: new ThreadSubscriptions(parts),
  }
}
