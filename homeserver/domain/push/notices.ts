/** Finds what is to be told to pushers of a user, and what is to be said about it. */
import type { UserId } from '../../core/ids.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Database } from '../../storage/database.ts'
import type { StoredEvent } from '../../storage/events.ts'
import { findMembership, type MembershipRow } from '../../storage/memberships.ts'
import { listPushedEventsIn, type PushedEvent } from '../../storage/pushed-events.ts'
import { findRoomStats } from '../../storage/rooms.ts'
import type { EventCache } from '../rooms/event-cache.ts'
import type { Members } from '../rooms/members.ts'
import { isOver, type Retention } from '../rooms/retention/policy.ts'
import type { Notice } from './delivery-queue.ts'
import type { EventSurroundings } from './notification.ts'
import { decodeNotified, isIn } from './push-column.ts'
import { isRead, readMarks } from './read-marks.ts'

/** What could not be told for so long is told no more. */
const MAX_AGE_MS = 24 * 3_600_000
/** Events of the table looked at in one go. */
const PAGE = 200

export interface NoticesParts {
  readonly database: Database
  readonly clock: Clock
  readonly events: EventCache
  readonly members: Members
  readonly retention: Pick<Retention, 'cutOf'>
}

export class Notices {
  readonly #parts: NoticesParts
  /** The same for all users whom an event notifies. */
  readonly #around = new WeakMap<StoredEvent, Promise<EventSurroundings>>()

  constructor(parts: NoticesParts) {
    this.#parts = parts
  }

  /** What notifies the user after a place; `end` is how far that goes, `upto` or less. */
  async backlog(
    userId: UserId,
    { after, upto }: { readonly after: number; readonly upto: number },
  ): Promise<{ notices: Notice[]; end: number }> {
    const memberships = await this.#parts.members.roomsOf(userId)
    const present = [...memberships.values()].filter(
      ({ membership }) => membership === 'join' || membership === 'invite',
    )
    const rooms = present.map((row) => row.room_id)
    const page = await listPushedEventsIn(this.#parts.database, rooms, { after, upto, limit: PAGE })
    const notices = page
      .filter((event) => this.#concerns(event, userId, memberships.get(event.room_id)))
      .map((event) => ({ ...noticeOf(event), isLate: true }))
    return { notices, end: page.length < PAGE ? upto : (page.at(-1)?.stream_id ?? upto) }
  }

  /** The event of a notice, unless it is redacted or its time is over, or, if it is late, too old, read, or in a room the user has left. */
  async find(userId: UserId, { eventId, streamId, isLate }: Notice): Promise<StoredEvent | undefined> {
    const { database, events, members, retention } = this.#parts
    const event = await events.find(eventId)
    if (!event || event.row.push === null || !isIn(decodeNotified(event.row.push).n, userId)) return undefined
    if (isOver(event, await retention.cutOf(event.roomId))) return undefined
    if (!isLate) return event
    if (!this.#concerns(event.row, userId, await members.find(event.roomId, userId))) return undefined
    const marks = (await readMarks(database, userId, [event.roomId])).get(event.roomId)
    return marks && isRead(marks, { streamId, thread: event.row.thread_root ?? undefined }) ? undefined : event
  }

  around(event: StoredEvent): Promise<EventSurroundings> {
    const known = this.#around.get(event)
    if (known) return known
    const around = this.#look(event)
    this.#around.set(event, around)
    around.catch(() => this.#around.delete(event))
    return around
  }

  /** Of a room the user is only invited to nothing but the invite. */
  #concerns(
    {
      event_id: eventId,
      push,
      sender,
      origin_server_ts: ts,
    }: Pick<PushedEvent, 'event_id' | 'push' | 'sender' | 'origin_server_ts'>,
    userId: UserId,
    membership: MembershipRow | undefined,
  ): boolean {
    const isIncluded =
      membership?.membership === 'join' || (membership?.membership === 'invite' && membership.event_id === eventId)
    if (!isIncluded || push === null || sender === userId) return false
    return ts > this.#parts.clock.now() - MAX_AGE_MS && isIn(decodeNotified(push).n, userId)
  }

  async #look({ roomId, row: { sender } }: StoredEvent): Promise<EventSurroundings> {
    const { database, members } = this.#parts
    const [stats, member] = await Promise.all([
      findRoomStats(database, roomId),
      members.peekJoined(roomId)?.get(sender) ?? findMembership(database, roomId, sender),
    ])
    return {
      senderName: member?.display_name ?? undefined,
      roomName: stats?.name ?? undefined,
      roomAlias: stats?.canonical_alias ?? undefined,
    }
  }
}

export function noticeOf({ event_id, room_id, stream_id }: PushedEvent): Omit<Notice, 'isLate'> {
  return { eventId: event_id, roomId: room_id, streamId: stream_id ?? 0 }
}
