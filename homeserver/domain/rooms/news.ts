/** What a bell of the events stream carries, so that caches follow without a look at the tables. */
import type { EventId } from '../../core/ids.ts'
import type { Bell } from '../../platform/bus.ts'
import type { StoredEvent } from '../../storage/events.ts'
import type { MembershipRow } from '../../storage/memberships.ts'
import type { StateChange } from '../../storage/rooms.ts'

export interface EventNews {
  /** The events themselves, in the order of their stream ids. */
  readonly events: readonly StoredEvent[]
  /** What became of the current state of their rooms. */
  readonly changes: readonly StateChange[]
  readonly memberships: readonly MembershipRow[]
  readonly redacted: readonly EventId[]
}

/** The news of a bell, if it is of the events stream and brings any. */
export function newsOf(bell: Bell): EventNews | undefined {
  // Only commit.ts rings this stream.
  return bell.stream === 'events' ? (bell.payload as EventNews | undefined) : undefined
}
