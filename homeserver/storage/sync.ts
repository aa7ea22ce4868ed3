/** What /sync and the visibility of history ask of the log of events and state changes. */
import type { EventId, RoomId, UserId } from '../core/ids.ts'
import { type Conn, rowsIn } from './database.ts'
import { eventColumns, type EventRow, StoredEvent } from './events.ts'
import type { RoomStats, StateChange } from './rooms.ts'

/** What ever was the history visibility of the rooms. */
export async function listHistoryVisibilities(conn: Conn, roomIds: readonly RoomId[]): Promise<StoredEvent[]> {
  const rows = await rowsIn<EventRow>(
    conn,
    `select ${eventColumns('e')} from state_changes c join events e on e.nid = c.event_nid
      where c.type = 'm.room.history_visibility' and c.state_key = '' and c.room_id in (?)`,
    roomIds,
  )
  return rows.map((row) => new StoredEvent(row))
}

/** The place in the events stream at which the user was last joined no more; undefined if he never was joined. */
export async function lastJoinEnd(conn: Conn, roomId: RoomId, userId: UserId): Promise<number | undefined> {
  const rows = await conn.rows<EventRow & { readonly ended: number }>(
    `select c.stream_id as ended, ${eventColumns('e')} from state_changes c join events e on e.nid = c.prev_nid
      where c.room_id = ? and c.type = 'm.room.member' and c.state_key = ?
      order by c.stream_id desc`,
    [roomId, userId],
  )
  return rows.find((row) => new StoredEvent(row).pdu.content['membership'] === 'join')?.ended
}

/** As `lastJoinEnd`, of many rooms; those that the user never was in are missing. */
export async function listJoinEnds(
  conn: Conn,
  roomIds: readonly RoomId[],
  userId: UserId,
): Promise<ReadonlyMap<RoomId, number>> {
  const rows = await rowsIn<EventRow & { readonly ended: number }>(
    conn,
    `select c.stream_id as ended, ${eventColumns('e')} from state_changes c join events e on e.nid = c.prev_nid
      where c.type = 'm.room.member' and c.state_key = ? and c.room_id in (?)
      order by c.stream_id`,
    roomIds,
    { before: [userId] },
  )
  const joined = rows.filter((row) => new StoredEvent(row).pdu.content['membership'] === 'join')
  return new Map(joined.map(({ room_id: roomId, ended }) => [roomId, ended]))
}

/** The newest `limit` accepted events of a room in (after, upto], the oldest of them first. */
export async function listRoomEvents(
  conn: Conn,
  roomId: RoomId,
  { after, upto, limit }: { after: number; upto: number; limit: number },
): Promise<StoredEvent[]> {
  const rows = await conn.rows<EventRow>(
    `select ${eventColumns('e')} from events e
      where e.room_id = ? and e.stream_id > ? and e.stream_id <= ? and e.status = 0
      order by e.stream_id desc limit ?`,
    [roomId, after, upto, limit],
  )
  return rows.map((row) => new StoredEvent(row)).toReversed()
}

/** As it is read from `state_changes`. */
export interface StateChangeRow {
  readonly room_id: RoomId
  readonly stream_id: number
  readonly type: string
  readonly state_key: string
  readonly event_nid: number | null
  readonly prev_nid: number | null
}

/** What became of a room's current state in (after, upto], in order. */
export async function listStateChanges(
  conn: Conn,
  roomId: RoomId,
  after: number,
  upto: number,
): Promise<StateChange[]> {
  const rows = await conn.rows<StateChangeRow>(
    `select room_id, stream_id, type, state_key, event_nid, prev_nid from state_changes
      where room_id = ? and stream_id > ? and stream_id <= ? order by stream_id`,
    [roomId, after, upto],
  )
  return rows.map(stateChangeOf)
}

export const stateChangeOf = (row: StateChangeRow): StateChange => ({
  roomId: row.room_id,
  streamId: row.stream_id,
  type: row.type,
  stateKey: row.state_key,
  nid: row.event_nid ?? undefined,
  prevNid: row.prev_nid ?? undefined,
})

