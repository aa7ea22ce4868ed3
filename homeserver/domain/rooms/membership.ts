/** Joining, leaving and everything else that happens to a membership. https://spec.matrix.org/v1.19/client-server-api/#room-membership */
import { encodeCanonical } from '../../core/canonical-json.ts'
import { forbidden, invalidParam, notFound, refuse } from '../../core/errors.ts'
import type { JsonObject } from '../../core/event.ts'
import {
  type EventId,
  isRoomAlias,
  isRoomId,
  type RoomId,
  serverNameOf,
  type ServerName,
  type UserId,
} from '../../core/ids.ts'
import type { Clock } from '../../platform/clock.ts'
import { KeyedLock } from '../../platform/keyed-lock.ts'
import type { Database } from '../../storage/database.ts'
import type { MembershipRow } from '../../storage/memberships.ts'
import { findStateEvent } from '../../storage/rooms.ts'
import type { Requester } from '../accounts/requester.ts'
import { Elsewhere } from './elsewhere.ts'
import type { EventCache } from './event-cache.ts'
import type { RoomDirectory, RoomHooks } from './hooks.ts'
import { checkInvitePermission } from './invite-permission.ts'
import { memberContents } from './member-content.ts'
import type { Members } from './members.ts'
import type { PartialRooms } from './partial-rooms.ts'
import { findAuthoriser } from './restricted-join.ts'
import { checkBlocked } from './room-blocks.ts'
import { onlyEvent, type RoomWriter } from './writer.ts'

export interface MembershipParts {
  readonly database: Database
  readonly clock: Clock
  readonly writer: RoomWriter
  readonly members: Members
  readonly partialRooms: PartialRooms
  readonly events: EventCache
  readonly directory: RoomDirectory
  readonly roomHooks: RoomHooks
}

/** Who changes a membership. */
export type Actor = Pick<Requester, 'userId'> & Partial<Pick<Requester, 'isGuest' | 'timestamp'>>

/** A change as somebody asked for it. */
interface Change {
  readonly roomId: RoomId
  readonly target: UserId
  /** With `membership`; the profile of the target is added where it belongs. */
  readonly content: JsonObject
  /** Servers through which a room can be reached that this one is not in. */
  readonly via?: readonly ServerName[]
}

/** A room as a client named it, and servers that may know it. */
export interface NamedRoom {
  readonly roomId: RoomId
  readonly servers: readonly ServerName[]
}

/** Sees the membership before the change; throws, or tells whether there is anything to do. */
type Guard = (current: MembershipRow | undefined) => boolean

export class Memberships {
  readonly #parts: MembershipParts
  /** A join asked for twice is one join. */
  readonly #lock: KeyedLock
  readonly #elsewhere: Elsewhere

  constructor(parts: MembershipParts) {
    this.#parts = parts
    this.#elsewhere = new Elsewhere(parts)
    this.#lock = new KeyedLock({ name: 'membership of', clock: parts.clock })
  }

  /** The room that a client names by its id or by an alias. */
  async roomNamed(idOrAlias: string): Promise<NamedRoom> {
    if (isRoomId(idOrAlias)) return { roomId: idOrAlias, servers: [] }
    if (!isRoomAlias(idOrAlias)) throw invalidParam(`'${idOrAlias}' is neither a room id nor an alias`)
    const found = await this.#parts.directory.resolve(idOrAlias)
    if (!found) throw notFound('This alias leads to no room')
    return found
  }

  /** Does nothing for a member. `more` goes into the member event. */
  async join(who: Actor, { roomId, servers: via }: NamedRoom, more?: JsonObject): Promise<void> {
    const content = { ...more, membership: 'join' }
    await this.#alter(who, { roomId, target: who.userId, content, via }, (current) => current?.membership !== 'join')
  }

  async knock(who: Actor, { roomId, servers: via }: NamedRoom, more?: JsonObject): Promise<void> {
    const content = { ...more, membership: 'knock' }
    await this.#alter(who, { roomId, target: who.userId, content, via })
  }

