/** Events that are here, on disk or about to be. */
import { checkAuthEvents } from '../../core/auth/auth-events.ts'
import { checkAuth } from '../../core/auth/rules.ts'
import { authStateOf, type Verdict } from '../../core/auth/verdict.ts'
import { type IdentifiedPdu, referenceIds, type StateKey, stateKeyOf } from '../../core/event.ts'
import type { EventId } from '../../core/ids.ts'
import type { RoomVersion } from '../../core/room-version.ts'
import { eventStatus, type EventStatus, type StoredEvent } from '../../storage/events.ts'
import type { BuiltEvent } from './build.ts'
import type { EventCache } from './event-cache.ts'
import type { RoomHead } from './head.ts'

export interface KnownEvent extends IdentifiedPdu {
  readonly nid: number
  readonly status: EventStatus
  /** The group of the state after it; undefined for outliers. */
  readonly stateGroup: number | undefined
  readonly json: string
  /** Undefined as long as it is not on disk. */
  readonly stored: StoredEvent | undefined
}

/** Those of the events that are here. */
export async function listKnown(
  events: EventCache,
  head: RoomHead | undefined,
  ids: readonly EventId[],
): Promise<ReadonlyMap<EventId, KnownEvent>> {
  const known = new Map<EventId, KnownEvent>()
  const others: EventId[] = []
  for (const id of ids) {
    const built = head?.uncommitted.get(id)
    if (built) known.set(id, knownOfBuilt(built))
    else others.push(id)
  }
  if (others.length > 0) for (const [id, event] of await events.list(others)) known.set(id, knownOfStored(event))
  return known
}

function knownOfBuilt(built: BuiltEvent): KnownEvent {
  const { eventId, roomId, pdu, json, nid, stateGroup, arrival } = built
  const status = arrival?.status ?? eventStatus.accepted
  return { eventId, roomId, pdu, json, nid, status, stateGroup, stored: undefined }
}

function knownOfStored(stored: StoredEvent): KnownEvent {
  const { eventId, roomId, row } = stored
  return {
    eventId,
    roomId,
    nid: row.nid,
    status: row.status,
    stateGroup: row.state_group ?? undefined,
    json: row.json,
    stored,
    get pdu() {
      return stored.pdu
    },
  }
}

/** In room version 12 the room's id names its create event, elsewhere events cite it. */
export function authIds({ roomId, pdu }: IdentifiedPdu, version: RoomVersion): EventId[] {
  const cited = referenceIds(pdu.auth_events)
  return version.roomIdIsCreateHash && pdu.type !== 'm.room.create' ? [...cited, `$${roomId.slice(1)}`] : cited
}

/** Whether an event is allowed by the events it cites, given all of them. */
export function checkCited(
  event: IdentifiedPdu,
  version: RoomVersion,
  find: (id: EventId) => Pick<KnownEvent, 'eventId' | 'roomId' | 'pdu' | 'status'> | undefined,
): Verdict {
  const cited = referenceIds(event.pdu.auth_events).flatMap((id) => find(id) ?? [])
  const verdict = checkAuthEvents(event, cited, version, (id) => find(id)?.status === eventStatus.rejected)
  if (!verdict.allowed) return verdict
  const state = new Map<StateKey, IdentifiedPdu>()
  for (const each of authIds(event, version).flatMap((id) => find(id) ?? [])) {
    if (each.pdu.state_key !== undefined) state.set(stateKeyOf(each.pdu.type, each.pdu.state_key), each)
  }
  return checkAuth(event, authStateOf(state), version)
}
