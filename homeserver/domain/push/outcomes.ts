/** What push rules bring about for single users, run again: with the events it is stored only whom they notify. */
import type { UserId } from '../../core/ids.ts'
import { type CompiledRules, defaultRules, evaluate, narrowRules } from '../../core/push-rules/evaluate.ts'
import { PushEvent } from '../../core/push-rules/event.ts'
import type { Outcome } from '../../core/push-rules/ruleset.ts'
import { findRoomVersion } from '../../core/room-version.ts'
import type { Database } from '../../storage/database.ts'
import type { StoredEvent } from '../../storage/events.ts'
import { findRoom } from '../../storage/rooms.ts'
import type { EventCache } from '../rooms/event-cache.ts'
import type { Members } from '../rooms/members.ts'
import { threadRootOf } from '../rooms/relation.ts'
import type { PushRules } from './push-rules.ts'
import { citedIds, roomFacts } from './room-facts.ts'
import type { ThreadFollowers } from './thread-followers.ts'

export interface OutcomesParts {
  readonly database: Database
  readonly events: EventCache
  readonly members: Members
  readonly rules: PushRules
  readonly followers: ThreadFollowers
}

interface Prepared {
  readonly event: PushEvent
  readonly rules: CompiledRules
}

export class Outcomes {
  readonly #parts: OutcomesParts
  /** One event often notifies many users. */
  readonly #prepared = new WeakMap<StoredEvent, Promise<Prepared | undefined>>()

  constructor(parts: OutcomesParts) {
    this.#parts = parts
  }

  /** By the rules the user has now; undefined if none of them is met. */
  async of(event: StoredEvent, userId: UserId): Promise<Outcome | undefined> {
    const { database, members, rules, followers } = this.#parts
    const root = threadRootOf(event.pdu.content)
    const [prepared, own, joined, follows] = await Promise.all([
      this.#prepare(event),
      rules.compiled(database, [userId]),
      members.joined(event.roomId),
      root && followers.of(database, root, [userId]),
    ])
    const displayName = joined.get(userId)?.display_name ?? undefined
    const user = { userId, displayName, followsThread: follows?.(userId) }
    return prepared && evaluate(prepared.rules, prepared.event, user, own.get(userId))
  }

  #prepare(event: StoredEvent): Promise<Prepared | undefined> {
    const known = this.#prepared.get(event)
    if (known) return known
    const prepared = this.#read(event)
    this.#prepared.set(event, prepared)
    prepared.catch(() => this.#prepared.delete(event))
    return prepared
  }

  async #read(event: StoredEvent): Promise<Prepared | undefined> {
    const { database, events, members } = this.#parts
    const { pdu, roomId } = event
    const [room, joined] = await Promise.all([findRoom(database, roomId), members.joined(roomId)])
    const version = room && findRoomVersion(room.version)
    if (!version) return undefined
    const cited = await events.list(citedIds(event, version))
    const facts = roomFacts(event, { version, memberCount: joined.size }, (id) => cited.get(id))
    const pushEvent = new PushEvent({ ...pdu, room_id: roomId }, facts)
    return { event: pushEvent, rules: narrowRules(defaultRules, pushEvent) }
  }
}
