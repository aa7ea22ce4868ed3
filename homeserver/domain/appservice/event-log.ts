/** The end of the events stream in memory, so that many readers who keep up read nothing from the table. */
import type { Bell, Bus } from '../../platform/bus.ts'
import { listEventsInRange, type StreamRange } from '../../storage/appservices.ts'
import type { Database } from '../../storage/database.ts'
import { eventStatus, type StoredEvent } from '../../storage/events.ts'
import type { Streams } from '../../storage/streams.ts'
import { newsOf } from '../rooms/news.ts'

const MAX_EVENTS = 500

export class EventLog implements Disposable {
  readonly #database: Database
  readonly #leave: () => void
  /** All accepted events after `#floor`, in their order. */
  #events: StoredEvent[] = []
  #floor: number

  constructor({ database, streams, bus }: { database: Database; streams: Streams; bus: Bus }) {
    this.#database = database
    this.#floor = streams.position('events')
    this.#leave = bus.subscribe((bell) => this.#heard(bell))
  }

  /** The accepted events of a piece of the stream; with `limit` of them there may be more. */
  async read(range: StreamRange): Promise<readonly StoredEvent[]> {
    if (range.after < this.#floor) return await listEventsInRange(this.#database, range)
    const first = this.#events.findIndex((event) => placeOf(event) > range.after)
    if (first < 0) return []
    const found = this.#events.slice(first, first + range.limit)
    return found.filter((event) => placeOf(event) <= range.upto)
  }

  [Symbol.dispose](): void {
    this.#leave()
  }

  #heard(bell: Bell): void {
    if (bell.stream !== 'events') return
    const news = newsOf(bell)
    // A redaction changes what was said before.
    if (!news || news.redacted.length > 0) {
      this.#events = []
      this.#floor = bell.position
      return
    }
    for (const event of news.events) {
      if (placeOf(event) > this.#floor && event.row.status === eventStatus.accepted) this.#events.push(event)
    }
    if (this.#events.length <= 2 * MAX_EVENTS) return
    const gone = this.#events.splice(0, this.#events.length - MAX_EVENTS)
    const last = gone.at(-1)
    if (last) this.#floor = placeOf(last)
  }
}

/** Events without a place were not said in the room. */
export function placeOf({ row }: StoredEvent): number {
  return row.stream_id ?? 0
}
