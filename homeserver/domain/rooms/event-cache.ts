/** Events by id, in memory as far as they fit. An event changes only when it is redacted, which the events stream tells. */
import type { EventId } from '../../core/ids.ts'
import type { Bus } from '../../platform/bus.ts'
import { Lru } from '../../platform/lru.ts'
import type { Conn, Database } from '../../storage/database.ts'
import { listEvents, listEventsByNid, type StoredEvent } from '../../storage/events.ts'
import { newsOf } from './news.ts'

const MAX_BYTES = 32 * 1024 * 1024
const MAX_NIDS = 30_000

export class EventCache {
  readonly #database: Database
  readonly #byId = new Lru<EventId, StoredEvent>(MAX_BYTES, (event) => event.weight)
  /** Of events that were here lately: what an interned id stands for never changes. */
  readonly #ids = new Lru<number, EventId>(MAX_NIDS)
  /** Counts redactions, so that a read that was overtaken by one is not kept. */
  #version = 0

  constructor({ database, bus }: { database: Database; bus: Bus }) {
    this.#database = database
    bus.subscribe((bell) => {
      for (const id of newsOf(bell)?.redacted ?? []) {
        this.#version++
        this.#byId.delete(id)
      }
    })
  }

  /** The event if it is in memory. */
  peek(eventId: EventId): StoredEvent | undefined {
    return this.#byId.get(eventId)
  }

  put(event: StoredEvent): void {
    this.#byId.set(event.eventId, event)
    this.#ids.set(event.row.nid, event.eventId)
  }

  async find(eventId: EventId, conn: Conn = this.#database): Promise<StoredEvent | undefined> {
    return (await this.list([eventId], conn)).get(eventId)
  }

  /** Those of the events that we have. */
  async list(eventIds: Iterable<EventId>, conn: Conn = this.#database): Promise<Map<EventId, StoredEvent>> {
    const found = new Map<EventId, StoredEvent>()
    const missing: EventId[] = []
    for (const id of eventIds) {
      const cached = this.#byId.get(id)
      if (cached) found.set(id, cached)
      else missing.push(id)
    }
    if (missing.length === 0) return found
    const version = this.#version
    for (const event of await listEvents(conn, missing)) {
      if (version === this.#version) this.put(event)
      found.set(event.eventId, event)
    }
    return found
  }

  /** By interned id. */
  async listByNid(nids: Iterable<number>, conn: Conn = this.#database): Promise<Map<number, StoredEvent>> {
    const found = new Map<number, StoredEvent>()
    const missing: number[] = []
    for (const nid of nids) {
      const id = this.#ids.get(nid)
      const cached = id && this.#byId.get(id)
      if (cached) found.set(nid, cached)
      else missing.push(nid)
    }
    if (missing.length === 0) return found
    const version = this.#version
    for (const event of await listEventsByNid(conn, missing)) {
      if (version === this.#version) this.put(event)
      found.set(event.row.nid, event)
    }
    return found
  }
}
