/** Rooms that this server is not in: what our users change there, another server has to take. */
import { forbidden, MatrixError, refuse } from '../../core/errors.ts'
import type { EventId, RoomId, UserId } from '../../core/ids.ts'
import type { Clock } from '../../platform/clock.ts'
import { KeyedLock } from '../../platform/keyed-lock.ts'
import type { Database } from '../../storage/database.ts'
import type { MembershipRow } from '../../storage/memberships.ts'
import { findRoom } from '../../storage/rooms.ts'
import type { EventDraft } from './build.ts'
import type { RemoteChange, RoomHooks } from './hooks.ts'
import type { Members } from './members.ts'
import type { PartialRooms } from './partial-rooms.ts'

export interface ElsewhereParts {
  readonly database: Database
  readonly clock: Clock
  readonly members: Members
  readonly partialRooms: Pick<PartialRooms, 'has'>
  readonly roomHooks: RoomHooks
}

export class Elsewhere {
  readonly #parts: ElsewhereParts
  /** Of two users who enter the same room, the second one finds it here. */
  readonly #entering: KeyedLock

  constructor(parts: ElsewhereParts) {
    this.#parts = parts
    this.#entering = new KeyedLock({ name: 'entering', clock: parts.clock })
  }

  isLocal(userId: UserId): boolean {
    return this.#parts.members.isLocal(userId)
  }

  /** Throws `M_FORBIDDEN` where nobody talks with other servers. */
  async invite(roomId: RoomId, draft: EventDraft & { readonly stateKey: UserId }): Promise<EventId> {
    const [remote] = this.#parts.roomHooks.remoteRooms
    if (!remote) throw forbidden(`${draft.stateKey} is on another server, which this server does not talk to`)
    return await remote.invite(roomId, draft)
  }

  /** Changes a membership here; where nobody of ours can authorise a join, through another server that is in the room. */
  async authorising(change: RemoteChange, here: () => Promise<EventId>): Promise<EventId> {
    const [[remote], [incoming]] = [this.#parts.roomHooks.remoteRooms, this.#parts.roomHooks.incoming]
    try {
      return await here()
    } catch (refusal) {
      if (!remote || !isUngranted(refusal)) throw refusal
    }
    // Who has just come into the room that lets him in may not be known elsewhere, nor what changed elsewhere known here.
    await remote.catchUp(change)
    await incoming?.settled(change.roomId)
    try {
      return await here()
    } catch (refusal) {
      if (!isUngranted(refusal)) throw refusal
      return await remote.join(change).catch((error: unknown) => {
        throw error instanceof MatrixError && error.status === 404 ? refusal : error // there is no other server
      })
    }
  }

  /** The event by which a user changed his own membership through another server; undefined where that is done here. */
  async change(
    change: RemoteChange,
    current: MembershipRow | undefined,
    isGuest: boolean,
  ): Promise<EventId | undefined> {
    const { roomId, content } = change
    const [remote] = this.#parts.roomHooks.remoteRooms
    const isHere = async (): Promise<boolean> => !this.#isUndecided(change, current) && (await this.#isHere(roomId))
    if (!remote || (await isHere())) return undefined
    if (isGuest) throw refuse(403, 'M_GUEST_ACCESS_FORBIDDEN', 'Guests cannot enter rooms of other servers')
    switch (content['membership']) {
      case 'join':
        return await this.#entering.run(roomId, async () => ((await isHere()) ? undefined : await remote.join(change)))
      case 'knock':
        return await remote.knock(change)
      case 'leave':
        return isPending(current) ? await remote.leave(change) : undefined
      default:
        return undefined
    }
  }

  /** Whether nothing here tells if the user may come in: of a partial room it is not known who is banned. */
  #isUndecided({ roomId, content: { membership } }: RemoteChange, current: MembershipRow | undefined): boolean {
    const comesIn = membership === 'knock' || (membership === 'join' && current?.membership !== 'join')
    return comesIn && this.#parts.partialRooms.has(roomId)
  }

  /** A room that everybody has left may be entered again where it was. */
  async #isHere(roomId: RoomId): Promise<boolean> {
    const { database, members } = this.#parts
    const joined = await members.joined(roomId)
    if (joined.size > 0) return await members.hasLocal(roomId)
    return (await findRoom(database, roomId))?.stateGroup !== undefined
  }
}

function isUngranted(error: unknown): boolean {
  return error instanceof MatrixError && error.errcode === 'M_UNABLE_TO_GRANT_JOIN'
}

function isPending(current: MembershipRow | undefined): boolean {
  return current?.membership === 'invite' || current?.membership === 'knock'
}
