/** Runs push rules over every event as it is written, for the members of this server. */
import { powerLevelsOf, userLevel } from '../../core/auth/power-levels.ts'
import { isJsonObject } from '../../core/canonical-json.ts'
import type { IdentifiedPdu, JsonObject } from '../../core/event.ts'
import { referenceIds } from '../../core/event.ts'
import type { EventId, UserId } from '../../core/ids.ts'
import { defaultRules, evaluate, narrowRules } from '../../core/push-rules/evaluate.ts'
import { PushEvent, type PushUser } from '../../core/push-rules/event.ts'
import type { RoomVersion } from '../../core/room-version.ts'
import type { Conn } from '../../storage/database.ts'
import type { BuiltEvent } from '../rooms/build.ts'
import type { PushEvaluation } from '../rooms/commit.ts'
import type { EventCache } from '../rooms/event-cache.ts'
import type { Members } from '../rooms/members.ts'
import { encodeNotified } from './push-column.ts'
import type { PushRules } from './push-rules.ts'

export class Evaluation implements PushEvaluation {
  readonly #rules: PushRules
  readonly #members: Members
  readonly #events: EventCache

  constructor({ rules, members, events }: { rules: PushRules; members: Members; events: EventCache }) {
    this.#rules = rules
    this.#members = members
    this.#events = events
  }

  async evaluate(conn: Conn, built: readonly BuiltEvent[]): Promise<(string | null)[]> {
    const batch = new Map(built.map((event) => [event.eventId, event]))
    const columns: (string | null)[] = []
    for (const event of built) columns.push(await this.#column(conn, event, batch))
    return columns
  }

  async #column(conn: Conn, event: BuiltEvent, batch: ReadonlyMap<EventId, BuiltEvent>): Promise<string | null> {
    const { pdu, roomId } = event
    const joined = await this.#members.joined(roomId, conn)
    const rows = [...joined.values()]
    const users: PushUser[] = []
    for (const { user_id: userId, display_name: name } of rows) {
      if (userId !== pdu.sender && this.#members.isLocal(userId)) users.push({ userId, displayName: name ?? undefined })
    }
    const invited = this.#invited(event)
    if (invited) users.push({ userId: invited, displayName: undefined })
    if (users.length === 0) return null

    const pushEvent = new PushEvent({ ...pdu, room_id: roomId }, this.#facts(event, rows.length, batch))
    const rules = narrowRules(defaultRules, pushEvent)
    const own = await this.#rules.compiled(
      conn,
      users.map(({ userId }) => userId),
    )
    const notified: UserId[] = []
    const highlighted: UserId[] = []
    for (const user of users) {
      const outcome = evaluate(rules, pushEvent, user, own.get(user.userId))
      if (!outcome?.notify) continue
      notified.push(user.userId)
      if (outcome.highlight) highlighted.push(user.userId)
    }
    return encodeNotified(
      users.map(({ userId }) => userId),
      notified,
      highlighted,
    )
  }

  /** The user of this server whom the event invites. */
  #invited({ pdu }: BuiltEvent): UserId | undefined {
    const invites = pdu.type === 'm.room.member' && pdu.content['membership'] === 'invite'
    if (!invites || pdu.state_key === undefined || !this.#members.isLocal(pdu.state_key)) return undefined
    return pdu.state_key as UserId // the authorisation rules have seen that it is one
  }

  /** Every event cites the power levels that were in force, so nothing has to be looked up in the state. */
  #facts(event: BuiltEvent, memberCount: number, batch: ReadonlyMap<EventId, BuiltEvent>): PushEvent['room'] {
    const { pdu, version } = event
    const cited = new Map<string, IdentifiedPdu>()
    for (const id of [...referenceIds(pdu.auth_events), createIdOf(event, version)]) {
      const found = batch.get(id) ?? this.#events.peek(id)
      if (found?.pdu.state_key === '') cited.set(found.pdu.type, found)
    }
    const levels = powerLevelsOf({ get: (type) => cited.get(type) }, version)
    const notifications = levels.content?.['notifications']
    const notificationLevels: JsonObject = isJsonObject(notifications) ? notifications : {}
    return { memberCount, senderPowerLevel: Number(userLevel(levels, pdu.sender)), notificationLevels }
  }
}

/** In version 12 the room id names the create event, which nothing cites. */
function createIdOf({ roomId }: BuiltEvent, version: RoomVersion): EventId {
  return version.roomIdIsCreateHash ? `$${roomId.slice(1)}` : '$'
}
