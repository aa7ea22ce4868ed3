/** The latest events of a room in a span. https://spec.matrix.org/v1.19/client-server-api/#syncing */
import type { CompiledEventFilter } from '../../../core/filter.ts'
import type { RoomId } from '../../../core/ids.ts'
import { formatPaginationToken } from '../../../core/token.ts'
import type { Database } from '../../../storage/database.ts'
import type { StoredEvent } from '../../../storage/events.ts'
import { listEventsAfterGaps, listRelatedBy } from '../../../storage/sync.ts'
import type { Members } from '../../rooms/members.ts'
import type { Range, RoomTails } from '../room-tails.ts'
import { commaSeparated, filterable } from '../span.ts'

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
  readonly #members: Pick<Members, 'isLocal'>
  readonly #tails: RoomTails

  constructor(parts: { database: Database; members: Pick<Members, 'isLocal'>; tails: RoomTails }) {
    this.#database = parts.database
    this.#members = parts.members
    this.#tails = parts.tails
  }

  /** The last events in the range that are visible and pass the filter. */
  async read(roomId: RoomId, range: Range, filter: CompiledEventFilter, visible: Visible): Promise<Timeline> {
    if (!filter.passesRoom(roomId)) return nothing(range.after)
    const timeline = await this.#read(roomId, range, filter, visible)
    return range.after > 0 ? await this.#sinceGap(timeline) : timeline
  }

  /** Where other servers have not given us what came before an event, the client has to ask for it as well. */
  async #sinceGap(timeline: Timeline): Promise<Timeline> {
    const remote = timeline.events.filter(({ row }) => !this.#members.isLocal(row.sender))
    if (remote.length === 0) return timeline
    const ids = remote.map(({ eventId }) => eventId)
    const after = new Set(await listEventsAfterGaps(this.#database, ids))
    const index = timeline.events.findLastIndex(({ eventId }) => after.has(eventId))
    if (index < 0) return timeline
    const events = timeline.events.slice(index)
    return { events, limited: true, start: placeBefore(events[0], timeline.start), whole: false }
  }

  async #read(
    roomId: RoomId,
    { after, upto }: Range,
    filter: CompiledEventFilter,
    visible: Visible,
  ): Promise<Timeline> {
    if (filter.limit === 0) {
      const any = await this.#tails.events(roomId, { after, upto }, 1)
      return { events: [], limited: any.length > 0, start: upto, whole: any.length === 0 }
    }
    const pageSize = filter.passesAll ? filter.limit + 1 : filter.limit * 3 + 20
    let found: readonly StoredEvent[] = []
    let scanned = 0
    for (let end = upto; ;) {
      const page = await this.#tails.events(roomId, { after, upto: end }, pageSize)
      const passing = await visible(await this.#passing(page, filter))
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
    if (!filter.passesRoom(roomId)) return nothing(upto)
    const hasMore = page.length > filter.limit
    if (filter.limit === 0 || !filter.passesAll) return await this.#read(roomId, { after: 0, upto }, filter, visible)
    const events = await visible(page)
    if (events.length > filter.limit) return cut(events, filter.limit)
    if (!hasMore) return { events, limited: false, start: 0, whole: events.length === page.length }
    return await this.#read(roomId, { after: 0, upto }, filter, visible)
  }

  async #passing(events: readonly StoredEvent[], filter: CompiledEventFilter): Promise<readonly StoredEvent[]> {
    const { related_by_rel_types: relTypes, related_by_senders: senders } = filter.source
    const passing = filter.passesAll ? events : events.filter((event) => filter.passes(filterable(event)))
    if ((!relTypes && !senders) || passing.length === 0) return passing
    const ids = passing.map(({ eventId }) => eventId)
    const related = new Set(await listRelatedBy(this.#database, ids, { relTypes, senders }))
    return passing.filter(({ eventId }) => related.has(eventId))
  }
}

export function timelineText({ limited, start }: Timeline, texts: readonly string[]): string {
  return `{"events":[${commaSeparated(texts)}],"limited":${limited},"prev_batch":"${formatPaginationToken({ stream: start })}"}`
}

/** Of a room whose timeline the client does not want. */
function nothing(start: number): Timeline {
  return { events: [], limited: false, start, whole: false }
}

function cut(found: readonly StoredEvent[], limit: number): Timeline {
  const events = found.slice(-limit)
  return { events, limited: true, start: placeBefore(events[0], 0), whole: false }
}

function placeBefore(event: StoredEvent | undefined, otherwise: number): number {
  return event ? (event.row.stream_id ?? 1) - 1 : otherwise
}
