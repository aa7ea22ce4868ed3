import { isJsonObject } from '../../core/canonical-json.ts'
import type { JsonObject } from '../../core/event.ts'
import { type EventId, isEventId } from '../../core/ids.ts'

export interface Relation {
  readonly relType: string
  readonly targetId: EventId
  /** The emoji of a reaction. */
  readonly key: string | undefined
}

/** Characters of a way to relate; indexes take no key without end. */
const MAX_TYPE = 255

/** The root of the thread that an event with this content is in. */
export function threadRootOf(content: JsonObject): EventId | undefined {
  const relation = relationOf(content)
  return relation?.relType === 'm.thread' ? relation.targetId : undefined
}

/** What an event relates to, if it does. https://spec.matrix.org/v1.19/client-server-api/#forming-relationships-between-events */
export function relationOf(content: JsonObject): Relation | undefined {
  const relation = content['m.relates_to']
  if (!isJsonObject(relation)) return undefined
  const { rel_type: relType, event_id: targetId, key } = relation
  if (typeof relType !== 'string' || relType.length > MAX_TYPE || !isEventId(targetId)) return undefined
  // Columns take no U+0000 (T08); an annotation with one is shown and not aggregated.
  if (relType.includes('\0') || (typeof key === 'string' && key.includes('\0'))) return undefined
  return { relType, targetId, key: typeof key === 'string' ? key : undefined }
}
