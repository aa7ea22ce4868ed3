/** What other servers told of rooms we are not in, beside an invitation or a knock. */
import type { JsonObject } from '../core/event.ts'
import type { EventId } from '../core/ids.ts'
import { type Conn, rowsIn, type Tx } from './database.ts'

export async function setStrippedState(tx: Tx, nid: number, state: readonly JsonObject[]): Promise<void> {
  await tx.run(
    'insert into stripped_states (event_nid, state) values (?, ?) on conflict (event_nid) do update set state = excluded.state',
    [nid, JSON.stringify(state)],
  )
}

/** By the event that they came with. */
export async function listStrippedStates(
  conn: Conn,
  eventIds: readonly EventId[],
): Promise<ReadonlyMap<EventId, readonly JsonObject[]>> {
  const rows = await rowsIn<{ event_id: EventId; state: string }>(
    conn,
    `select e.event_id, s.state from events e join stripped_states s on s.event_nid = e.nid where e.event_id in (?)`,
    eventIds,
  )
  // Written by setStrippedState.
  return new Map(rows.map(({ event_id, state }) => [event_id, JSON.parse(state) as JsonObject[]]))
}
