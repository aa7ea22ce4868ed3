/** The rooms the user is joined to. https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3sync */
import type { RoomId, UserId } from '../../../core/ids.ts'
import type { StoredEvent } from '../../../storage/events.ts'
import type { Visibility } from '../../rooms/visibility.ts'
import type { KnownRoom } from '../room-lists.ts'
import type { RoomTails } from '../room-tails.ts'
import { sinceOf, type Span } from '../span.ts'
import { always, type RoomEvents } from './room-events.ts'
import { roomText } from './room-text.ts'
import type { RoomStates } from './state.ts'
import { type Summaries, summaryText } from './summary.ts'
import { type Timeline, type Timelines, timelineText, type Visible } from './timeline.ts'
import type { UnreadSection } from './unread.ts'

export interface JoinedParts {
  readonly tails: RoomTails
  readonly timelines: Timelines
  readonly states: RoomStates
  readonly summaries: Summaries
  readonly unread: UnreadSection
  readonly readable: RoomEvents
  readonly visibility: Visibility
}

/** What else there is to say about rooms: texts of events, and events that may be in the timeline as well. */
export interface RoomExtras {
  readonly sticky: ReadonlyMap<RoomId, readonly StoredEvent[]>
  readonly accountData: ReadonlyMap<RoomId, readonly string[]>
  readonly ephemeral: ReadonlyMap<RoomId, readonly string[]>
}

const unmoved: Timeline = { events: [], limited: false, start: 0, whole: true }

export class JoinedSection {
  readonly #parts: JoinedParts

  constructor(parts: JoinedParts) {
    this.#parts = parts
  }

  /** A member of `rooms.join`, or undefined where nothing is new. */
  async known(span: Span, room: KnownRoom, extras: RoomExtras): Promise<string | undefined> {
    const { roomId } = room
    const { tails, timelines, states, unread, readable } = this.#parts
    const range = { after: sinceOf(span, 'events'), upto: span.upto.events }
    const [timeline, changes] = room.hasEvents
      ? await Promise.all([
          timelines.read(roomId, range, span.filter.timeline, await readable.visible(span.who.userId, roomId, room)),
          tails.changes(roomId, range),
        ])
      : [{ ...unmoved, start: range.after }, []]
    const summarised = span.fullState || changes.some(({ type }) => this.#parts.summaries.concerns(type))
    const summary = summarised ? await this.#summaries(span, [roomId]) : undefined
    const state = span.fullState
      ? (await states.whole(span, [{ roomId, timeline }], heroesIn(summary))).get(roomId)
      : timeline.events.length > 0 || changes.length > 0
        ? await states.changed(span, { roomId, timeline }, changes)
        : []
    const [accountData, ephemeral] = [extras.accountData.get(roomId), extras.ephemeral.get(roomId)]
    const hasNews =
      span.fullState || timeline.events.length > 0 || timeline.limited || (state?.length ?? 0) > 0 || summary
    const sticky = untold(extras.sticky.get(roomId), timeline)
    if (!hasNews && !accountData && !ephemeral && !room.hasRead && sticky.length === 0) return undefined
    const memberships = room.stayed ? always : await readable.membershipsAt(span.who.userId, timeline.events)
    const [timelineTexts, stateTexts, stickyTexts, unreadText] = await Promise.all([
      readable.texts(span, timeline.events, memberships),
      readable.texts(span, state ?? []),
      readable.texts(span, sticky),
      unread.text(span, roomId),
    ])
    const text = roomText({
      timeline: timelineText(timeline, timelineTexts),
      state: stateTexts,
      stateAfter: span.stateAfter,
      accountData,
      ephemeral,
      sticky: stickyTexts,
      summary: summary?.get(roomId)?.text,
      unread: unreadText,
    })
    return `${JSON.stringify(roomId)}:${text}`
  }

  /** Members of `rooms.join` for rooms that are new to the client, read for all of them at once. */
  async fresh(span: Span, roomIds: readonly RoomId[], extras: RoomExtras): Promise<string[]> {
    if (roomIds.length === 0) return []
    const { timelines, states, unread, visibility, readable } = this.#parts
    const { filter, upto, who } = span
    const [pages, unreadTexts, summaries] = await Promise.all([
      readable.pages(roomIds, { upto: upto.events, limit: filter.timeline.limit + 1 }),
      unread.texts(span, roomIds),
      this.#summaries(span, roomIds),
      visibility.warm(who.userId, roomIds),
    ])
    const timelineOf = async (roomId: RoomId): Promise<{ roomId: RoomId; timeline: Timeline }> => {
      const visible: Visible = (events) => visibility.visibleTo(who.userId, roomId, events)
      const page = pages.get(roomId) ?? []
      const timeline = await timelines.cutPage(roomId, page, upto.events, filter.timeline, visible)
      // The client has a gap if it knew the room before.
      return { roomId, timeline: span.since && !timeline.whole ? { ...timeline, limited: true } : timeline }
    }
    const rooms = await Promise.all(roomIds.map(timelineOf))
    const state = await states.whole(span, rooms, heroesIn(summaries))
    const memberships = await readable.ownMemberships(who.userId, rooms)
    const sticky = rooms.map(({ roomId, timeline }) => untold(extras.sticky.get(roomId), timeline))
    const [timelineTexts, stateTexts, stickyTexts] = await Promise.all([
      readable.texts(
        span,
        rooms.flatMap(({ timeline }) => timeline.events),
        memberships,
      ),
      readable.texts(
        span,
        rooms.flatMap(({ roomId }) => state.get(roomId) ?? []),
      ),
      readable.texts(span, sticky.flat()),
    ])
    let [timelineAt, stateAt, stickyAt] = [0, 0, 0]
    return rooms.map(({ roomId, timeline }, index) => {
      const [own, before] = [timeline.events.length, state.get(roomId)?.length ?? 0]
      const text = roomText({
        timeline: timelineText(timeline, timelineTexts.slice(timelineAt, (timelineAt += own))),
        state: stateTexts.slice(stateAt, (stateAt += before)),
        stateAfter: span.stateAfter,
        accountData: extras.accountData.get(roomId) ?? [],
        ephemeral: extras.ephemeral.get(roomId) ?? [],
        sticky: stickyTexts.slice(stickyAt, (stickyAt += sticky[index]?.length ?? 0)),
        summary: summaries.get(roomId)?.text,
        unread: unreadTexts.get(roomId),
      })
      return `${JSON.stringify(roomId)}:${text}`
    })
  }

  async #summaries(
    { who }: Span,
    roomIds: readonly RoomId[],
  ): Promise<ReadonlyMap<RoomId, { readonly text: string; readonly heroes: readonly UserId[] }>> {
    const summaries = await this.#parts.summaries.list(roomIds, who.userId)
    return new Map(
      [...summaries].map(([roomId, summary]) => [roomId, { text: summaryText(summary), heroes: summary.heroes ?? [] }]),
    )
  }
}

/** What the timeline of the same answer does not tell. */
function untold(sticky: readonly StoredEvent[] = [], { events }: Timeline): readonly StoredEvent[] {
  if (sticky.length === 0) return sticky
  const told = new Set(events.map(({ eventId }) => eventId))
  return sticky.filter(({ eventId }) => !told.has(eventId))
}

function heroesIn(
  summaries: ReadonlyMap<RoomId, { readonly heroes: readonly UserId[] }> | undefined,
): ReadonlyMap<RoomId, readonly UserId[]> {
  return new Map([...(summaries ?? [])].map(([roomId, { heroes }]) => [roomId, heroes]))
}
