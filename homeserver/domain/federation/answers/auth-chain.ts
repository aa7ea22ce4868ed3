/** The events that events rest on. https://spec.matrix.org/v1.19/server-server-api/#auth-chain */
import { setImmediate } from 'node:timers/promises'
import { type EventReference, referenceIds } from '../../../core/event.ts'
import type { EventId } from '../../../core/ids.ts'
import type { Conn } from '../../../storage/database.ts'
import { listEvents, type StoredEvent } from '../../../storage/events.ts'

/** Events read at once, after which others get their turn. */
const BATCH = 500

/** The events of these ids, some at a time, past the cache of events, which so many would empty. */
export async function* readEvents(conn: Conn, eventIds: readonly EventId[]): AsyncGenerator<readonly StoredEvent[]> {
  for (let at = 0; at < eventIds.length; at += BATCH) {
    yield await listEvents(conn, eventIds.slice(at, at + BATCH))
    await setImmediate()
  }
}

/**
 * Walks from events to what they rest on, each event once and none of `known`. What is asked for twice is read once, so
 * the work grows with the number of events alone, however they are woven (T36).
 */
export class AuthChain {
  readonly #conn: Conn
  readonly #seen: Set<EventId>
  #next = new Set<EventId>()

  constructor(conn: Conn, known: Iterable<EventId> = []) {
    this.#conn = conn
    this.#seen = new Set(known)
  }

  /** Takes note of what an event rests on. */
  follow(event: StoredEvent): void {
    for (const id of authEventIds(event)) {
      if (this.#seen.has(id)) continue
      this.#seen.add(id)
      this.#next.add(id)
    }
  }

  /** The events below those followed, some at a time. */
  async *walk(): AsyncGenerator<readonly StoredEvent[]> {
    while (this.#next.size > 0) {
      const level = [...this.#next]
      this.#next = new Set()
      for await (const events of readEvents(this.#conn, level)) {
        for (const event of events) this.follow(event)
        yield events
      }
    }
  }
}

/** `content` is long and `auth_events` stands before it in canonical JSON, so the rest need not be parsed. */
function authEventIds({ row: { json, content_at: contentAt } }: StoredEvent): EventId[] {
  const head = json.slice(0, contentAt - ',"content":'.length)
  const { auth_events: references } = JSON.parse(`${head}}`) as { auth_events: EventReference[] } // a PDU when it was stored
  return referenceIds(references)
}
