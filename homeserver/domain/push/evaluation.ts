/** Runs push rules over every event as it is written, for the members of this server. */
import { ringTypes } from '../../core/call-rooms.ts'
import type { EventId, UserId } from '../../core/ids.ts'
import { defaultRules, evaluate, narrowRules } from '../../core/push-rules/evaluate.ts'
import { PushEvent, type PushUser } from '../../core/push-rules/event.ts'
import type { Conn } from '../../storage/database.ts'
import type { BuiltEvent } from '../rooms/build.ts'
import type { PushEvaluation } from '../rooms/commit.ts'
import type { EventCache } from '../rooms/event-cache.ts'
import type { Members } from '../rooms/members.ts'
import { threadRootOf } from '../rooms/relation.ts'
import { encodeNotified, notifiesNobody } from './push-column.ts'
import type { PushRules } from './push-rules.ts'
import { isInCallRoom, roomFacts } from './room-facts.ts'
import type { ThreadFollowers } from './thread-followers.ts'

/** Asks whom users do not want to hear of. Fulfilled by account data. */
export interface IgnoredUsers {
  list(userIds: Iterable<UserId>, conn: Conn): Promise<ReadonlyMap<UserId, ReadonlySet<UserId>>>
}

export interface EvaluationParts {
  readonly rules: PushRules
  readonly members: Members
  readonly events: EventCache
  readonly ignored: IgnoredUsers
  readonly followers: ThreadFollowers
}

export class Evaluation implements PushEvaluation {
  readonly #parts: EvaluationParts

  constructor(parts: EvaluationParts) {
    this.#parts = parts
  }

  async evaluate(conn: Conn, built: readonly BuiltEvent[]): Promise<(string | null)[]> {
    const batch = new Map(built.map((event) => [event.eventId, event]))
    const columns: (string | null)[] = []
    for (const event of built) columns.push((await this.#column(conn, event, batch)) ?? this.#unnoticed(event))
    return columns
  }

  /** Whoever says something has read what was there, whether or not anybody hears it. */
  #unnoticed({ pdu }: BuiltEvent): string | null {
    return pdu.state_key === undefined && this.#parts.members.isLocal(pdu.sender) ? notifiesNobody : null
  }

  async #column(conn: Conn, event: BuiltEvent, batch: ReadonlyMap<EventId, BuiltEvent>): Promise<string | null> {
    const { members, events, rules: ownRules } = this.#parts
    const { pdu, roomId, version } = event
    const joined = await members.joined(roomId, conn)
    const users: PushUser[] = []
    for (const { user_id: userId, display_name: name } of joined.values()) {
      if (userId !== pdu.sender && members.isLocal(userId)) users.push({ userId, displayName: name ?? undefined })
    }
    const invited = this.#invited(event)
    if (invited) users.push({ userId: invited, displayName: undefined })

    if (users.length === 0) return null
    const find = (id: EventId) => batch.get(id) ?? events.peek(id)
    if (ringTypes.has(pdu.type) && isInCallRoom(event, version, find)) return null
    const facts = roomFacts(event, { version, memberCount: joined.size }, find)
    const pushEvent = new PushEvent({ ...pdu, room_id: roomId }, facts)
    const rules = narrowRules(defaultRules, pushEvent)
    const userIds = users.map(({ userId }) => userId)
    const own = await ownRules.compiled(conn, userIds)
    const root = threadRootOf(pdu.content)
    const follows = root && (await this.#parts.followers.of(conn, root, userIds))
    const notified: UserId[] = []
    const highlighted: UserId[] = []
    for (const user of users) {
      const asked = follows ? { ...user, followsThread: follows(user.userId) } : user
      const outcome = evaluate(rules, pushEvent, asked, own.get(user.userId))
      if (!outcome?.notify) continue
      notified.push(user.userId)
      if (outcome.highlight) highlighted.push(user.userId)
    }
    if (notified.length === 0) return null
    const listens = await this.#listeners(conn, pdu.sender, notified)
    return encodeNotified(userIds, notified.filter(listens), highlighted.filter(listens))
  }

  /** Who does not ignore the sender. */
  async #listeners(conn: Conn, sender: UserId, userIds: readonly UserId[]): Promise<(userId: UserId) => boolean> {
    const ignored = await this.#parts.ignored.list(userIds, conn)
    return (userId) => ignored.get(userId)?.has(sender) !== true
  }

  /** The user of this server whom the event invites. */
  #invited({ pdu }: BuiltEvent): UserId | undefined {
    const invites = pdu.type === 'm.room.member' && pdu.content['membership'] === 'invite'
    if (!invites || pdu.state_key === undefined || !this.#parts.members.isLocal(pdu.state_key)) return undefined
    return pdu.state_key as UserId // the authorisation rules have seen that it is one
  }
}
