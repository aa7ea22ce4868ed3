/** Builds what searches messages. */
import type { Bus } from '../../platform/bus.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Service } from '../../platform/lifecycle.ts'
import type { Metrics } from '../../platform/metrics.ts'
import type { Database } from '../../storage/database.ts'
import { StateGroups } from '../../storage/state-groups.ts'
import type { Streams } from '../../storage/streams.ts'
import type { ClientEvents } from '../rooms/client-event.ts'
import type { EventCache } from '../rooms/event-cache.ts'
import type { Members } from '../rooms/members.ts'
import type { IgnoredUsers, Visibility } from '../rooms/visibility.ts'
import { SearchIndexer } from './indexer.ts'
import { Search } from './search.ts'

export interface SearchServices {
  readonly search: Search
  readonly searchIndexer: SearchIndexer
}

export interface SearchServicesParts {
  readonly database: Database
  readonly clock: Clock
  readonly metrics: Metrics
  readonly bus: Bus
  readonly streams: Streams
  readonly events: EventCache
  readonly members: Members
  readonly visibility: Visibility
  readonly ignored: IgnoredUsers
  readonly clientEvents: ClientEvents
}

export function openSearch(parts: SearchServicesParts): SearchServices & { readonly runnable: readonly Service[] } {
  const searchIndexer = new SearchIndexer(parts)
  const search = new Search({ ...parts, groups: new StateGroups(), indexer: searchIndexer })
  return { search, searchIndexer, runnable: [searchIndexer] }
}