  async invite(who: Actor, roomId: RoomId, target: UserId, more?: JsonObject): Promise<void> {
    await this.#alter(who, { roomId, target, content: { ...more, membership: 'invite' } }, (current) => {
      if (current?.membership === 'ban') throw forbidden('The user is banned from this room')
      return true
    })
  }

  /** Leaves, rejects an invite, takes a knock back. Does nothing for somebody who has left. */
  async leave(who: Actor, roomId: RoomId, more?: JsonObject): Promise<void> {
    await this.#alter(who, { roomId, target: who.userId, content: { ...more, membership: 'leave' } }, (current) => {
      if (current?.membership === 'ban') throw forbidden('You are banned from this room')
      return current?.membership !== 'leave'
    })
  }

  /** Removes a member, takes an invite back, refuses a knock. */
  async kick(who: Actor, roomId: RoomId, target: UserId, more?: JsonObject): Promise<void> {
    await this.#alter(who, { roomId, target, content: { ...more, membership: 'leave' } }, (current) => {
      if (!current || current.membership === 'leave' || current.membership === 'ban') {
        throw forbidden('The user is not in this room')
      }
      return true
    })
  }

  async ban(who: Actor, roomId: RoomId, target: UserId, more?: JsonObject): Promise<void> {
    await this.#alter(who, { roomId, target, content: { ...more, membership: 'ban' } })
  }

  async unban(who: Actor, roomId: RoomId, target: UserId, more?: JsonObject): Promise<void> {
    await this.#alter(who, { roomId, target, content: { ...more, membership: 'leave' } }, (current) => {
      if (current?.membership !== 'ban') throw forbidden('The user is not banned from this room')
      return true
    })
  }

  /** A member event as a client wrote it, or the event that says the same already. */
  async set(who: Actor, roomId: RoomId, target: UserId, content: JsonObject): Promise<EventId> {
    return await this.#alter(who, { roomId, target, content })
  }

  async #alter(who: Actor, change: Change, guard: Guard = () => true): Promise<EventId> {
    const { roomId, target } = change
    return await this.#lock.run(`${target} in ${roomId}`, async () => {
      // Who is not known may be in the room, or banned from it.
      if (target !== who.userId) await this.#parts.partialRooms.whole(roomId)
      const current = await this.#parts.members.find(roomId, target)
      if (!guard(current) && current) return current.event_id
      if (current?.membership !== 'join') await checkBlocked(this.#parts.database, roomId, change.content['membership'])
      const content = await this.#contentOf(change)
      if (target !== who.userId) return await this.#commit(who, change, current, content)
      const inviter = current?.membership === 'invite' ? [serverNameOf(current.sender)] : []
      const remote = { roomId, userId: target, content, via: [...(change.via ?? []), ...inviter] }
      const elsewhere = await this.#elsewhere.change(remote, current, who.isGuest === true)
      if (elsewhere !== undefined) return elsewhere
      return await this.#elsewhere.authorising(remote, () => this.#commit(who, change, current, content))
    })
  }

  async #commit(who: Actor, change: Change, current: MembershipRow | undefined, given: JsonObject): Promise<EventId> {
    const { roomId, target } = change
    const content = await this.#authorised(who, change, current, given)
    if (current && (await this.#says(current, who.userId, content))) return current.event_id
    const timestamp = who.timestamp === undefined ? {} : { timestamp: who.timestamp }
    const draft = { type: 'm.room.member', sender: who.userId, stateKey: target, content, ...timestamp }
    if (content['membership'] === 'invite' && !this.#elsewhere.isLocal(target)) {
      return await this.#elsewhere.invite(roomId, draft)
    }
    return onlyEvent(await this.#parts.writer.send(roomId, [draft]))
  }

  /** Those who are in the room, or may come in, show their profile. */
  async #contentOf({ target, content }: Change): Promise<JsonObject> {
    // A client that changes its member event sends the rest of it back, and that signature was for the join alone.
    const { join_authorised_via_users_server: _authoriser, ...rest } = content
    const { membership } = rest
    if (membership !== 'join' && membership !== 'invite' && membership !== 'knock') return rest
    return (await memberContents(this.#parts.database, membership, [target], rest)).get(target) ?? rest
  }

  async #authorised(
    who: Actor,
    { roomId, target, content: { membership } }: Change,
    current: MembershipRow | undefined,
    content: JsonObject,
  ): Promise<JsonObject> {
    const { database, members } = this.#parts
    if (membership === 'invite') await checkInvitePermission(database, who.userId, [target])
    if (membership !== 'join' || current?.membership === 'join') return content
    if (who.isGuest === true) await checkGuestAccess(database, roomId)
    if (current?.membership === 'invite') return content
    const authoriser = await findAuthoriser({ database, members }, roomId, target)
    return authoriser === undefined ? content : { ...content, join_authorised_via_users_server: authoriser }
  }

  /** Whether the event of the current membership says this already. */
  async #says(current: MembershipRow, sender: UserId, content: JsonObject): Promise<boolean> {
    if (current.sender !== sender || current.membership !== content['membership']) return false
    const event = await this.#parts.events.find(current.event_id)
    return event?.contentText === encodeCanonical(content)
  }
}

/** https://spec.matrix.org/v1.19/client-server-api/#guest-access */
async function checkGuestAccess(database: Database, roomId: RoomId): Promise<void> {
  const access = await findStateEvent(database, roomId, 'm.room.guest_access', '')
  if (access?.pdu.content['guest_access'] === 'can_join') return
  throw refuse(403, 'M_GUEST_ACCESS_FORBIDDEN', 'Guests cannot join this room')
}
