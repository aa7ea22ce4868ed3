/** Rooms the user is joined to, as sliding sync tells of them. */
import { compileFilter, type CompiledEventFilter, parseFilter } from '../../../core/filter.ts'
import type { RoomId } from '../../../core/ids.ts'
import { Lru } from '../../../platform/lru.ts'
import type { StoredEvent } from '../../../storage/events.ts'
import type { Visibility } from '../../rooms/visibility.ts'
import type { KnownRoom } from '../room-lists.ts'
import type { RoomTails } from '../room-tails.ts'
import { always, type RoomEvents } from '../sections/room-events.ts'
import type { RoomTimeline } from '../sections/state.ts'
import type { Summaries } from '../sections/summary.ts'
import type { Timeline, Timelines } from '../sections/timeline.ts'
import type { UnreadSection } from '../sections/unread.ts'
import type { Span } from '../span.ts'
import { isLazy, type RoomConfig } from './room-config.ts'
import type { RequiredStates, ToldState } from './room-state.ts'
import { roomText } from './room-text.ts'

/** A room to be told of. */
export interface JoinedTask {
  readonly roomId: RoomId
  readonly config: RoomConfig
  readonly bumpStamp: number
  readonly isDirect: boolean
}

/** One that the client knows. */
export interface KnownTask extends JoinedTask, Pick<KnownRoom, 'hasEvents' | 'hasRead' | 'stayed'> {
  /** The client has the room up to there. */
  readonly after: number
  /** What it asked for then. */
  readonly before: RoomConfig
}

/** A room in the answer. */
export interface RoomAnswer {
  readonly roomId: RoomId
  /** Undefined where there is nothing to tell after all. */
  readonly text: string | undefined
  readonly timeline: Timeline
  /** Events of state that are told with it. */
  readonly state: readonly StoredEvent[]
  readonly config: RoomConfig
}

export interface JoinedRoomsParts {
  readonly tails: RoomTails
  readonly visibility: Visibility
  readonly timelines: Timelines
  readonly states: RequiredStates
  readonly summaries: Summaries
  readonly unread: UnreadSection
  readonly readable: RoomEvents
}

/** Rooms that are read at once. */
const ROOMS_AT_ONCE = 100
const noState: ToldState = { events: [], gone: [] }

export class JoinedRooms {
  readonly #parts: JoinedRoomsParts
  readonly #filters = new Lru<number, CompiledEventFilter>(100)

  constructor(parts: JoinedRoomsParts) {
    this.#parts = parts
  }

  async known(span: Span, task: KnownTask): Promise<RoomAnswer> {
    const { tails, states, summaries, unread, readable } = this.#parts
    const { roomId, config, before, after, hasEvents, stayed } = task
    const { userId } = span.who
    const timeline = await this.#timeline(span, task)
    const changes = hasEvents ? await tails.changes(roomId, { after, upto: span.upto.events }) : []
    const [changed, added] = await Promise.all([
      hasEvents || isLazy(config) ? states.changed(span, { roomId, wanted: config, timeline }, changes) : noState,
      config.key === before.key ? undefined : states.whole(span, [{ roomId, wanted: config, known: before, timeline }]),
    ])
    const state = [...new Map([...changed.events, ...(added?.get(roomId) ?? [])].map((e) => [e.row.nid, e])).values()]
    const hasNews = timeline.events.length > 0 || timeline.limited || state.length + changed.gone.length > 0
    const isRenamed = changes.some(({ type }) => summaries.changesPortrait(type))
    if (!hasNews && !isRenamed && !task.hasRead) return { roomId, text: undefined, timeline, state, config }
    const memberships = stayed ? always : await readable.membershipsAt(userId, timeline.events)
    const [timelineTexts, stateTexts, counts, portraits] = await Promise.all([
      readable.texts(span, timeline.events, memberships),
      readable.texts(span, state),
      unread.main(span, [roomId]),
      isRenamed ? summaries.portraits([roomId], userId) : undefined,
    ])
    const text = roomText({
      ...task,
      initial: false,
      expanded: config.limit > before.limit,
      timeline,
      timelineTexts,
      stateTexts,
      gone: changed.gone,
      portrait: portraits?.get(roomId),
      counts: counts.get(roomId),
      liveAfter: after,
    })
    return { roomId, text, timeline, state, config }
  }

