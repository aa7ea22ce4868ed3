/** Where a user has stopped reading, as account data of the room. https://spec.matrix.org/v1.19/client-server-api/#fully-read-markers */
import { forbidden } from '../../core/errors.ts'
import type { JsonObject } from '../../core/event.ts'
import { type EventId, isEventId, type RoomId, type UserId } from '../../core/ids.ts'
import type { Conn } from '../../storage/database.ts'
import { eventStatus } from '../../storage/events.ts'
import type { AccountData } from '../account-data/account-data.ts'
import type { EventCache } from '../rooms/event-cache.ts'
import type { Members } from '../rooms/members.ts'

interface ReadMarkerParts {
  readonly accountData: AccountData
  readonly events: EventCache
  readonly members: Members
}

export class ReadMarkers {
  readonly #parts: ReadMarkerParts

  constructor(parts: ReadMarkerParts) {
    this.#parts = parts
  }

  /** Never moves back; as with receipts, an event that the room does not have changes nothing. Throws for those outside of the room. */
  async set(roomId: RoomId, userId: UserId, eventId: EventId): Promise<void> {
    const { accountData, members } = this.#parts
    if (!(await members.isJoined(roomId, userId))) throw forbidden('You are not in this room')
    const place = await this.#placeOf(roomId, eventId)
    if (place === undefined) return
    await accountData.edit(userId, roomId, 'm.fully_read', async (current, conn) => {
      const marked = markedIn(current)
      const before = marked && (await this.#placeOf(roomId, marked, conn))
      return before !== undefined && before >= place ? undefined : JSON.stringify({ event_id: eventId })
    })
  }

  async #placeOf(roomId: RoomId, eventId: EventId, conn?: Conn): Promise<number | undefined> {
    const event = await this.#parts.events.find(eventId, conn)
    if (event?.roomId !== roomId || event.row.status !== eventStatus.accepted) return undefined
    return event.row.stream_id ?? undefined
  }
}

function markedIn(content: string | undefined): EventId | undefined {
  const { event_id: id } = JSON.parse(content ?? '{}') as JsonObject // only objects are stored
  return isEventId(id) ? id : undefined
}
