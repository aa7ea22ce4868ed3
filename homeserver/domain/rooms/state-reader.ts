/** Reads events and states of a room, those on their way to the disk included. */
import type { StateKey } from '../../core/event.ts'
import type { EventId } from '../../core/ids.ts'
import type { Database } from '../../storage/database.ts'
import type { StoredEvent } from '../../storage/events.ts'
import type { StateEntry, StateGroups, StateMap } from '../../storage/state-groups.ts'
import type { EventCache } from './event-cache.ts'
import type { RoomHead } from './head.ts'
import { type KnownEvent, listKnown } from './known-events.ts'

export interface StateReaderParts {
  readonly database: Database
  readonly events: EventCache
  readonly groups: StateGroups
}

export class StateReader {
  readonly database: Database
  readonly #events: EventCache
  readonly #groups: StateGroups

  constructor({ database, events, groups }: StateReaderParts) {
    this.database = database
    this.#events = events
    this.#groups = groups
  }

  /** Those of the events that are here. */
  async list(head: RoomHead | undefined, ids: readonly EventId[]): Promise<ReadonlyMap<EventId, KnownEvent>> {
    return await listKnown(this.#events, head, ids)
  }

  /** The event as it is stored, if it is in memory. */
  peek(eventId: EventId): StoredEvent | undefined {
    return this.#events.peek(eventId)
  }

  /** Some of a group's state. */
  async at(
    head: RoomHead | undefined,
    group: number | undefined,
    keys: readonly StateKey[],
  ): Promise<ReadonlyMap<StateKey, KnownEvent>> {
    const entries = group === undefined ? new Map<StateKey, StateEntry>() : await this.#entries(head, group, keys)
    const known = await this.list(
      head,
      [...entries.values()].map(({ eventId }) => eventId),
    )
    const state = new Map<StateKey, KnownEvent>()
    for (const [key, { eventId }] of entries) {
      const event = known.get(eventId)
      if (event) state.set(key, event)
    }
    return state
  }

  async whole(group: number): Promise<StateMap> {
    return await this.#groups.load(this.database, group)
  }

  async #entries(head: RoomHead | undefined, group: number, keys: readonly StateKey[]): Promise<StateMap> {
    if (group !== head?.stateGroup) return await this.#groups.find(this.database, group, keys)
    const entries = new Map<StateKey, StateEntry>()
    for (const key of keys) {
      const entry = head.state.get(key)
      if (entry) entries.set(key, entry)
    }
    return entries
  }
}
