/** What a piece of the events stream changes in the index. */
import { type EventId, isEventId } from '../../core/ids.ts'
import type { Conn } from '../../storage/database.ts'
import { listEvents, type StoredEvent } from '../../storage/events.ts'
import { listReplacements, type RelatingEvent } from '../../storage/relations.ts'
import { listFoundBy, type SearchDocument } from '../../storage/search.ts'
import { listRelatedBy } from '../../storage/sync.ts'
import { latestEdit } from '../rooms/relation-summaries.ts'
import { relationOf } from '../rooms/relation.ts'
import { documentOf, searchableTypes } from './searchable.ts'

const redactionType = 'm.room.redaction'
/** Types of events that may change the index. */
export const indexedTypes: readonly string[] = [...Object.values(searchableTypes), redactionType]

/** Edits looked at for one that is valid, as in bundled aggregations. */
const MAX_EDITS = 8

export interface IndexChanges {
  readonly documents: readonly SearchDocument[]
  /** The places of events of which nothing is to be found any more. */
  readonly removed: readonly number[]
}

/** Reads what is to be found of these events, of those that they edit, and of those that they redact. */
export async function readChanges(conn: Conn, events: readonly StoredEvent[]): Promise<IndexChanges> {
  const concerned = new Map<EventId, StoredEvent>()
  const redacted: EventId[] = []
  const edited: EventId[] = []
  for (const event of events) {
    if (event.row.type === redactionType) redacted.push(...targetOf(event))
    else {
      concerned.set(event.eventId, event)
      const relation = relationOf(event.pdu.content)
      if (relation?.relType === 'm.replace') edited.push(relation.targetId)
    }
  }
  const others = [
    ...(redacted.length > 0 ? await listFoundBy(conn, redacted) : []),
    ...(await listEvents(conn, [...redacted, ...edited])),
  ]
  const known = new Set(others.map(({ eventId }) => eventId))
  for (const event of others) concerned.set(event.eventId, event)
  const edits = await latestEdits(conn, concerned)
  const documents: SearchDocument[] = []
  const removed: number[] = []
  for (const event of concerned.values()) {
    const document = documentOf(event, edits.get(event.eventId))
    if (document) documents.push(document)
    else if (event.row.stream_id !== null && known.has(event.eventId)) removed.push(event.row.stream_id)
  }
  return { documents, removed }
}

async function latestEdits(
  conn: Conn,
  events: ReadonlyMap<EventId, StoredEvent>,
): Promise<ReadonlyMap<EventId, StoredEvent>> {
  const ids = await listRelatedBy(conn, [...events.keys()], { relTypes: ['m.replace'], senders: undefined })
  const originals = ids.flatMap((id) => events.get(id) ?? [])
  const found: RelatingEvent[] = []
  for (const [roomId, ofRoom] of Map.groupBy(originals, (event) => event.roomId)) {
    const targets = ofRoom.map(({ eventId }) => eventId)
    found.push(...(await listReplacements(conn, roomId, targets, MAX_EDITS)))
  }
  const byTarget = Map.groupBy(found, ({ target }) => target)
  const edits = originals.flatMap((original): [EventId, StoredEvent][] => {
    const edit = latestEdit(original, byTarget.get(original.eventId) ?? [])
    return edit ? [[original.eventId, edit]] : []
  })
  return new Map(edits)
}

/** Where the target stands depends on the room version. */
function targetOf({ pdu }: StoredEvent): EventId[] {
  const target = pdu.redacts ?? pdu.content['redacts']
  return isEventId(target) ? [target] : []
}
