import { type StateKey, stateKeyOf } from '../../core/event.ts'
import type { RoomId } from '../../core/ids.ts'
import { type EventOutline, eventStatus, listOutlines } from '../../storage/events.ts'
import type { StateEntry } from '../../storage/state-groups.ts'
import type { BuiltEvent } from './build.ts'
import type { RoomHead } from './head.ts'
import type { ToldState } from './remote-event.ts'
import type { StateReader } from './state-reader.ts'

/** What of a state that another server told may be one: state events of the room that were not rejected (T35). */
export async function toldState(
  { database }: Pick<StateReader, 'database'>,
  head: RoomHead | undefined,
  roomId: RoomId,
  { stateBefore }: ToldState,
): Promise<ReadonlyMap<StateKey, StateEntry>> {
  const built = new Map(stateBefore.map((id) => [id, head?.uncommitted.get(id)]))
  const stored = await listOutlines(
    database,
    stateBefore.filter((id) => !built.get(id)),
  )
  const state = new Map<StateKey, StateEntry>()
  for (const [eventId, event] of built) {
    const outline = event ? outlineOf(event) : stored.get(eventId)
    if (!outline || outline.room_id !== roomId || outline.status === eventStatus.rejected) continue
    if (outline.state_key !== null)
      state.set(stateKeyOf(outline.type, outline.state_key), { nid: outline.nid, eventId })
  }
  return state
}

function outlineOf({ nid, eventId, roomId, pdu, arrival }: BuiltEvent): EventOutline {
  const { type, state_key: stateKey = null } = pdu
  const status = arrival?.status ?? eventStatus.accepted
  return { nid, event_id: eventId, room_id: roomId, type, state_key: stateKey, status }
}
