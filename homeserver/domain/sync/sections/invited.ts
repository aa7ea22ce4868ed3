/** Rooms the user is asked into, or has asked to be let into. https://spec.matrix.org/v1.19/client-server-api/#stripped-state */
import { isJsonObject } from '../../../core/canonical-json.ts'
import type { Json } from '../../../core/event.ts'
import type { RoomId } from '../../../core/ids.ts'
import type { Database } from '../../../storage/database.ts'
import type { StoredEvent } from '../../../storage/events.ts'
import type { MembershipRow } from '../../../storage/memberships.ts'
import { listMemberEvents, listStateOfTypes } from '../../../storage/sync.ts'
import type { Requester } from '../../accounts/requester.ts'
import { type ClientEvents, strippedStateText } from '../../rooms/client-event.ts'
import type { EventCache } from '../../rooms/event-cache.ts'
import { findIgnoredInviters } from '../../rooms/invite-permission.ts'
import type { IgnoredUsers } from '../../rooms/visibility.ts'
import type { Span } from '../span.ts'

const strippedTypes = [
  'm.room.create',
  'm.room.name',
  'm.room.avatar',
  'm.room.topic',
  'm.room.join_rules',
  'm.room.canonical_alias',
  'm.room.encryption',
]

/** Stripped events that another server sent along; what is beyond is not told (T17). */
const MAX_STRIPPED = 50

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
    const stripped = await this.stripped(span.who, rows, kind)
    return [...stripped].map(
      ([roomId, texts]) => `${JSON.stringify(roomId)}:{"${kind}_state":{"events":[${texts.join(',')}]}}`,
    )
  }

  /** Texts of stripped events by room. Rooms to which ignored users invite are missing. */
  async stripped(
    who: Requester,
    rows: readonly MembershipRow[],
    kind: 'invite' | 'knock',
  ): Promise<ReadonlyMap<RoomId, readonly string[]>> {
    if (rows.length === 0) return new Map()
    const [ignored, isIgnored] = await Promise.all([
      this.#ignored.of(who.userId),
      findIgnoredInviters(this.#database, who.userId),
    ])
    const wanted = rows.filter(({ sender }) => !ignored.has(sender) && !isIgnored(sender))
    const [state, own] = await Promise.all([
      this.#state(wanted),
      this.#events.list(wanted.map(({ event_id }) => event_id)),
    ])
    const texts = wanted.map(async ({ room_id, event_id }) => {
      const event = own.get(event_id)
      const known = state.get(room_id)?.map(strippedStateText)
      const stripped = known ?? (event ? sentAlong(event, kind) : [])
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

/** The state that came with an invitation from another server: all of it is looked at before it is believed. */
function sentAlong({ pdu }: StoredEvent, kind: 'invite' | 'knock'): string[] {
  const state: Json | undefined = pdu.unsigned?.[`${kind}_room_state`]
  if (!Array.isArray(state)) return []
  return (state as readonly Json[]).slice(0, MAX_STRIPPED).flatMap((event) => {
    if (!isJsonObject(event) || !isJsonObject(event['content'])) return []
    const { content, sender, state_key, type } = event
    if (typeof sender !== 'string' || typeof state_key !== 'string' || typeof type !== 'string') return []
    return [JSON.stringify({ content, sender, state_key, type })]
  })
}
