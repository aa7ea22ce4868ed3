/** What a user was notified of, the latest first. https://spec.matrix.org/v1.19/client-server-api/#listing-notifications */
import type { RoomId, UserId } from '../../core/ids.ts'
import type { Action } from '../../core/push-rules/ruleset.ts'
import type { Database } from '../../storage/database.ts'
import type { StoredEvent } from '../../storage/events.ts'
import type { MembershipRow } from '../../storage/memberships.ts'
import { listLastPushedEventsIn, type PushedEvent } from '../../storage/pushed-events.ts'
import type { Streams } from '../../storage/streams.ts'
import type { EventCache } from '../rooms/event-cache.ts'
import type { Members } from '../rooms/members.ts'
import { isOver, type Retention } from '../rooms/retention/policy.ts'
import type { Outcomes } from './outcomes.ts'
import { decodeNotified, isIn } from './push-column.ts'
import { isRead, type ReadMarks, readMarks } from './read-marks.ts'

export interface Notification {
  readonly event: StoredEvent
  readonly actions: readonly Action[]
  readonly isRead: boolean
}

export interface NotificationsParts {
  readonly database: Database
  readonly streams: Streams
  readonly events: EventCache
  readonly members: Members
  readonly retention: Pick<Retention, 'cutOf'>
  readonly outcomes: Outcomes
}

export interface NotificationRange {
  /** A place in the events stream; the end if not given. */
  readonly before?: number | undefined
  readonly limit: number
  readonly only: 'all' | 'highlights'
}

/** How often the table is looked at for one page: most of what notifies others may not concern the user. */
const MAX_ROUNDS = 10

type Chosen = PushedEvent & { readonly isHighlight: boolean; readonly isRead: boolean }

export class Notifications {
  readonly #parts: NotificationsParts

  constructor(parts: NotificationsParts) {
    this.#parts = parts
  }

  /** `next` is the place before which to go on; undefined at the beginning of time. */
  async list(
    userId: UserId,
    { before = Infinity, limit, only }: NotificationRange,
  ): Promise<{ readonly notifications: readonly Notification[]; readonly next: number | undefined }> {
    const { database, members, streams } = this.#parts
    const memberships = await members.roomsOf(userId)
    const present = [...memberships.values()].filter(
      ({ membership }) => membership === 'join' || membership === 'invite',
    )
    const rooms = present.map((row) => row.room_id)
    const marks = new Map<RoomId, ReadMarks>()
    const found: Chosen[] = []
    let next: number | undefined = Math.min(before, streams.position('events') + 1)
    for (let round = 0; round < MAX_ROUNDS && next !== undefined && found.length < limit; round++) {
      const rows = await listLastPushedEventsIn(database, rooms, { before: next, limit })
      next = completeFrom(rows, limit)
      const complete = rows.filter(({ stream_id: place }) => (place ?? 0) >= (next ?? 0))
      await this.#readMarks(userId, complete, marks)
      for (const row of complete) {
        const chosen = chosenOf(row, userId, memberships.get(row.room_id), marks.get(row.room_id))
        if (chosen && (only === 'all' || chosen.isHighlight)) found.push(chosen)
      }
    }
    if (found.length > limit) next = found[limit - 1]?.stream_id ?? undefined
    return { notifications: await this.#whole(userId, found.slice(0, limit)), next }
  }

  async #readMarks(userId: UserId, rows: readonly PushedEvent[], marks: Map<RoomId, ReadMarks>): Promise<void> {
    const missing = new Set(rows.map((row) => row.room_id).filter((roomId) => !marks.has(roomId)))
    const found = await readMarks(this.#parts.database, userId, [...missing])
    for (const [roomId, read] of found) marks.set(roomId, read)
  }

  async #whole(userId: UserId, chosen: readonly Chosen[]): Promise<Notification[]> {
    const { events, outcomes, retention } = this.#parts
    const stored = await events.list(chosen.map((row) => row.event_id))
    const whole = chosen.map(async (row): Promise<Notification[]> => {
      const event = stored.get(row.event_id)
      if (!event || isOver(event, await retention.cutOf(event.roomId))) return []
      const outcome = await outcomes.of(event, userId)
      // What the rules did then is kept; what else they say may have changed since.
      const plain: Action[] = row.isHighlight ? ['notify', { set_tweak: 'highlight' }] : ['notify']
      const isSame = outcome?.notify === true && outcome.highlight === row.isHighlight
      return [{ event, actions: isSame ? outcome.actions : plain, isRead: row.isRead }]
    })
    return (await Promise.all(whole)).flat()
  }
}

/** The place from which on the rows are all there are; undefined if that is everything. */
function completeFrom(rows: readonly PushedEvent[], limit: number): number | undefined {
  const cut = Map.groupBy(rows, (row) => row.room_id)
    .values()
    .filter((group) => group.length >= limit)
  const places = [...cut].map((group) => group.at(-1)?.stream_id ?? 0) // the latest come first
  return places.length === 0 ? undefined : Math.max(...places)
}

/** What came before the user was in the room did not concern him, but for the invite. */
function chosenOf(
  row: PushedEvent,
  userId: UserId,
  membership: MembershipRow | undefined,
  marks: ReadMarks | undefined,
): Chosen | undefined {
  if (!membership || !marks || row.push === null || row.sender === userId) return undefined
  const { n, h } = decodeNotified(row.push)
  const streamId = row.stream_id ?? 0
  const isInvite = row.type === 'm.room.member' && row.state_key === userId
  const wasThere = membership.membership === 'join' && streamId > marks.joined
  if (!(wasThere || isInvite) || !isIn(n, userId)) return undefined
  return {
    ...row,
    isHighlight: isIn(h, userId),
    isRead: isRead(marks, { streamId, thread: row.thread_root ?? undefined }),
  }
}
