/** The rooms the user has left, was thrown out of or is banned from, up to that moment. */
import type { Database } from '../../../storage/database.ts'
import type { StoredEvent } from '../../../storage/events.ts'
import { lastJoinEnd } from '../../../storage/sync.ts'
import type { ClientEvents } from '../../rooms/client-event.ts'
import type { EventCache } from '../../rooms/event-cache.ts'
import type { Visibility } from '../../rooms/visibility.ts'
import type { LeftRoom } from '../room-lists.ts'
import type { RoomTails } from '../room-tails.ts'
import { sinceOf, type Span } from '../span.ts'
import { roomText } from './room-text.ts'
import type { RoomStates } from './state.ts'
import { type Timeline, type Timelines, timelineText } from './timeline.ts'

export interface LeftParts {
  readonly database: Database
  readonly events: EventCache
  readonly tails: RoomTails
  readonly timelines: Timelines
  readonly states: RoomStates
  readonly clientEvents: ClientEvents
  readonly visibility: Visibility
}

export class LeftSection {
  readonly #parts: LeftParts

  constructor(parts: LeftParts) {
    this.#parts = parts
  }

  /** A member of `rooms.leave`. */
  async text(span: Span, { row, known }: LeftRoom): Promise<string> {
    const { room_id: roomId } = row
    const { database, timelines, tails, states, visibility } = this.#parts
    const range = { after: known ? sinceOf(span, 'events') : 0, upto: row.stream_id }
    const end = await lastJoinEnd(database, roomId, row.user_id)
    if (end === undefined) return await this.#whole(span, row.room_id, await this.#ownEvent(row.event_id, range), [])
    const timeline = await timelines.read(roomId, range, span.filter.timeline, (events) =>
      visibility.visibleTo(span.who.userId, roomId, events),
    )
    const state = known
      ? await states.changed(
          { ...span, upto: { ...span.upto, events: end } },
          { roomId, timeline },
          // Who left may have been banned since: that he is told, and nothing that came between.
          (await tails.changes(roomId, range)).filter(
            ({ streamId, type, stateKey }) => streamId <= end || (type === 'm.room.member' && stateKey === row.user_id),
          ),
        )
      : await states.former(span, { roomId, timeline }, end)
    return await this.#whole(span, roomId, timeline, state)
  }

  /** Whoever never was in the room sees that he is not invited any more, and nothing else. */
  async #ownEvent(eventId: Parameters<EventCache['find']>[0], { upto }: { readonly upto: number }): Promise<Timeline> {
    const event = await this.#parts.events.find(eventId)
    return { events: event ? [event] : [], limited: false, start: upto - 1, whole: false }
  }

  async #whole(
    { who, filter, stateAfter }: Span,
    roomId: LeftRoom['row']['room_id'],
    timeline: Timeline,
    state: readonly StoredEvent[],
  ): Promise<string> {
    const form = { withRoomId: false, format: filter.eventFormat, project: filter.project }
    const { clientEvents, visibility } = this.#parts
    const memberships = await visibility.membershipsAt(who.userId, timeline.events)
    const [texts, stateTexts] = await Promise.all([
      clientEvents.texts(timeline.events, who, { ...form, memberships }),
      clientEvents.texts(state, who, { ...form, bundled: false }),
    ])
    const text = roomText({ timeline: timelineText(timeline, texts), state: stateTexts, stateAfter, accountData: [] })
    return `${JSON.stringify(roomId)}:${text}`
  }
}
