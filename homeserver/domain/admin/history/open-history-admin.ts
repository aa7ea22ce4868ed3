/** Builds what deletes history. */
import type { Config } from '../../../config/schema.ts'
import type { Bus } from '../../../platform/bus.ts'
import type { Clock } from '../../../platform/clock.ts'
import type { Service } from '../../../platform/lifecycle.ts'
import type { Metrics } from '../../../platform/metrics.ts'
import type { Database } from '../../../storage/database.ts'
import type { Streams } from '../../../storage/streams.ts'
import type { MediaAdmin } from '../../media/media-admin.ts'
import type { Retention } from '../../rooms/retention/policy.ts'
import { HistoryPurger } from './purger.ts'
import { HistoryPurges } from './purges.ts'
import { RetentionSweeper } from './retention-sweeper.ts'

export interface HistoryAdminServices {
  readonly historyPurges: HistoryPurges
}

interface HistoryAdminParts {
  readonly config: Config
  readonly database: Database
  readonly bus: Bus
  readonly streams: Streams
  readonly clock: Clock
  readonly metrics: Metrics
  readonly mediaAdmin: MediaAdmin
  readonly retention: Retention
}

export function openHistoryAdmin({
  config,
  ...parts
}: HistoryAdminParts): HistoryAdminServices & { readonly runnable: readonly Service[] } {
  const serverName = config.server_name
  const purger = new HistoryPurger({ ...parts, serverName })
  const historyPurges = new HistoryPurges({ ...parts, purger, serverName })
  const everywhere = config.rooms.retention.default !== undefined
  return { historyPurges, runnable: [historyPurges, new RetentionSweeper({ ...parts, purger, everywhere })] }
}
