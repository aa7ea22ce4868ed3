import type { RoomVersion } from '../../core/room-version.ts'
import type { Arrival } from './arrival.ts'
import { type BuiltEvent, threadOf } from './build.ts'
import type { EventCache } from './event-cache.ts'
import type { Judgement } from './judge.ts'
import { relationOf } from './relation.ts'
import type { RemoteEvent } from './remote-event.ts'

/** Where an event is stored. */
export type Place = Pick<Judgement, 'nid' | 'isStored' | 'stateGroup' | 'newGroup' | 'replacesNid'>

/** An event of another server ready to be committed. What it relates to should be in memory. */
export function buildArrival(
  events: EventCache,
  version: RoomVersion,
  event: RemoteEvent,
  { nid, isStored, stateGroup, newGroup, replacesNid }: Place,
  arrival: Omit<Arrival, 'isStored'>,
  redaction?: BuiltEvent['redaction'],
): BuiltEvent {
  const { eventId, roomId, pdu, json } = event
  const { type, sender, content } = pdu
  const relation = relationOf(content)
  return {
    eventId,
    roomId,
    pdu,
    json,
    nid,
    version,
    draft: { type, sender, content },
    stateGroup,
    newGroup,
    replacesNid,
    threadRoot: relation && threadOf(relation, events),
    redaction,
    arrival: { ...arrival, isStored },
  }
}
