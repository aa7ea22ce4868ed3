/** Rooms the user is asked into, or has asked to be let into. https://spec.matrix.org/v1.19/client-server-api/#stripped-state */
import type { RoomId } from '../../../core/ids.ts'
import type { Database } from '../../../storage/database.ts'
import type { StoredEvent } from '../../../storage/events.ts'
import type { MembershipRow } from '../../../storage/memberships.ts'
import { listStrippedStates } from '../../../storage/stripped-states.ts'
import { listMemberEvents, listStateOfTypes } from '../../../storage/sync.ts'
import type { Requester } from '../../accounts/requester.ts'
import { type ClientEvents, strippedStateText } from '../../rooms/client-event.ts'
import type { EventCache } from '../../rooms/event-cache.ts'
import { findIgnoredInviters } from '../../rooms/invite-permission.ts'
import { strippedTypes } from '../../rooms/stripped-types.ts'
import type { IgnoredUsers } from '../../rooms/visibility.ts'
import type { Span } from '../span.ts'

export class InvitedSection {
  readonly #database: Database
  readonly #events: EventCache
  readonly #clientEvents: ClientEvents
  readonly #ignored: IgnoredUsers

  constructor(parts: { database: Database; events: EventCache; clientEvents: ClientEvents; ignored: IgnoredUsers }) {
    this.#database = parts.database
    this.#events = parts.events
    this.#clientEvents = parts.clientEvents
    this.#ignored = parts.ignored
  }

  /** The members of `rooms.invite` or `rooms.knock`. Invitations by ignored users are not told. */
  async texts(span: Span, rows: readonly MembershipRow[], kind: 'invite' | 'knock'): Promise<readonly string[]> {
    const stripped = await this.stripped(span.who, rows)
    return [...stripped].map(
      ([roomId, texts]) => `${JSON.stringify(roomId)}:{"${kind}_state":{"events":[${texts.join(',')}]}}`,
    )
  }

  /** Texts of stripped events by room. Rooms to which ignored users invite are missing. */
  async stripped(who: Requester, rows: readonly MembershipRow[]): Promise<ReadonlyMap<RoomId, readonly string[]>> {
    if (rows.length === 0) return new Map()
    const [ignored, isIgnored] = await Promise.all([
      this.#ignored.of(who.userId),
      findIgnoredInviters(this.#database, who.userId),
    ])
    const wanted = rows.filter(({ sender }) => !ignored.has(sender) && !isIgnored(sender))
    const ids = wanted.map(({ event_id }) => event_id)
    const [state, own, told] = await Promise.all([
      this.#state(wanted),
      this.#events.list(ids),
      listStrippedStates(this.#database, ids),
    ])
    const texts = wanted.map(async ({ room_id, event_id }) => {
      const event = own.get(event_id)
      const sentAlong = told.get(event_id)?.map((each) => JSON.stringify(each))
      const stripped = sentAlong ?? state.get(room_id)?.map(shownText) ?? []
      if (event) stripped.push(await this.#clientEvents.text(event, who, { withRoomId: false, bundled: false }))
      return [room_id, stripped] as const
    })
    return new Map(await Promise.all(texts))
  }

  /** Of rooms that we are in: what names them, and who invites. */
  async #state(rows: readonly MembershipRow[]): Promise<ReadonlyMap<RoomId, StoredEvent[]>> {
    const inviters = rows.filter(({ sender, user_id }) => sender !== user_id)
    const [state, members] = await Promise.all([
      listStateOfTypes(
        this.#database,
        rows.map(({ room_id }) => room_id),
        strippedTypes,
      ),
      listMemberEvents(
        this.#database,
        inviters.map(({ room_id, sender }) => [room_id, sender] as const),
      ),
    ])
    return Map.groupBy([...state, ...members], ({ roomId }) => roomId)
  }
}

/** From the whole create event clients can tell whether the room is what it says it is (MSC4311). */
function shownText(event: StoredEvent): string {
  return event.row.type === 'm.room.create' ? event.row.json : strippedStateText(event)
}
