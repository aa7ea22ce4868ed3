/** What of an event can be searched. https://spec.matrix.org/v1.19/client-server-api/#room_events */
import { isJsonObject } from '../../core/canonical-json.ts'
import type { Json, JsonObject } from '../../core/event.ts'
import type { StoredEvent } from '../../storage/events.ts'
import type { SearchDocument } from '../../storage/search.ts'
import { relationOf } from '../rooms/relation.ts'
import { wordsOf } from './words.ts'

/** The types of events that have the keys a client may search. */
export const searchableTypes = {
  'content.body': 'm.room.message',
  'content.name': 'm.room.name',
  'content.topic': 'm.room.topic',
} as const

export type SearchKey = keyof typeof searchableTypes

/** The text of an event, or of what its edit makes of it; undefined if there is none. */
export function textOf(event: StoredEvent, edit?: StoredEvent): string | undefined {
  const content = edit ? edit.pdu.content['m.new_content'] : event.pdu.content
  if (!isJsonObject(content)) return undefined
  switch (event.row.type) {
    case searchableTypes['content.body']:
      return stringOf(content['body'])
    case searchableTypes['content.name']:
      return stringOf(content['name'])
    case searchableTypes['content.topic']:
      return topicOf(content)
    default:
      return undefined
  }
}

/** What is to be found of an event; undefined where there is nothing. Edits are found as what they edit. */
export function documentOf(event: StoredEvent, edit: StoredEvent | undefined): SearchDocument | undefined {
  const { row, pdu } = event
  const isMessage = row.type === searchableTypes['content.body']
  if (row.stream_id === null || row.redacted_by !== null || row.state_key !== (isMessage ? null : '')) return undefined
  if (relationOf(pdu.content)?.relType === 'm.replace') return undefined
  const text = textOf(event, edit)
  // One without text is kept where an edit took the text away: what becomes of it is told by what becomes of the edit.
  if (text === undefined && !edit) return undefined
  return {
    streamId: row.stream_id,
    sourceId: edit?.row.stream_id ?? row.stream_id,
    roomId: row.room_id,
    sender: row.sender,
    type: row.type,
    hasUrl: typeof pdu.content['url'] === 'string',
    words: wordsOf(text ?? ''),
  }
}

function stringOf(value: Json | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined
}

/** A topic may stand there twice, as clients of two ages read it. https://spec.matrix.org/v1.19/client-server-api/#mroomtopic */
function topicOf(content: JsonObject): string | undefined {
  const block = content['m.topic']
  const parts = isJsonObject(block) && Array.isArray(block['m.text']) ? block['m.text'] : []
  const plain = parts.find((part) => isJsonObject(part) && (part['mimetype'] ?? 'text/plain') === 'text/plain')
  const texts = [content['topic'], isJsonObject(plain) ? plain['body'] : undefined].flatMap(
    (value) => stringOf(value) ?? [],
  )
  return texts.length === 0 ? undefined : [...new Set(texts)].join('\n')
}
