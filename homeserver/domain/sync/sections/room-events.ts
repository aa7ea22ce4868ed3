/** Events of rooms as their members get them: which there are, which they may see, and their texts. */
import type { EventId, RoomId, UserId } from '../../../core/ids.ts'
import type { Database } from '../../../storage/database.ts'
import type { StoredEvent } from '../../../storage/events.ts'
import { listLatestEventIds } from '../../../storage/sync.ts'
import type { Requester } from '../../accounts/requester.ts'
import type { ClientEvents, ClientForm } from '../../rooms/client-event.ts'
import type { EventCache } from '../../rooms/event-cache.ts'
import type { Members } from '../../rooms/members.ts'
import type { Visibility } from '../../rooms/visibility.ts'
import type { Notifier } from '../notifier.ts'
import type { KnownRoom } from '../room-lists.ts'
import type { RoomTails } from '../room-tails.ts'
import { ownMemberships } from './own-memberships.ts'
import type { RoomTimeline } from './state.ts'
import type { Visible } from './timeline.ts'

export interface RoomEventsParts {
  readonly database: Database
  readonly events: EventCache
  readonly members: Members
  readonly tails: RoomTails
  readonly notifier: Notifier
  readonly clientEvents: ClientEvents
  readonly visibility: Visibility
}

type Memberships = Pick<ReadonlyMap<EventId, string>, 'get'>

/** What somebody was at each event of a time in which he was joined all along. */
export const always: Memberships = { get: () => 'join' }

export class RoomEvents {
  readonly #parts: RoomEventsParts

  constructor(parts: RoomEventsParts) {
    this.#parts = parts
  }

  /** The last events of each room. */
  async pages(
    roomIds: readonly RoomId[],
    { upto, limit }: { readonly upto: number; readonly limit: number },
  ): Promise<ReadonlyMap<RoomId, readonly StoredEvent[]>> {
    const { database, events, tails, notifier } = this.#parts
    const found = new Map<RoomId, readonly StoredEvent[]>()
    const missing: RoomId[] = []
    for (const roomId of roomIds) {
      const page = tails.page(roomId, upto, limit)
      if (page) found.set(roomId, page)
      else missing.push(roomId)
    }
    if (missing.length === 0) return found
    const ids = (await listLatestEventIds(database, missing, { upto, limit })).map(({ event_id }) => event_id)
    const known = await events.list(ids)
    const read = Map.groupBy(
      ids.flatMap((id) => known.get(id) ?? []),
      ({ roomId }) => roomId,
    )
    for (const [roomId, page] of read) {
      found.set(roomId, page)
      if (!notifier.roomChanged('events', roomId, upto)) tails.fill(roomId, page, limit)
    }
    return found
  }

  /** With memberships they are events of a timeline, which others may relate to; without they are state. */
  async texts(
    { who, filter }: { readonly who: Requester; readonly filter?: ClientFilter },
    events: readonly StoredEvent[],
    memberships?: Memberships,
  ): Promise<string[]> {
    if (events.length === 0) return []
    const { clientEvents, tails } = this.#parts
    return await clientEvents.texts(events, who, {
      withRoomId: false,
      ...(filter ? { format: filter.eventFormat, project: filter.project } : {}),
      bundled: memberships ? (event) => tails.mayHaveRelations(event) : false,
      ...(memberships ? { memberships } : {}),
    })
  }

  /** Who was joined all the time may see everything but what is hidden from members. */
  async visible(userId: UserId, roomId: RoomId, { stayed }: Pick<KnownRoom, 'stayed'>): Promise<Visible> {
    if (!stayed) return (events) => this.#parts.visibility.visibleTo(userId, roomId, events)
    const hides = await this.#parts.visibility.hidden(userId, roomId)
    return (events) => Promise.resolve(hides ? events.filter((event) => !hides(event)) : events)
  }

  /** What the user was at each of the events of a room. */
  async membershipsAt(userId: UserId, events: readonly StoredEvent[]): Promise<ReadonlyMap<EventId, string>> {
    return events.length === 0 ? new Map() : await this.#parts.visibility.membershipsAt(userId, events)
  }

  /** As `membershipsAt`, of rooms that are new to him. */
  async ownMemberships(userId: UserId, rooms: readonly RoomTimeline[]): Promise<ReadonlyMap<EventId, string>> {
    const { members, events } = this.#parts
    return await ownMemberships(await members.roomsOf(userId), rooms, events)
  }
}

/** How a client wants its events. */
interface ClientFilter {
  readonly eventFormat: ClientForm['format']
  readonly project: ClientForm['project']
}
