/** The latest events of a room in a span. https://spec.matrix.org/v1.19/client-server-api/#syncing */
import type { CompiledEventFilter } from '../../../core/filter.ts'
import type { RoomId } from '../../../core/ids.ts'
import { formatPaginationToken } from '../../../core/token.ts'
import type { Database } from '../../../storage/database.ts'
import type { StoredEvent } from '../../../storage/events.ts'
import { listRelatedBy } from '../../../storage/sync.ts'
import type { Range, RoomTails } from '../room-tails.ts'
import { filterable } from '../span.ts'

export interface Timeline {
  /** In the order in which we got them. */
  readonly events: readonly StoredEvent[]
  /** There is more between the client's last answer and these. */
  readonly limited: boolean
  /** The place in the events stream just before them. */
  readonly start: number
  /** Nothing was left out of (start, end of the span]. */
  readonly whole: boolean
}

/** Keeps the events that the reader may see. */
export type Visible = (events: readonly StoredEvent[]) => Promise<readonly StoredEvent[]>

/** Events looked at for one timeline: a filter that passes next to nothing must not read a room of millions. */
const MAX_SCANNED = 1_000

export class Timelines {
  readonly #database: Database
  readonly #tails: RoomTails

  constructor({ database, tails }: { database: Database; tails: RoomTails }) {
    this.#database = database
    this.#tails = tails
  }

  /** The last events in the range that are visible and pass the filter. */
  async read(roomId: RoomId, { after, upto }: Range, filter: CompiledEventFilter, visible: Visible): Promise<Timeline> {
    if (filter.limit === 0) {
      const any = await this.#tails.events(roomId, { after, upto }, 1)
      return { events: [], limited: any.length > 0, start: upto, whole: any.length === 0 }
    }
    const pageSize = filter.passesAll ? filter.limit + 1 : filter.limit * 3 + 20
    let found: readonly StoredEvent[] = []
    let scanned = 0
    for (let end = upto; ;) {
      const page = await this.#tails.events(roomId, { after, upto: end }, pageSize)
      const passing = await visible(await this.passing(page, filter))
      found = [...passing, ...found]
      scanned += page.length
      end = placeBefore(page[0], after)
      if (found.length > filter.limit) return cut(found, filter.limit)
      if (page.length < pageSize)
        return { events: found, limited: false, start: after, whole: found.length === scanned }
      if (scanned >= MAX_SCANNED) return { events: found, limited: true, start: end, whole: false }
    }
  }

  /** As `read`, of a page that holds the newest `filter.limit + 1` events of the room, or all of them if it is shorter. */
  async cutPage(
    roomId: RoomId,
    page: readonly StoredEvent[],
    upto: number,
    filter: CompiledEventFilter,
    visible: Visible,
  ): Promise<Timeline> {
    const hasMore = page.length > filter.limit
    if (filter.limit === 0 || !filter.passesAll) return await this.read(roomId, { after: 0, upto }, filter, visible)
    const events = await visible(page)
    if (events.length > filter.limit) return cut(events, filter.limit)
    if (!hasMore) return { events, limited: false, start: 0, whole: events.length === page.length }
    return await this.read(roomId, { after: 0, upto }, filter, visible)
  }

  async passing(events: readonly StoredEvent[], filter: CompiledEventFilter): Promise<readonly StoredEvent[]> {
    const { related_by_rel_types: relTypes, related_by_senders: senders } = filter.source
    const passing = filter.passesAll ? events : events.filter((event) => filter.passes(filterable(event)))
    if ((!relTypes && !senders) || passing.length === 0) return passing
    const ids = passing.map(({ eventId }) => eventId)
    const related = new Set(await listRelatedBy(this.#database, ids, { relTypes, senders }))
    return passing.filter(({ eventId }) => related.has(eventId))
  }
}

export function timelineText({ limited, start }: Timeline, texts: readonly string[]): string {
  return `{"events":[${texts.join(',')}],"limited":${limited},"prev_batch":"${formatPaginationToken({ stream: start })}"}`
}

function cut(found: readonly StoredEvent[], limit: number): Timeline {
  const events = found.slice(-limit)
  return { events, limited: true, start: placeBefore(events[0], 0), whole: false }
}

function placeBefore(event: StoredEvent | undefined, otherwise: number): number {
  return event ? (event.row.stream_id ?? 1) - 1 : otherwise
}
