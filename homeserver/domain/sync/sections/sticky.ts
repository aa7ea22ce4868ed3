/** `msc4354_sticky` of joined rooms: what lasts in them. https://github.com/matrix-org/matrix-spec-proposals/pull/4354 */
import type { RoomId } from '../../../core/ids.ts'
import type { StoredEvent } from '../../../storage/events.ts'
import type { StickyEvents } from '../../rooms/sticky-events.ts'
import type { IgnoredUsers } from '../../rooms/visibility.ts'
import type { Notifier } from '../notifier.ts'
import type { RoomLists } from '../room-lists.ts'
import { sinceOf, type Span } from '../span.ts'

export interface StickyParts {
  readonly notifier: Notifier
  readonly ignored: IgnoredUsers
  readonly stickyEvents: Pick<StickyEvents, 'list'>
}

/** In one answer; the others come in the next. */
const MAX_EVENTS = 100
/** Of rooms that the user has just come into, for which there is no next answer. */
const MAX_FRESH = 1_000

export interface StickyNews {
  readonly rooms: ReadonlyMap<RoomId, readonly StoredEvent[]>
  /** How far they go in their stream. */
  readonly upto: number
}

export class StickySection {
  readonly #parts: StickyParts

  constructor(parts: StickyParts) {
    this.#parts = parts
  }

  /** The history visibility of the room does not count, as long as they last. */
  async read(
    span: Span,
    { known, fresh }: Pick<RoomLists, 'known' | 'fresh'>,
    limit = MAX_EVENTS,
  ): Promise<StickyNews> {
    const { notifier, stickyEvents, ignored } = this.#parts
    const [after, upto] = [sinceOf(span, 'sticky_events'), span.upto.sticky_events]
    const touched = known.filter(({ roomId }) => notifier.roomChanged('sticky_events', roomId, after))
    const follows = [...touched.map(({ roomId }) => roomId), ...fresh]
    const [next, earlier] = await Promise.all([
      stickyEvents.list(follows, { after, upto, limit: limit + 1 }),
      after === 0 ? [] : stickyEvents.list(fresh, { after: 0, upto: after, limit: MAX_FRESH }),
    ])
    const told = next.slice(0, limit)
    const all = [...earlier, ...told]
    const end = next.length > limit ? (told.at(-1)?.streamId ?? upto) : upto
    if (all.length === 0) return { rooms: nothing, upto: end }
    const hidden = await ignored.of(span.who.userId)
    const shown = all.map(({ event }) => event).filter(({ row }) => row.redacted_by === null && !hidden.has(row.sender))
    return { rooms: Map.groupBy(shown, ({ roomId }) => roomId), upto: end }
  }
}

const nothing: StickyNews['rooms'] = new Map()
