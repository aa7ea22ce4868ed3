/** What becomes of all rooms of a user at once. */
import { MatrixError } from '../../core/errors.ts'
import type { RoomId, UserId } from '../../core/ids.ts'
import { logger } from '../../platform/log.ts'
import type { Departure, ProfilePropagation } from '../accounts/hooks.ts'
import type { Requester } from '../accounts/requester.ts'
import type { Members } from './members.ts'
import type { Memberships } from './membership.ts'

const log = logger('rooms')

/** Rooms at work at the same time: they share commits. */
const AT_ONCE = 20

export class RoomsOfUser implements Departure, ProfilePropagation {
  readonly #members: Members
  readonly #memberships: Memberships

  constructor({ members, memberships }: { readonly members: Members; readonly memberships: Memberships }) {
    this.#members = members
    this.#memberships = memberships
  }

  /** Leaves every room, refuses every invite, takes back every knock. */
  async leave(userId: UserId): Promise<void> {
    const rooms = [...(await this.#members.roomsOf(userId)).values()]
    const present = rooms.filter(({ membership }) => membership !== 'leave' && membership !== 'ban')
    await inEach(
      present.map((row) => row.room_id),
      (roomId) => this.#memberships.leave({ userId }, roomId),
    )
  }

  async audience(userId: UserId): Promise<readonly RoomId[]> {
    return await this.#members.joinedRooms(userId)
  }

  /** A name of one's own in some room gives way to the new profile, as on other servers. */
  async changed(who: Requester): Promise<void> {
    await inEach(await this.#members.joinedRooms(who.userId), async (roomId) => {
      await this.#memberships.set(who, roomId, who.userId, { membership: 'join' })
    })
  }
}

/** A room that refuses does not keep the others; any other error is thrown when all rooms were tried. */
async function inEach(rooms: readonly RoomId[], act: (roomId: RoomId) => Promise<void>): Promise<void> {
  const faults: unknown[] = []
  for (let from = 0; from < rooms.length; from += AT_ONCE) {
    const attempts = rooms.slice(from, from + AT_ONCE).map(async (roomId) => {
      try {
        await act(roomId)
      } catch (error) {
        if (!(error instanceof MatrixError)) faults.push(error)
        else log.info({ roomId, errcode: error.errcode }, 'room refused a change of membership')
      }
    })
    await Promise.all(attempts)
  }
  if (faults.length > 0) throw new AggregateError(faults, 'some rooms could not be changed')
}
