/** The rows that are kept of an event. */
import { isJsonObject, topLevelSpan } from '../../core/canonical-json.ts'
import { eventStatus, type EventRow, StoredEvent } from '../../storage/events.ts'
import { type RelationRow } from '../../storage/relations.ts'
import type { BuiltEvent } from './build.ts'
import { relationOf } from './relation.ts'

export function storedEvent(event: BuiltEvent, streamId: number | null, push: string | null): StoredEvent {
  const { nid, eventId, roomId, pdu, json, stateGroup, replacesNid, threadRoot, draft, arrival } = event
  const content = topLevelSpan(json, 'content') ?? { start: 0, end: 0 }
  const row: EventRow = {
    nid,
    event_id: eventId,
    room_id: roomId,
    stream_id: streamId,
    depth: pdu.depth,
    type: pdu.type,
    state_key: pdu.state_key ?? null,
    sender: pdu.sender,
    origin_server_ts: pdu.origin_server_ts,
    state_group: stateGroup ?? null,
    replaces_nid: replacesNid ?? null,
    status: arrival?.status ?? eventStatus.accepted,
    redacted_by: arrival?.redactedBy ?? null,
    thread_root: threadRoot ?? null,
    push,
    txn_device: draft.transaction?.device ?? null,
    txn_id: draft.transaction?.id ?? null,
    json,
    content_at: content.start,
    content_length: content.end - content.start,
  }
  return new StoredEvent(row, pdu)
}

/** What is kept of its relation to another event. */
export function relationRow({ row, pdu }: StoredEvent): RelationRow | undefined {
  const relation = isJsonObject(pdu.content) ? relationOf(pdu.content) : undefined
  if (!relation || row.stream_id === null) return undefined
  return {
    event_nid: row.nid,
    room_id: row.room_id,
    target_id: relation.targetId,
    rel_type: relation.relType,
    type: row.type,
    sender: row.sender,
    aggregation_key: relation.key ?? null,
    stream_id: row.stream_id,
  }
}