/** Those of the rooms that have events in (after, upto]. */
export async function listRoomsWithEvents(
  conn: Conn,
  roomIds: readonly RoomId[],
  after: number,
  upto: number,
): Promise<RoomId[]> {
  const rows = await rowsIn<{ room_id: RoomId }>(
    conn,
    `select r.room_id from rooms r where r.room_id in (?)
        and exists (select 1 from events e where e.room_id = r.room_id and e.stream_id > ? and e.stream_id <= ?)`,
    roomIds,
    { after: [after, upto] },
  )
  return rows.map(({ room_id }) => room_id)
}

/** The newest `limit` accepted events of each of the rooms at or below `upto`, by room, the oldest of them first. */
export async function listLatestEventIds(
  conn: Conn,
  roomIds: readonly RoomId[],
  { upto, limit }: { upto: number; limit: number },
): Promise<{ readonly room_id: RoomId; readonly event_id: EventId }[]> {
  return await rowsIn(
    conn,
    `with wanted as materialized (
       select r.room_id, coalesce((select x.stream_id from events x
                                    where x.room_id = r.room_id and x.stream_id <= ? and x.status = 0
                                    order by x.stream_id desc limit 1 offset ?), 0) as after
         from rooms r where r.room_id in (?))
     select e.room_id, e.event_id from wanted w
       join events e on e.room_id = w.room_id and e.stream_id > w.after and e.stream_id <= ? and e.status = 0
      order by e.room_id, e.stream_id`,
    roomIds,
    { before: [upto, limit], after: [upto] },
  )
}

/** The current state of the rooms; without members if they are asked for one by one. */
export async function listCurrentState(
  conn: Conn,
  roomIds: readonly RoomId[],
  { members }: { members: 'all' | 'none' },
): Promise<StoredEvent[]> {
  // Two ranges of the primary key instead of all members.
  const only = members === 'all' ? '' : `and (s.type < 'm.room.member' or s.type > 'm.room.member')`
  const rows = await rowsIn<EventRow>(
    conn,
    `select ${eventColumns('e')} from room_state s join events e on e.nid = s.event_nid where s.room_id in (?) ${only}`,
    roomIds,
  )
  return rows.map((row) => new StoredEvent(row))
}

/** State of some types, with empty state keys, of many rooms. */
export async function listStateOfTypes(
  conn: Conn,
  roomIds: readonly RoomId[],
  types: readonly string[],
): Promise<StoredEvent[]> {
  const rows = await rowsIn<EventRow>(
    conn,
    `select ${eventColumns('e')} from room_state s join events e on e.nid = s.event_nid
      where s.state_key = '' and s.type in (${types.map(() => '?').join(',')}) and s.room_id in (?)`,
    roomIds,
    { before: types },
  )
  return rows.map((row) => new StoredEvent(row))
}

/** At most this many pairs fit into one statement. */
const MAX_PAIRS = 10_000

/** The current member events of users in rooms, those of users who left included. */
export async function listMemberEvents(
  conn: Conn,
  pairs: readonly (readonly [RoomId, UserId])[],
): Promise<StoredEvent[]> {
  const events: StoredEvent[] = []
  for (let from = 0; from < pairs.length; from += MAX_PAIRS) {
    const chunk = pairs.slice(from, from + MAX_PAIRS)
    const rows = await conn.rows<EventRow>(
      `with wanted (room_id, user_id) as (values ${chunk.map(() => '(?, ?)').join(', ')})
       select ${eventColumns('e')} from wanted w
         join room_state s on s.room_id = w.room_id and s.type = 'm.room.member' and s.state_key = w.user_id
         join events e on e.nid = s.event_nid`,
      chunk.flat(),
    )
    for (const row of rows) events.push(new StoredEvent(row))
  }
  return events
}

