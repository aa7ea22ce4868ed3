/**
 * What other events say about events, in memory. Of events that came since this process started it is known without a
 * look at the tables whether anything relates to them.
 */
import { isJsonObject } from '../../core/canonical-json.ts'
import type { EventId, RoomId } from '../../core/ids.ts'
import type { Bell, Bus } from '../../platform/bus.ts'
import { Lru } from '../../platform/lru.ts'
import type { Conn } from '../../storage/database.ts'
import type { StoredEvent } from '../../storage/events.ts'
import {
  listReferences,
  listRelationKinds,
  listReplacements,
  listThreadShares,
  type Reference,
  type RelatingEvent,
  type ThreadShare,
} from '../../storage/relations.ts'
import type { Streams } from '../../storage/streams.ts'
import { newsOf } from './news.ts'
import { relationOf } from './relation.ts'

/** What is bundled with an event, before anybody's view of it. */
export interface RelationSummary {
  /** The latest valid edit. */
  readonly edit: EventId | undefined
  readonly references: readonly Pick<Reference, 'eventId' | 'sender'>[]
  readonly thread: readonly Pick<ThreadShare, 'sender' | 'count' | 'latest' | 'streamId'>[]
}

export const emptySummary: RelationSummary = { edit: undefined, references: [], thread: [] }

const none: ReadonlyMap<EventId, never> = new Map<EventId, never>()

/** Events known to be related to since `floor`, and weight of summaries in memory. */
const MAX_TARGETS = 50_000
const MAX_WEIGHT = 100_000
/** References bundled with one event, and edits looked at for one that is valid. */
const MAX_REFERENCES = 500
const MAX_EDITS = 8

interface Known {
  readonly roomId: RoomId
  readonly summary: RelationSummary
}

export class RelationSummaries {
  readonly #database: Conn
  /** Of events beyond this place in the stream every target is in `#targets`. */
  #floor: number
  readonly #targets = new Set<EventId>()
  readonly #known = new Lru<EventId, Known>(MAX_WEIGHT, ({ summary }) => weightOf(summary))
  /** Counts news, so that a read that was overtaken by some is not kept. */
  #version = 0

  constructor({ database, bus, streams }: { database: Conn; bus: Bus; streams: Streams }) {
    this.#database = database
    this.#floor = streams.position('events')
    bus.subscribe((bell) => this.#heard(bell))
  }

  /** The summaries of those of the events that have one that is not empty. State events have none. */
  async of(events: readonly StoredEvent[]): Promise<ReadonlyMap<EventId, RelationSummary>> {
    if (!events.some((event) => this.#mayHave(event))) return none
    const found = new Map<EventId, RelationSummary>()
    const missing = new Map<RoomId, StoredEvent[]>()
    for (const event of events) {
      if (!this.#mayHave(event)) continue
      const known = this.#known.get(event.eventId)
      if (known) {
        if (known.summary !== emptySummary) found.set(event.eventId, known.summary)
        continue
      }
      const ofRoom = missing.get(event.roomId)
      if (ofRoom) ofRoom.push(event)
      else missing.set(event.roomId, [event])
    }
    for (const [roomId, ofRoom] of missing) {
      for (const [id, summary] of await this.#read(roomId, ofRoom)) found.set(id, summary)
    }
    return found
  }

  #mayHave({ row }: StoredEvent): boolean {
    return row.state_key === null && ((row.stream_id ?? 0) <= this.#floor || this.#targets.has(row.event_id))
  }

  async #read(roomId: RoomId, events: readonly StoredEvent[]): Promise<Map<EventId, RelationSummary>> {
    const version = this.#version
    const found = await this.#summarise(roomId, events)
    if (version === this.#version) {
      for (const { eventId } of events)
        this.#known.set(eventId, { roomId, summary: found.get(eventId) ?? emptySummary })
    }
    return found
  }

  async #summarise(roomId: RoomId, events: readonly StoredEvent[]): Promise<Map<EventId, RelationSummary>> {
    const database = this.#database
    const ids = events.map(({ eventId }) => eventId)
    const kinds = await listRelationKinds(database, roomId, ids)
    const having = (relType: string): EventId[] =>
      kinds.filter(({ rel_type }) => rel_type === relType).map(({ target_id }) => target_id)
    const [shares, references, edits] = await Promise.all([
      listThreadShares(database, roomId, having('m.thread')),
      listReferences(database, roomId, having('m.reference'), MAX_REFERENCES),
      listReplacements(database, roomId, having('m.replace'), MAX_EDITS),
    ])
    const byTarget = Map.groupBy(edits, ({ target }) => target)
    const sharesOf = Map.groupBy(shares, ({ root }) => root)
    const referencesTo = Map.groupBy(references, ({ target }) => target)
    const related = new Set(kinds.map(({ target_id }) => target_id))
    const summaries = events
      .filter(({ eventId }) => related.has(eventId))
      .map((event): [EventId, RelationSummary] => [
        event.eventId,
        {
          edit: latestEdit(event, byTarget.get(event.eventId) ?? [])?.eventId,
          references: referencesTo.get(event.eventId) ?? [],
          thread: sharesOf.get(event.eventId) ?? [],
        },
      ])
    return new Map(summaries)
  }

  #heard(bell: Bell): void {
    if (bell.stream !== 'events') return
    const news = newsOf(bell)
    if (!news) {
      // Another process wrote them: whatever is known of their rooms may be over.
      this.#forget(bell.keys.rooms ?? [])
      this.#rise(bell.position)
      return
    }
    if (news.redacted.length > 0) this.#forget(new Set(news.events.map(({ roomId }) => roomId)))
    for (const event of news.events) {
      const targetId = relationOf(event.pdu.content)?.targetId
      if (targetId === undefined) continue
      this.#version++
      this.#known.delete(targetId)
      this.#targets.add(targetId)
    }
    if (this.#targets.size > MAX_TARGETS) this.#rise(bell.position)
  }

  /** What is at or below this place in the stream is looked up from here on. */
  #rise(position: number): void {
    this.#targets.clear()
    this.#floor = position
  }

  #forget(rooms: Iterable<string>): void {
    this.#version++
    const gone = new Set(rooms)
    this.#known.deleteWhere(({ roomId }) => gone.has(roomId))
  }
}

function weightOf({ references, thread }: RelationSummary): number {
  return 1 + references.length + thread.length
}

/** The latest of the events that validly replaces `original`; they are in order, latest first. */
export function latestEdit(original: StoredEvent, candidates: readonly RelatingEvent[]): StoredEvent | undefined {
  return candidates.find(({ event }) => isValidEdit(original, event))?.event
}

/** https://spec.matrix.org/v1.19/client-server-api/#validity-of-replacement-events */
function isValidEdit(original: StoredEvent, edit: StoredEvent): boolean {
  const { row, pdu } = original
  return (
    row.sender === edit.row.sender &&
    row.type === edit.row.type &&
    row.state_key === null &&
    edit.row.state_key === null &&
    relationOf(pdu.content)?.relType !== 'm.replace' &&
    // What is encrypted has its new content within.
    (row.type === 'm.room.encrypted' || isJsonObject(edit.pdu.content['m.new_content']))
  )
}
