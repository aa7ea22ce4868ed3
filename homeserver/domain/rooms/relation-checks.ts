/** What an event may relate to. https://spec.matrix.org/v1.19/client-server-api/#relationship-types */
import { MatrixError, refuse } from '../../core/errors.ts'
import type { JsonObject } from '../../core/event.ts'
import type { RoomId, UserId } from '../../core/ids.ts'
import type { Conn } from '../../storage/database.ts'
import { hasAnnotation, isRelated } from '../../storage/relations.ts'
import type { EventCache } from './event-cache.ts'
import { type Relation, relationOf } from './relation.ts'

/** Characters in the key of an annotation: an emoji, or a word or two. */
const MAX_KEY = 500

/** Throws `M_UNKNOWN` for a relation that cannot be, `M_DUPLICATE_ANNOTATION` for the same reaction again. Most events relate to nothing and cost nothing. */
export async function checkRelation(
  { database, events }: { readonly database: Conn; readonly events: EventCache },
  { roomId, sender, type, content }: { roomId: RoomId; sender: UserId; type: string; content: JsonObject },
): Promise<void> {
  if (content['m.relates_to'] === undefined) return
  const relation = relationOf(content)
  if (!relation) return
  const target = events.peek(relation.targetId) ?? (await events.find(relation.targetId))
  if (target && target.roomId !== roomId) throw impossible('An event relates only to events of its own room')
  // Somebody may know an event that we only know from other events about it.
  if (!target && !(await isRelated(database, roomId, relation.targetId))) {
    throw impossible('The event relates to an event that is not known here')
  }
  if (relation.relType === 'm.annotation') await checkAnnotation(database, relation, sender, type)
  if (relation.relType === 'm.thread' && target && relationOf(target.pdu.content)) {
    throw impossible('A thread cannot start from an event that relates to another')
  }
}

async function checkAnnotation(database: Conn, relation: Relation, sender: UserId, type: string): Promise<void> {
  const { targetId, key } = relation
  if (key === undefined) throw impossible('The annotation has no key')
  if (key.length > MAX_KEY) throw impossible(`The key of the annotation is over ${MAX_KEY} characters`)
  if (await hasAnnotation(database, { targetId, type, sender, key })) {
    throw refuse(400, 'M_DUPLICATE_ANNOTATION', 'You have sent this reaction already')
  }
}

function impossible(message: string): MatrixError {
  return new MatrixError(400, 'M_UNKNOWN', message)
}
