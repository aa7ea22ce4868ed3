import type { Bus } from '../../platform/bus.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Database } from '../../storage/database.ts'
import type { Streams } from '../../storage/streams.ts'
import type { AccountHooks } from '../accounts/hooks.ts'
import type { EventCache } from '../rooms/event-cache.ts'
import type { Members } from '../rooms/members.ts'
import { Evaluation, type IgnoredUsers } from './evaluation.ts'
import { PushRules } from './push-rules.ts'
import { Pushers } from './pushers.ts'
import { UnreadCounts } from './unread-counts.ts'

export interface PushServices {
  readonly pushRules: PushRules
  readonly pushers: Pushers
  readonly unreadCounts: UnreadCounts
}

export interface PushParts {
  readonly database: Database
  readonly bus: Bus
  readonly streams: Streams
  readonly clock: Clock
  readonly events: EventCache
  readonly members: Members
  readonly ignored: IgnoredUsers
  /** Pushers end with sessions and accounts. */
  readonly hooks: AccountHooks
}

export function openPush({ hooks, ...parts }: PushParts): PushServices & { readonly evaluation: Evaluation } {
  const pushRules = new PushRules(parts)
  const pushers = new Pushers(parts)
  hooks.devices.push(pushers)
  hooks.departures.push(pushers)
  return {
    pushRules,
    pushers,
    unreadCounts: new UnreadCounts(parts),
    evaluation: new Evaluation({ ...parts, rules: pushRules }),
  }
}