  /** Rooms that are new to the client. */
  async fresh(span: Span, tasks: readonly JoinedTask[]): Promise<RoomAnswer[]> {
    const answers: RoomAnswer[] = []
    for (let from = 0; from < tasks.length; from += ROOMS_AT_ONCE) {
      answers.push(...(await this.#freshOnes(span, tasks.slice(from, from + ROOMS_AT_ONCE))))
    }
    return answers
  }

  async #freshOnes(span: Span, tasks: readonly JoinedTask[]): Promise<RoomAnswer[]> {
    const { states, summaries, unread, readable } = this.#parts
    const { userId } = span.who
    const roomIds = tasks.map(({ roomId }) => roomId)
    const [rooms, counts, portraits] = await Promise.all([
      this.#firstTimelines(span, tasks),
      unread.main(span, roomIds),
      summaries.portraits(roomIds, userId),
    ])
    const asked = tasks.map(({ roomId, config }, index) => ({
      roomId,
      wanted: config,
      known: undefined,
      timeline: rooms[index]?.timeline ?? empty,
    }))
    const [state, memberships] = await Promise.all([states.whole(span, asked), readable.ownMemberships(userId, rooms)])
    const stateOf = (roomId: RoomId): readonly StoredEvent[] => state.get(roomId) ?? []
    const [timelineTexts, stateTexts] = await Promise.all([
      readable.texts(
        span,
        rooms.flatMap(({ timeline }) => timeline.events),
        memberships,
      ),
      readable.texts(span, roomIds.flatMap(stateOf)),
    ])
    let [timelineAt, stateAt] = [0, 0]
    return tasks.map((task, index) => {
      const { roomId, config } = task
      const { timeline } = rooms[index] ?? { timeline: empty }
      const text = roomText({
        ...task,
        initial: true,
        expanded: false,
        timeline,
        timelineTexts: timelineTexts.slice(timelineAt, (timelineAt += timeline.events.length)),
        stateTexts: stateTexts.slice(stateAt, (stateAt += stateOf(roomId).length)),
        gone: [],
        portrait: portraits.get(roomId),
        counts: counts.get(roomId),
        liveAfter: span.since?.events ?? span.upto.events,
      })
      return { roomId, text, timeline, state: stateOf(roomId), config }
    })
  }

  async #firstTimelines(span: Span, tasks: readonly JoinedTask[]): Promise<RoomTimeline[]> {
    const { timelines, visibility, readable } = this.#parts
    const upto = span.upto.events
    const byLimit = [...Map.groupBy(tasks, ({ config }) => config.limit)].map(([limit, alike]) =>
      readable.pages(
        alike.map(({ roomId }) => roomId),
        { upto, limit: limit + 1 },
      ),
    )
    const roomIds = tasks.map(({ roomId }) => roomId)
    const [pages] = await Promise.all([Promise.all(byLimit), visibility.warm(span.who.userId, roomIds)])
    return await Promise.all(
      tasks.map(async ({ roomId, config }) => {
        const page = pages.flatMap((some) => some.get(roomId) ?? [])
        const visible = (events: readonly StoredEvent[]): Promise<readonly StoredEvent[]> =>
          visibility.visibleTo(span.who.userId, roomId, events)
        return { roomId, timeline: await timelines.cutPage(roomId, page, upto, this.timelineFilter(config), visible) }
      }),
    )
  }

  /** What came since, or the last events anew where the client asks for more of them than it has. */
  async #timeline(span: Span, { roomId, config, before, after, hasEvents, stayed }: KnownTask): Promise<Timeline> {
    const { timelines, readable } = this.#parts
    const isExpanded = config.limit > before.limit
    if (!hasEvents && !isExpanded) return { ...empty, start: after }
    const visible = await readable.visible(span.who.userId, roomId, { stayed: stayed && !isExpanded })
    const range = { after: isExpanded ? 0 : after, upto: span.upto.events }
    return await timelines.read(roomId, range, this.timelineFilter(config), visible)
  }

  timelineFilter({ limit }: Pick<RoomConfig, 'limit'>): CompiledEventFilter {
    const known = this.#filters.get(limit)
    if (known) return known
    const { timeline } = compileFilter(parseFilter({ room: { timeline: { limit } } }))
    this.#filters.set(limit, timeline)
    return timeline
  }
}

/** What the client has of a room when it has got this answer. */
export function toldConfig({ config, timeline }: RoomAnswer, before: RoomConfig | undefined): RoomConfig {
  // With a gap it has no more of the latest events than these; else it has those from before as well.
  const limit = before && !timeline.limited ? Math.max(before.limit, config.limit) : config.limit
  return limit === config.limit ? config : { ...config, limit }
}

const empty: Timeline = { events: [], limited: false, start: 0, whole: true }
