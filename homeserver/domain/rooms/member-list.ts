/** Who is and was in a room. https://spec.matrix.org/v1.19/client-server-api/#get_matrixclientv3roomsroomidmembers */
import { topLevelText } from '../../core/canonical-json.ts'
import type { RoomId, UserId } from '../../core/ids.ts'
import type { Database } from '../../storage/database.ts'
import type { StoredEvent } from '../../storage/events.ts'
import type { MembershipRow } from '../../storage/memberships.ts'
import { currentStateEvents, firstStateChange, stateEventsAt } from '../../storage/rooms.ts'
import type { Requester } from '../accounts/requester.ts'
import type { Members } from './members.ts'
import type { PartialRooms } from './partial-rooms.ts'
import type { Visibility } from './visibility.ts'

export interface MemberFilter {
  /** A place in the events stream. */
  readonly at?: number | undefined
  readonly membership?: string | undefined
  readonly notMembership?: string | undefined
}

export class MemberList {
  readonly #database: Database
  readonly #members: Members
  readonly #visibility: Visibility
  readonly #partialRooms: Pick<PartialRooms, 'whole' | 'completedAt'>

  constructor(parts: {
    readonly database: Database
    readonly members: Members
    readonly visibility: Visibility
    readonly partialRooms: Pick<PartialRooms, 'whole' | 'completedAt'>
  }) {
    this.#database = parts.database
    this.#members = parts.members
    this.#visibility = parts.visibility
    this.#partialRooms = parts.partialRooms
  }

  /** The member events at a moment; for somebody who has left, none later than that. */
  async events(who: Requester, roomId: RoomId, filter: MemberFilter = {}): Promise<StoredEvent[]> {
    const { at = Infinity, membership, notMembership } = filter
    const { upto = Infinity } = await this.#visibility.requireReader(who.userId, roomId)
    if (upto === Infinity) await this.#partialRooms.whole(roomId) // of a room that all have left nobody tells more
    // At places before that the members were there and not known.
    const known = this.#partialRooms.completedAt(roomId) ?? 0
    const events = await this.#eventsAt(roomId, Math.min(Math.max(at, known), upto))
    if (membership === undefined && notMembership === undefined) return events
    const [wanted, unwanted] = [JSON.stringify(membership), JSON.stringify(notMembership)]
    return events.filter((event) => {
      const text = topLevelText(event.contentText, 'membership')
      // Told both, a client gets what either lets through, as from other servers.
      return (wanted !== undefined && text === wanted) || (unwanted !== undefined && text !== unwanted)
    })
  }

  async #eventsAt(roomId: RoomId, place: number): Promise<StoredEvent[]> {
    if (place === Infinity) return await currentStateEvents(this.#database, roomId, types)
    const events = await stateEventsAt(this.#database, roomId, place, types)
    if (events.length > 0) return events
    // A place before the room was made is that of a client that has seen all of it: to it the room began with its creator.
    const first = await firstStateChange(this.#database, roomId, 'm.room.member')
    return first === undefined ? [] : await stateEventsAt(this.#database, roomId, first, types)
  }

  /** Those who are in the room now, for those who are in it, and where the world may read it, for everybody. */
  async joined(who: Requester, roomId: RoomId): Promise<ReadonlyMap<UserId, MembershipRow>> {
    await this.#visibility.requireWitness(who.userId, roomId)
    await this.#partialRooms.whole(roomId)
    return await this.#members.joined(roomId)
  }
}

const types = ['m.room.member']
