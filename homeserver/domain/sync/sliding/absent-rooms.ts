/** Rooms the user is not joined to: those he may come into, and those he left or was thrown out of. */
import type { RoomId } from '../../../core/ids.ts'
import { formatPaginationToken } from '../../../core/token.ts'
import type { Database } from '../../../storage/database.ts'
import type { StoredEvent } from '../../../storage/events.ts'
import type { MembershipRow } from '../../../storage/memberships.ts'
import { lastJoinEnd } from '../../../storage/sync.ts'
import type { EventCache } from '../../rooms/event-cache.ts'
import type { Visibility } from '../../rooms/visibility.ts'
import type { RoomTails } from '../room-tails.ts'
import type { InvitedSection } from '../sections/invited.ts'
import type { RoomEvents } from '../sections/room-events.ts'
import type { Timeline, Timelines } from '../sections/timeline.ts'
import type { Span } from '../span.ts'
import type { RoomConfig } from './room-config.ts'
import { matches } from './room-config.ts'
import type { RequiredStates } from './room-state.ts'

export interface AbsentTask {
  readonly row: MembershipRow
  readonly config: RoomConfig
  /** The client has the room as a joined one, up to there. */
  readonly after?: number
  readonly isDirect: boolean
  readonly filter: Parameters<Timelines['read']>[2]
}

export interface AbsentRoomsParts {
  readonly database: Database
  readonly events: EventCache
  readonly tails: RoomTails
  readonly timelines: Timelines
  readonly states: RequiredStates
  readonly readable: RoomEvents
  readonly visibility: Visibility
  readonly invited: InvitedSection
}

export class AbsentRooms {
  readonly #parts: AbsentRoomsParts

  constructor(parts: AbsentRoomsParts) {
    this.#parts = parts
  }

  /** The rooms' texts. Those to which ignored users invite are missing. */
  async texts(span: Span, tasks: readonly AbsentTask[]): Promise<ReadonlyMap<RoomId, string>> {
    const [asked, gone] = [tasks.filter(mayComeIn), tasks.filter((task) => !mayComeIn(task))]
    const [shown, left] = await Promise.all([
      this.#parts.invited.stripped(
        span.who,
        asked.map(({ row }) => row),
      ),
      Promise.all(gone.map(async (task) => [task.row.room_id, await this.#left(span, task)] as const)),
    ])
    const texts = new Map<RoomId, string>(left)
    for (const { row, isDirect } of asked) {
      const stripped = shown.get(row.room_id)
      if (!stripped) continue
      const direct = isDirect ? ',"is_dm":true' : ''
      texts.set(
        row.room_id,
        `{"bump_stamp":${row.stream_id},"initial":true${direct},"invite_state":[${stripped.join(',')}]}`,
      )
    }
    return texts
  }

  async #left(span: Span, task: AbsentTask): Promise<string> {
    const { row, after } = task
    const { database, events, readable, visibility } = this.#parts
    const [end, own] = await Promise.all([lastJoinEnd(database, row.room_id, row.user_id), events.find(row.event_id)])
    const timeline = end === undefined ? nothingBut(own, row) : await this.#timeline(span, task)
    const state = end === undefined ? [] : await this.#state(task, end)
    // However little state it asks for, the client has to see that the user is out.
    const others = state.filter((event) => event.row.type !== 'm.room.member' || event.row.state_key !== row.user_id)
    const [timelineTexts, stateTexts] = await Promise.all([
      readable.texts(span, timeline.events, await visibility.membershipsAt(row.user_id, timeline.events)),
      readable.texts(span, own ? [...others, own] : others),
    ])
    const initial = after === undefined ? ',"initial":true' : ''
    return (
      `{"bump_stamp":${row.stream_id}${initial},"required_state":[${stateTexts.join(',')}],` +
      `"timeline":[${timelineTexts.join(',')}],"limited":${timeline.limited},` +
      `"prev_batch":"${formatPaginationToken({ stream: timeline.start })}"}`
    )
  }

  async #timeline({ who }: Span, { row, after, filter }: AbsentTask): Promise<Timeline> {
    const range = { after: after ?? 0, upto: row.stream_id }
    return await this.#parts.timelines.read(row.room_id, range, filter, (events) =>
      this.#parts.visibility.visibleTo(who.userId, row.room_id, events),
    )
  }

  /** Nothing of what came after the user's time in the room (T40). */
  async #state({ row, after, config }: AbsentTask, end: number): Promise<readonly StoredEvent[]> {
    const { states, tails, events } = this.#parts
    if (after === undefined) return await states.former(config, row.room_id, end)
    const changes = (await tails.changes(row.room_id, { after, upto: end })).filter(({ type, stateKey }) =>
      matches(config, type, stateKey),
    )
    const last = new Map(changes.map(({ type, stateKey, nid }) => [`${type}\0${stateKey}`, nid]))
    return [...(await events.listByNid([...last.values()].flatMap((nid) => nid ?? []))).values()]
  }
}

function mayComeIn({ row: { membership } }: AbsentTask): boolean {
  return membership === 'invite' || membership === 'knock'
}

/** Whoever never was in the room sees that he is not invited any more, and nothing else. */
function nothingBut(event: StoredEvent | undefined, { stream_id: place }: MembershipRow): Timeline {
  return { events: event ? [event] : [], limited: false, start: place - 1, whole: false }
}
