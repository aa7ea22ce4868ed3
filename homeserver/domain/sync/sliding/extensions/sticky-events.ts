/** What lasts in the user's rooms, also in those outside of all windows. https://github.com/matrix-org/matrix-spec-proposals/pull/4480 */
import type { RoomId } from '../../../../core/ids.ts'
import type { Members } from '../../../rooms/members.ts'
import { RoomEvents, type RoomEventsParts } from '../../sections/room-events.ts'
import { type StickyParts, StickySection } from '../../sections/sticky.ts'
import { eventList } from '../../span.ts'
import { byRoom, type Extension, type ExtensionAnswer, nothingToSay, type Scene } from './extension.ts'

const maxEvents = 500

export class StickyEventsExtension implements Extension {
  readonly name = 'org.matrix.msc4354.sticky_events'
  readonly #members: Members
  readonly #sticky: StickySection
  readonly #readable: RoomEvents

  constructor(parts: StickyParts & RoomEventsParts) {
    this.#members = parts.members
    this.#sticky = new StickySection(parts)
    this.#readable = new RoomEvents(parts)
  }

  async answer({ span, request, answers, lists }: Scene): Promise<ExtensionAnswer> {
    const asked = request.extensions.sticky_events
    if (!asked?.enabled) return nothingToSay
    // A client that does not come back with its place has the one of the whole answer.
    const after = asked.since ?? span.since?.sticky_events ?? 0
    const since = { ...(span.since ?? span.upto), sticky_events: after }
    const fresh = new Set(lists.fresh)
    const joined = [...(await this.#members.roomsOf(span.who.userId)).values()]
      .filter(({ membership, room_id: roomId }) => membership === 'join' && !fresh.has(roomId))
      .map(({ room_id: roomId }) => ({ roomId, hasEvents: true, hasReceipts: false, hasRead: false, stayed: true }))
    const limit = Math.min(asked.limit, maxEvents)
    const { rooms, upto } = await this.#sticky.read({ ...span, since }, { known: joined, fresh: lists.fresh }, limit)
    if (upto === after) return nothingToSay
    const texts = new Map<RoomId, string>()
    for (const [roomId, events] of rooms) {
      const told = new Set(answers.get(roomId)?.timeline.events.map(({ eventId }) => eventId))
      const untold = events.filter(({ eventId }) => !told.has(eventId))
      if (untold.length > 0) texts.set(roomId, eventList(await this.#readable.texts(span, untold)))
    }
    return { text: `{"next_batch":"${upto}","rooms":${byRoom(texts)}}`, hasNews: texts.size > 0 }
  }
}
