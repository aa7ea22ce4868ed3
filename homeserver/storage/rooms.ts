/** Rooms as they stand now: heads, current state, and what may be asked about them from outside. */
import { type StateKey, stateKeyOf } from '../core/event.ts'
import type { EventId, RoomId, UserId } from '../core/ids.ts'
import { type Conn, insertMany, type Tx } from './database.ts'
import { eventColumns, type EventRow, StoredEvent } from './events.ts'
import type { StateEntry } from './state-groups.ts'

export interface Extremity {
  readonly eventId: EventId
  readonly depth: number
  /** The reference hash, for versions whose references carry it. */
  readonly hash?: string
}

export interface RoomRow {
  readonly roomId: RoomId
  readonly version: string
  readonly creator: UserId
  readonly createdTs: number
  /** Forward extremities. */
  readonly extremities: readonly Extremity[]
  readonly stateGroup: number | undefined
}

interface RawRoom {
  readonly room_id: RoomId
  readonly version: string
  readonly creator: UserId
  readonly created_ts: number
  readonly extremities: string
  readonly state_group: number | null
}

export async function findRoom(conn: Conn, roomId: RoomId): Promise<RoomRow | undefined> {
  const row = await conn.row<RawRoom>(
    'select room_id, version, creator, created_ts, extremities, state_group from rooms where room_id = ?',
    [roomId],
  )
  return (
    row && {
      roomId: row.room_id,
      version: row.version,
      creator: row.creator,
      createdTs: row.created_ts,
      extremities: JSON.parse(row.extremities) as Extremity[], // written by setRooms
      stateGroup: row.state_group ?? undefined,
    }
  )
}

/** Adds rooms or moves their heads. */
export async function setRooms(tx: Tx, rooms: readonly RoomRow[]): Promise<void> {
  await insertMany(
    tx,
    'rooms',
    ['room_id', 'version', 'creator', 'created_ts', 'extremities', 'state_group'],
    rooms.map((room) => [
      room.roomId,
      room.version,
      room.creator,
      room.createdTs,
      JSON.stringify(room.extremities),
      room.stateGroup ?? null,
    ]),
    'on conflict (room_id) do update set extremities = excluded.extremities, state_group = excluded.state_group',
  )
}

/** The current state of a room, by key. */
export async function currentState(conn: Conn, roomId: RoomId): Promise<Map<StateKey, StateEntry>> {
  const rows = await conn.rows<{ type: string; state_key: string; nid: number; event_id: EventId }>(
    `select s.type, s.state_key, s.event_nid as nid, e.event_id
       from room_state s join events e on e.nid = s.event_nid where s.room_id = ?`,
    [roomId],
  )
  return new Map(
    rows.map(({ type, state_key, nid, event_id }) => [stateKeyOf(type, state_key), { nid, eventId: event_id }]),
  )
}

/** The events of a room's current state: all, or those of some types. */
export async function currentStateEvents(
  conn: Conn,
  roomId: RoomId,
  types?: readonly string[],
): Promise<StoredEvent[]> {
  const only = types ? `and s.type in (${types.map(() => '?').join(',')})` : ''
  const rows = await conn.rows<EventRow>(
    `select ${eventColumns('e')} from room_state s join events e on e.nid = s.event_nid where s.room_id = ? ${only}`,
    [roomId, ...(types ?? [])],
  )
  return rows.map((row) => new StoredEvent(row))
}

/** The state of a room as it was at a place in the events stream: all, or the events of some types. */
export async function stateEventsAt(
  conn: Conn,
  roomId: RoomId,
  upto: number,
  types?: readonly string[],
): Promise<StoredEvent[]> {
  const only = types ? `and type in (${types.map(() => '?').join(',')})` : ''
  const rows = await conn.rows<EventRow>(
    `select ${eventColumns('e')} from
       (select type, state_key, max(stream_id) as stream_id from state_changes
         where room_id = ? and stream_id <= ? ${only} group by type, state_key) as last
       join state_changes c on c.room_id = ? and c.stream_id = last.stream_id
         and c.type = last.type and c.state_key = last.state_key
       join events e on e.nid = c.event_nid`,
    [roomId, upto, ...(types ?? []), roomId],
  )
  return rows.map((row) => new StoredEvent(row))
}

