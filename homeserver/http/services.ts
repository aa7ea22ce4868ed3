/** What endpoints may use: one name for each service of the domain. `server.ts` builds them. */
import type { Config } from '../config/schema.ts'
import type { Clock } from '../platform/clock.ts'
import type { Metrics } from '../platform/metrics.ts'

export interface Services {
  readonly config: Config
  readonly clock: Clock
  readonly metrics: Metrics
}