/** The group of the state after the last event of a room at or below `upto`. */
export async function findStateGroupAt(conn: Conn, roomId: RoomId, upto: number): Promise<number | undefined> {
  const row = await conn.row<{ state_group: number }>(
    `select state_group from events
      where room_id = ? and stream_id <= ? and status = 0 and state_group is not null
      order by stream_id desc limit 1`,
    [roomId, upto],
  )
  return row?.state_group
}

export interface Hero {
  readonly room_id: RoomId
  readonly user_id: UserId
  readonly membership: string
  readonly display_name: string | null
  readonly avatar_url: string | null
}

/** For each room at most `limit` members after whom it may be called: those who came first, and those who left last. */
export async function listHeroes(conn: Conn, roomIds: readonly RoomId[], limit: number): Promise<Hero[]> {
  return await rowsIn<Hero>(
    conn,
    `select room_id, user_id, membership, display_name, avatar_url from (
       select room_id, user_id, membership, display_name, avatar_url, row_number() over (
                partition by room_id
                order by case when membership in ('join', 'invite') then 0 else 1 end, stream_id, user_id) as place
         from memberships where room_id in (?) and membership <> 'knock') as ordered
      where place <= ? order by room_id, place`,
    roomIds,
    { after: [limit] },
  )
}

/** Those of the rooms with any event that notifies somebody. */
export async function listNotifyingRooms(conn: Conn, roomIds: readonly RoomId[]): Promise<RoomId[]> {
  const rows = await rowsIn<{ room_id: RoomId }>(
    conn,
    `select r.room_id from rooms r
      where r.room_id in (?) and exists (select 1 from events e where e.room_id = r.room_id and e.push is not null)`,
    roomIds,
  )
  return rows.map(({ room_id }) => room_id)
}

/** Those of the events that others relate to in one of these ways. */
export async function listRelatedBy(
  conn: Conn,
  eventIds: readonly EventId[],
  { relTypes, senders }: { relTypes: readonly string[] | undefined; senders: readonly string[] | undefined },
): Promise<EventId[]> {
  const conditions = [
    ...(relTypes ? [`and rel_type in (${relTypes.map(() => '?').join(',') || 'null'})`] : []),
    ...(senders ? [`and sender in (${senders.map(() => '?').join(',') || 'null'})`] : []),
  ]
  const rows = await rowsIn<{ target_id: EventId }>(
    conn,
    `select distinct target_id from relations where target_id in (?) ${conditions.join(' ')}`,
    eventIds,
    { after: [...(relTypes ?? []), ...(senders ?? [])] },
  )
  return rows.map(({ target_id }) => target_id)
}

export type RoomFacts = Pick<
  RoomStats,
  'room_id' | 'name' | 'canonical_alias' | 'avatar_url' | 'joined_members' | 'invited_members'
>

export async function listRoomFacts(conn: Conn, roomIds: readonly RoomId[]): Promise<RoomFacts[]> {
  return await rowsIn<RoomFacts>(
    conn,
    `select room_id, name, canonical_alias, avatar_url, joined_members, invited_members from room_stats where room_id in (?)`,
    roomIds,
  )
}

/** The rooms in which the user's own receipts moved in (after, upto]. */
export async function listOwnReceiptRooms(conn: Conn, userId: UserId, after: number, upto: number): Promise<RoomId[]> {
  const rows = await conn.rows<{ room_id: RoomId }>(
    'select distinct room_id from receipts where stream_id > ? and stream_id <= ? and user_id = ?',
    [after, upto, userId],
  )
  return rows.map(({ room_id }) => room_id)
}

/** Those of the events with parents that we do not have. */
export async function listEventsAfterGaps(conn: Conn, eventIds: readonly EventId[]): Promise<EventId[]> {
  const rows = await rowsIn<{ child_id: EventId }>(
    conn,
    'select distinct child_id from backward_extremities where child_id in (?)',
    eventIds,
  )
  return rows.map(({ child_id }) => child_id)
}
