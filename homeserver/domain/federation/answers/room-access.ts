/**
 * What another server may ask about: rooms it is in and not shut out of, and events of those rooms. Every answer begins
 * here, so that an event is never given by way of another room (T41).
 */
import { forbidden, notFound } from '../../../core/errors.ts'
import { isEventId, isRoomId, type RoomId, type ServerName } from '../../../core/ids.ts'
import { findRoomVersion, type RoomVersion } from '../../../core/room-version.ts'
import type { Database } from '../../../storage/database.ts'
import { eventStatus, type StoredEvent } from '../../../storage/events.ts'
import { findRoom } from '../../../storage/rooms.ts'
import type { EventCache } from '../../rooms/event-cache.ts'
import type { RoomServers } from '../room-servers.ts'
import type { PartialRooms } from '../../rooms/partial-rooms.ts'
import type { ServerAcls } from '../server-acl.ts'

export interface RoomAccessParts {
  readonly database: Database
  readonly events: EventCache
  readonly roomServers: RoomServers
  readonly serverAcls: ServerAcls
  readonly partialRooms: Pick<PartialRooms, 'isWhole'>
}

/** A room that we have just joined will be whole soon. */
const PATIENCE_MS = 5_000

/** A server in a room. */
export interface Visitor {
  readonly origin: ServerName
  readonly roomId: RoomId
  readonly version: RoomVersion
}

export class RoomAccess {
  readonly #parts: RoomAccessParts

  constructor(parts: RoomAccessParts) {
    this.#parts = parts
  }

  /** Throws `M_NOT_FOUND` for a room that is not here, `M_FORBIDDEN` for one that the server is not in or shut out of. */
  async enter(origin: ServerName, roomId: string): Promise<Visitor> {
    const room = isRoomId(roomId) ? await findRoom(this.#parts.database, roomId) : undefined
    const version = room && findRoomVersion(room.version)
    if (!room || !version) throw notFound('There is no such room here')
    await this.#requireEntry(origin, room.roomId)
    return { origin, roomId: room.roomId, version }
  }

  /** As `enter`, for questions that only the whole state answers. Throws `M_FORBIDDEN` as long as it is not here, too. */
  async enterWhole(origin: ServerName, roomId: string): Promise<Visitor> {
    const visitor = await this.enter(origin, roomId)
    if (await this.#parts.partialRooms.isWhole(visitor.roomId, PATIENCE_MS)) return visitor
    throw forbidden('This server does not know all members of that room yet')
  }

  /** An event of the room. Throws `M_NOT_FOUND` for any other, and for one that was rejected. */
  async event({ roomId }: Visitor, eventId: string): Promise<StoredEvent> {
    const event = isEventId(eventId) ? await this.#parts.events.find(eventId) : undefined
    if (event?.roomId !== roomId || event.row.status === eventStatus.rejected) throw unknownEvent()
    return event
  }

  /** An event by its id alone, with the room that it leads into. Throws as `enter` and `event` do. */
  async visitByEvent(origin: ServerName, eventId: string): Promise<{ visitor: Visitor; event: StoredEvent }> {
    const found = isEventId(eventId) ? await this.#parts.events.find(eventId) : undefined
    if (!found) throw unknownEvent()
    const visitor = await this.enter(origin, found.roomId)
    return { visitor, event: await this.event(visitor, eventId) }
  }

  async #requireEntry(origin: ServerName, roomId: RoomId): Promise<void> {
    const { roomServers, serverAcls } = this.#parts
    const [isIn, mayTalk] = await Promise.all([roomServers.isIn(roomId, origin), serverAcls.mayTalk(roomId, origin)])
    if (!isIn) throw forbidden('Your server is not in this room')
    if (!mayTalk) throw forbidden('Your server is shut out of this room')
  }
}

const unknownEvent = (): Error => notFound('There is no such event here')
