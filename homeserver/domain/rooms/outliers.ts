/** Events known only as somebody's auth events or as state: stored without a place in the stream. */
import { topLevelSpan } from '../../core/canonical-json.ts'
import { deny, type Verdict } from '../../core/auth/verdict.ts'
import type { IdentifiedPdu } from '../../core/event.ts'
import type { EventId, RoomId } from '../../core/ids.ts'
import type { RoomVersion } from '../../core/room-version.ts'
import { Lru } from '../../platform/lru.ts'
import type { Database } from '../../storage/database.ts'
import { type EventRow, eventStatus, type EventStatus, insertEvents, listStatuses } from '../../storage/events.ts'
import { citedFirst } from './cited-first.ts'
import type { EventCache } from './event-cache.ts'
import type { RoomHead } from './head.ts'
import { authIds, checkCited, listKnown } from './known-events.ts'
import type { RemoteEvent } from './remote-event.ts'

type CitedEvent = IdentifiedPdu & { readonly status: EventStatus }

/** Parsed events that others were judged by last: most cite the same few. */
const MAX_CITED = 100

export interface OutlierParts {
  readonly database: Database
  readonly events: EventCache
  readonly nextNid: () => number
}

/** `head` is that of the room, if it is here. See `RemoteEventWriter.storeOutliers`. */
export async function storeOutliers(
  { database, events: cache, nextNid }: OutlierParts,
  { head, version }: { head: RoomHead | undefined; version: RoomVersion },
  roomId: RoomId,
  events: readonly RemoteEvent[],
): Promise<ReadonlyMap<EventId, 'accepted' | 'rejected'>> {
  const given = new Map(events.map((event) => [event.eventId, event]))
  const citations = new Map(events.map((event) => [event.eventId, event.authIds ?? authIds(event, version)]))
  const stored = await listStatuses(database, [...given.keys()])
  for (const id of given.keys()) {
    const built = head?.uncommitted.get(id)
    if (built) stored.set(id, built.arrival?.status ?? eventStatus.accepted)
  }
  // Where ids are no hashes, an event that is here decides, and not another one of its name.
  const isHere = (id: EventId): boolean => !given.has(id) || (version.eventIds === 'server' && stored.has(id))
  const known = await listKnown(cache, head, [...new Set([...citations.values()].flat().filter(isHere))])
  const createId = head?.state.get('m.room.create\0')?.eventId
  const judged = new Map<EventId, EventStatus>(stored)
  const cited = new Lru<EventId, CitedEvent>(MAX_CITED)
  const find = (id: EventId): CitedEvent | undefined => {
    const status = judged.get(id)
    const event = given.get(id)
    if (!event || status === undefined) return undefined
    const found = cited.get(id) ?? { eventId: id, roomId: event.roomId, pdu: event.pdu, status }
    cited.set(id, found)
    return found
  }
  const rows: EventRow[] = []
  for (const eventId of citedFirst(citations)) {
    const event = given.get(eventId)
    if (!event || stored.has(eventId)) continue
    // Who comes with no more than a part of his chain may come again with all of it.
    if (!citations.get(eventId)?.every((id) => known.has(id) || judged.has(id))) continue
    const { pdu } = event
    const verdict =
      event.roomId === roomId
        ? checkOutlier({ eventId, roomId, pdu }, version, createId, (id) => known.get(id) ?? find(id))
        : deny('v12/3.5', 'The event is of another room')
    const status = verdict.allowed ? eventStatus.accepted : eventStatus.rejected
    judged.set(eventId, status)
    cited.set(eventId, { eventId, roomId: event.roomId, pdu, status })
    rows.push(outlier({ eventId, roomId: event.roomId, pdu, json: event.json }, nextNid(), verdict))
  }
  if (rows.length > 0) await database.transaction('store outliers', (tx) => insertEvents(tx, rows))
  return new Map(
    events.map(({ eventId }) => {
      const status = judged.get(eventId)
      return [eventId, status === undefined || status === eventStatus.rejected ? 'rejected' : 'accepted']
    }),
  )
}

function checkOutlier(
  event: IdentifiedPdu,
  version: RoomVersion,
  createId: EventId | undefined,
  find: Parameters<typeof checkCited>[2],
): Verdict {
  // A room has one create event for ever (T34).
  if (event.pdu.type === 'm.room.create' && createId !== undefined && createId !== event.eventId) {
    return deny('v12/1', 'The room was created by another event')
  }
  return checkCited(event, version, find)
}

function outlier({ eventId, roomId, pdu, json }: RemoteEvent, nid: number, { allowed }: Verdict): EventRow {
  const content = topLevelSpan(json, 'content') ?? { start: 0, end: 0 }
  return {
    nid,
    event_id: eventId,
    room_id: roomId,
    stream_id: null,
    depth: pdu.depth,
    type: pdu.type,
    state_key: pdu.state_key ?? null,
    sender: pdu.sender,
    origin_server_ts: pdu.origin_server_ts,
    state_group: null,
    replaces_nid: null,
    status: allowed ? eventStatus.accepted : eventStatus.rejected,
    redacted_by: null,
    thread_root: null,
    push: null,
    txn_device: null,
    txn_id: null,
    json,
    content_at: content.start,
    content_length: content.end - content.start,
  }
}
