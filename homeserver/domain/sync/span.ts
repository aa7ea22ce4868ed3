/** What one answer of /sync is about. */
import type { CompiledFilter } from '../../core/filter.ts'
import type { StreamName } from '../../core/token.ts'
import type { Positions } from '../../storage/streams.ts'
import type { Requester } from '../accounts/requester.ts'
import type { StoredEvent } from '../../storage/events.ts'

/** The keys under which clients ask for state as of the end of the timeline (MSC4222), and are answered. */
const stateAfterKeys = ['state_after', 'org.matrix.msc4222.state_after'] as const
export type StateAfterKey = (typeof stateAfterKeys)[number]

export interface Span {
  readonly who: Requester
  /** Names what is told of members as they turn up; the session if it is not given. */
  readonly listener?: string
  /** Sliding sync: counts changes in what the client was told of rooms. */
  readonly told?: number
  /** What the client knows; undefined at first. */
  readonly since: Positions | undefined
  /** Everything is read up to here, and nothing beyond. */
  readonly upto: Positions
  readonly filter: CompiledFilter
  readonly fullState: boolean
  readonly stateAfter: StateAfterKey | undefined
}

export function sinceOf({ since }: Span, stream: StreamName): number {
  return since?.[stream] ?? 0
}

/** A list of events from their texts. */
export function eventList(texts: readonly string[]): string {
  return `{"events":[${commaSeparated(texts)}]}`
}

/** As `join(',')`, which would copy the texts: here they are put together once, as part of the whole answer when it is sent. */
export function commaSeparated(texts: Iterable<string>): string {
  let all = ''
  for (const text of texts) all = all === '' ? text : `${all},${text}`
  return all
}

/** The event as filters look at it; its content is parsed only if they ask for it. */
export function filterable(event: StoredEvent): {
  readonly type: string
  readonly sender: string
  readonly content: StoredEvent['pdu']['content']
} {
  const { type, sender } = event.row
  return {
    type,
    sender,
    get content() {
      return event.pdu.content
    },
  }
}
