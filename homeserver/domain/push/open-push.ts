import type { Bus } from '../../platform/bus.ts'
import type { Database } from '../../storage/database.ts'
import type { Streams } from '../../storage/streams.ts'
import type { EventCache } from '../rooms/event-cache.ts'
import type { Members } from '../rooms/members.ts'
import { Evaluation } from './evaluation.ts'
import { PushRules } from './push-rules.ts'
import { UnreadCounts } from './unread-counts.ts'

export interface PushServices {
  readonly pushRules: PushRules
  readonly unreadCounts: UnreadCounts
}

export interface PushParts {
  readonly database: Database
  readonly bus: Bus
  readonly streams: Streams
  readonly events: EventCache
  readonly members: Members
}

export function openPush(parts: PushParts): PushServices & { readonly evaluation: Evaluation } {
  const pushRules = new PushRules(parts)
  return {
    pushRules,
    unreadCounts: new UnreadCounts(parts),
    evaluation: new Evaluation({ ...parts, rules: pushRules }),
  }
}
