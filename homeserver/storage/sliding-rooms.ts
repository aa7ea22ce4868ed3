/** What sliding sync asks of many rooms at once: how to sort and filter them, and parts of their state. */
import type { RoomId } from '../core/ids.ts'
import { type Conn, rowsIn } from './database.ts'
import { eventColumns, type EventRow, StoredEvent } from './events.ts'
import type { StateChange } from './rooms.ts'
import { stateChangeOf, type StateChangeRow } from './sync.ts'

export interface RoomTraitsRow {
  readonly room_id: RoomId
  /** The place of the last event of one of the types; null if there is none. */
  readonly bumped: number | null
  readonly name: string | null
  readonly encryption: string | null
  readonly room_type: string | null
}

/** Rooms that this server is not in have no row. */
export async function listRoomTraits(
  conn: Conn,
  roomIds: readonly RoomId[],
  bumpTypes: readonly string[],
): Promise<RoomTraitsRow[]> {
  return await rowsIn<RoomTraitsRow>(
    conn,
    `select s.room_id, s.name, s.encryption, s.room_type,
            (select e.stream_id from events e
              where e.room_id = s.room_id and e.stream_id > 0 and e.status = 0
                and e.type in (${bumpTypes.map(() => '?').join(',')})
              order by e.stream_id desc limit 1) as bumped
       from room_stats s where s.room_id in (?)`,
    roomIds,
    { before: bumpTypes },
  )
}

/** The current state of some types in the rooms, whatever the state keys. */
export async function listStateOf(
  conn: Conn,
  roomIds: readonly RoomId[],
  types: readonly string[],
): Promise<StoredEvent[]> {
  if (types.length === 0) return []
  const rows = await rowsIn<EventRow>(
    conn,
    `select ${eventColumns('e')} from room_state s join events e on e.nid = s.event_nid
      where s.room_id in (?) and s.type in (${types.map(() => '?').join(', ')})`,
    roomIds,
    { after: types },
  )
  return rows.map((row) => new StoredEvent(row))
}

/** What became of the state of the rooms after a place in the events stream, in order. */
export async function listStateChangesAfter(
  conn: Conn,
  roomIds: readonly RoomId[],
  after: number,
): Promise<StateChange[]> {
  const rows = await rowsIn<StateChangeRow>(
    conn,
    `select room_id, stream_id, type, state_key, event_nid, prev_nid from state_changes
      where room_id in (?) and stream_id > ? order by stream_id`,
    roomIds,
    { after: [after] },
  )
  return rows.map(stateChangeOf)
}