/** The place in the events stream at which the room first had state of this type. */
export async function firstStateChange(conn: Conn, roomId: RoomId, type: string): Promise<number | undefined> {
  const row = await conn.row<{ first: number | null }>(
    'select min(stream_id) as first from state_changes where room_id = ? and type = ?',
    [roomId, type],
  )
  return row?.first ?? undefined
}

export async function findStateEvent(
  conn: Conn,
  roomId: RoomId,
  type: string,
  stateKey: string,
): Promise<StoredEvent | undefined> {
  const row = await conn.row<EventRow>(
    `select ${eventColumns('e')} from room_state s join events e on e.nid = s.event_nid
      where s.room_id = ? and s.type = ? and s.state_key = ?`,
    [roomId, type, stateKey],
  )
  return row && new StoredEvent(row)
}

/** One change of a room's current state. */
export interface StateChange {
  readonly roomId: RoomId
  readonly streamId: number
  readonly type: string
  readonly stateKey: string
  /** Undefined: the key is gone. */
  readonly nid: number | undefined
  readonly prevNid: number | undefined
}

/** Writes changes to the log of changes and to the current state. The changes are in the order of their stream ids. */
export async function applyStateChanges(tx: Tx, changes: readonly StateChange[]): Promise<void> {
  if (changes.length === 0) return
  await insertMany(
    tx,
    'state_changes',
    ['stream_id', 'room_id', 'type', 'state_key', 'event_nid', 'prev_nid'],
    changes.map((c) => [c.streamId, c.roomId, c.type, c.stateKey, c.nid ?? null, c.prevNid ?? null]),
  )
  // A statement may not touch a row twice, so only the last change of each key is applied.
  const last = new Map(changes.map((change) => [`${change.roomId}\0${change.type}\0${change.stateKey}`, change]))
  const set: (readonly [RoomId, string, string, number])[] = []
  for (const { roomId, type, stateKey, nid } of last.values()) {
    if (nid !== undefined) set.push([roomId, type, stateKey, nid])
    else {
      await tx.run('delete from room_state where room_id = ? and type = ? and state_key = ?', [roomId, type, stateKey])
    }
  }
  await insertMany(
    tx,
    'room_state',
    ['room_id', 'type', 'state_key', 'event_nid'],
    set,
    'on conflict (room_id, type, state_key) do update set event_nid = excluded.event_nid',
  )
}

/** What other rooms and strangers may ask about a room. */
export interface RoomStats {
  readonly room_id: RoomId
  readonly name: string | null
  readonly topic: string | null
  readonly canonical_alias: string | null
  readonly avatar_url: string | null
  readonly room_type: string | null
  readonly join_rule: string | null
  readonly history_visibility: string | null
  readonly guest_access: string | null
  readonly encryption: string | null
  readonly joined_members: number
  readonly invited_members: number
  readonly federate: number
}

const statsColumns = [
  'room_id',
  'name',
  'topic',
  'canonical_alias',
  'avatar_url',
  'room_type',
  'join_rule',
  'history_visibility',
  'guest_access',
  'encryption',
  'joined_members',
  'invited_members',
  'federate',
] as const satisfies readonly (keyof RoomStats)[]

export async function setRoomStats(tx: Tx, stats: readonly RoomStats[]): Promise<void> {
  if (stats.length === 0) return
  const updates = statsColumns.slice(1).map((column) => `${column} = excluded.${column}`)
  await insertMany(
    tx,
    'room_stats',
    statsColumns,
    stats.map((row) => statsColumns.map((column) => row[column])),
    `on conflict (room_id) do update set ${updates.join(', ')}`,
  )
}

export async function findRoomStats(conn: Conn, roomId: RoomId): Promise<RoomStats | undefined> {
  return await conn.row<RoomStats>(`select ${statsColumns.join(', ')} from room_stats where room_id = ?`, [roomId])
}

/** Rooms in which a user is, without encryption and of no special type, by name. */
export async function plainRoomsOf(conn: Conn, userId: string, limit: number): Promise<RoomStats[]> {
  return await conn.rows<RoomStats>(
    `select ${statsColumns.map((column) => `s.${column}`).join(', ')} from memberships m
       join room_stats s on s.room_id = m.room_id
      where m.user_id = ? and m.membership = 'join' and s.encryption is null and s.room_type is null
      order by case when s.name is null then 1 else 0 end, s.name, s.room_id limit ?`,
    [userId, limit],
  )
}
