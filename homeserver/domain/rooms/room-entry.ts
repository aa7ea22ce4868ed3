/** Entering rooms that are on other servers, and what is known of those that we are not in. */
import { forbidden } from '../../core/errors.ts'
import { referenceIds, stateKeyOf } from '../../core/event.ts'
import type { RoomId } from '../../core/ids.ts'
import type { RoomVersion } from '../../core/room-version.ts'
import { eventStatus } from '../../storage/events.ts'
import type { StateGroups } from '../../storage/state-groups.ts'
import { buildArrival } from './build-arrival.ts'
import { type BuiltEvent, extremityOf } from './build.ts'
import type { EventCache } from './event-cache.ts'
import { emptyStats, RoomHead } from './head.ts'
import { headChanges, type HeadMove } from './head-move.ts'
import type { Heads } from './heads.ts'
import { judge } from './judge.ts'
import type { KnownEvent } from './known-events.ts'
import type { OutOfBandMembership, RoomEntry } from './remote-event.ts'
import type { StateForks } from './state-forks.ts'
import type { StateReader } from './state-reader.ts'
import { toldState } from './told-state.ts'

export interface EntryParts {
  readonly events: EventCache
  readonly groups: StateGroups
  readonly reader: StateReader
  readonly forks: StateForks
  readonly heads: Heads
  readonly nextNid: () => number
}

export interface PlannedEntry {
  readonly head: RoomHead
  readonly built: BuiltEvent
  readonly move: HeadMove
}

/** What enters a room. `own` is the event as an outlier, if it is here. Throws `M_FORBIDDEN` where the state does not allow it. */
export async function planEntry(
  parts: EntryParts,
  { roomId, version, event, state: ids, partial }: RoomEntry,
  own: KnownEvent | undefined,
): Promise<PlannedEntry> {
  const { reader, forks, heads } = parts
  const { pdu, eventId } = event
  const state = await toldState(reader, undefined, roomId, { stateBefore: ids })
  const createId = state.get(stateKeyOf('m.room.create', ''))?.eventId
  const create = createId && (await reader.list(undefined, [createId])).get(createId)
  if (!create) throw forbidden('The room has no create event')
  const head = (await heads.find(roomId)) ?? newHead(roomId, version, create)
  const groupBefore = await forks.groupOf(roomId, state, head.stateGroup)
  const isPartial = partial !== undefined
  const judged = await judge(parts, { head: undefined, version, own, isPartial }, event, groupBefore)
  if (!judged.verdict.allowed) throw forbidden(judged.verdict.reason)
  const after = new Map(state)
  if (pdu.state_key !== undefined) after.set(stateKeyOf(pdu.type, pdu.state_key), { nid: judged.nid, eventId })
  const changes = await headChanges(reader, head, after, { ...event, nid: judged.nid })
  const parents = referenceIds(pdu.prev_events)
  const known = await reader.list(undefined, parents)
  const missingParents = parents.filter((id) => known.get(id)?.stateGroup === undefined)
  const built = buildArrival(parts.events, version, event, judged, {
    status: eventStatus.accepted,
    changes,
    missingParents,
  })
  const move = { extremities: [extremityOf(event, version)], stateGroup: judged.stateGroup, changes }
  return { head, built, move }
}

/** A membership in a room of which no state is here. */
export function outOfBand(
  { events, nextNid }: Pick<EntryParts, 'events' | 'nextNid'>,
  { version, event, strippedState }: OutOfBandMembership,
  own: KnownEvent | undefined,
): BuiltEvent {
  const place = {
    nid: own?.nid ?? nextNid(),
    isStored: own !== undefined,
    stateGroup: undefined,
    newGroup: undefined,
    replacesNid: undefined,
  }
  const arrival = { status: eventStatus.accepted, changes: [], missingParents: [], strippedState }
  return buildArrival(events, version, event, place, arrival)
}

function newHead(roomId: RoomId, version: RoomVersion, { pdu }: KnownEvent): RoomHead {
  const row = { roomId, creator: pdu.sender, createdTs: pdu.origin_server_ts, extremities: [], stateGroup: undefined }
  return new RoomHead(row, version, new Map(), emptyStats(roomId))
}
