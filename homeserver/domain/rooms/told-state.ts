import { type StateKey, stateKeyOf } from '../../core/event.ts'
import type { RoomId } from '../../core/ids.ts'
import { eventStatus } from '../../storage/events.ts'
import type { StateEntry } from '../../storage/state-groups.ts'
import type { RoomHead } from './head.ts'
import type { ToldState } from './remote-event.ts'
import type { StateReader } from './state-reader.ts'

/** What of a state that another server told may be one: state events of the room that were not rejected (T35). */
export async function toldState(
  reader: StateReader,
  head: RoomHead | undefined,
  roomId: RoomId,
  { stateBefore }: ToldState,
): Promise<ReadonlyMap<StateKey, StateEntry>> {
  const state = new Map<StateKey, StateEntry>()
  for (const event of (await reader.list(head, stateBefore)).values()) {
    // What is stored need not be parsed for that.
    const { type, state_key: stateKey } = event.stored?.row ?? event.pdu
    if (event.roomId !== roomId || event.status === eventStatus.rejected || typeof stateKey !== 'string') continue
    state.set(stateKeyOf(type, stateKey), { nid: event.nid, eventId: event.eventId })
  }
  return state
}
