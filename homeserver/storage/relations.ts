/** What events say about other events. There is a row for every accepted event that relates to one and is not redacted. */
import type { EventId, RoomId, UserId } from '../core/ids.ts'
import { type Conn, insertMany, rowsIn, type Tx, type Value } from './database.ts'
import { eventColumns, type EventRow, StoredEvent } from './events.ts'
import { type EventPage, type EventRange, orderOf, placeBeyond, rangeCondition } from './history.ts'

/**
 * A relation across rooms is none. Wrapped, so that SQLite looks into the index of targets and not into that of rooms,
 * where it would read every relation of the room.
 */
const ofRoom = `coalesce(r.room_id, '') = ?`

/** The replies of one user in a thread. */
export interface ThreadShare {
  readonly root: EventId
  readonly sender: UserId
  readonly count: number
  /** The latest of them. */
  readonly latest: EventId
  readonly streamId: number
}

/** How much each user has to do with the threads that begin with these events of the room. */
export async function listThreadShares(conn: Conn, roomId: RoomId, roots: readonly EventId[]): Promise<ThreadShare[]> {
  const rows = await rowsIn<{ root: EventId; sender: UserId; count: number; latest: number; event_id: EventId }>(
    conn,
    `select g.root, g.sender, g.count, g.latest, e.event_id from (
       select r.target_id as root, r.sender, count(*) as count, max(r.stream_id) as latest from relations r
        where ${ofRoom} and r.rel_type = 'm.thread' and r.target_id in (?) group by r.target_id, r.sender
     ) as g join events e on e.stream_id = g.latest`,
    roots,
    { before: [roomId] },
  )
  return rows.map(({ root, sender, count, latest, event_id: eventId }) => ({
    root,
    sender,
    count,
    latest: eventId,
    streamId: latest,
  }))
}

export interface Reference {
  readonly target: EventId
  readonly eventId: EventId
  readonly sender: UserId
}

/** The first `perTarget` references to each of these events, in the order in which they came. */
export async function listReferences(
  conn: Conn,
  roomId: RoomId,
  targets: readonly EventId[],
  perTarget: number,
): Promise<Reference[]> {
  const rows = await rowsIn<{ target_id: EventId; event_id: EventId; sender: UserId }>(
    conn,
    `select n.target_id, e.event_id, e.sender from (
       select r.target_id, r.event_nid, row_number() over (partition by r.target_id order by r.stream_id) as place
         from relations r where ${ofRoom} and r.rel_type = 'm.reference' and r.target_id in (?)
     ) as n join events e on e.nid = n.event_nid where n.place <= ? order by e.stream_id`,
    targets,
    { before: [roomId], after: [perTarget] },
  )
  return rows.map(({ target_id: target, event_id: eventId, sender }) => ({ target, eventId, sender }))
}

export interface RelatingEvent {
  readonly target: EventId
  readonly relType: string
  readonly event: StoredEvent
}

interface RelatingRow extends EventRow {
  readonly target_id: EventId
  readonly rel_type: string
}

/** The latest `perTarget` events that claim to replace each of these events and are of the same user and type, latest first. */
export async function listReplacements(
  conn: Conn,
  roomId: RoomId,
  targets: readonly EventId[],
  perTarget: number,
): Promise<RelatingEvent[]> {
  const rows = await rowsIn<RelatingRow>(
    conn,
    `select n.target_id, 'm.replace' as rel_type, ${eventColumns('e')} from (
       select r.target_id, r.event_nid, row_number() over (
                partition by r.target_id order by s.origin_server_ts desc, s.event_id desc) as place
         from relations r join events t on t.event_id = r.target_id and t.sender = r.sender and t.type = r.type
              join events s on s.nid = r.event_nid
        where ${ofRoom} and r.rel_type = 'm.replace' and r.target_id in (?)
     ) as n join events e on e.nid = n.event_nid where n.place <= ?
     order by e.origin_server_ts desc, e.event_id desc`,
    targets,
    { before: [roomId], after: [perTarget] },
  )
  return rows.map(relatingEvent)
}

/** The latest `limit` events that relate to any of these events of the room, latest first. */
export async function listRelating(
  conn: Conn,
  roomId: RoomId,
  targets: readonly EventId[],
  limit: number,
): Promise<RelatingEvent[]> {
  const rows = await rowsIn<RelatingRow>(
    conn,
    `select r.target_id, r.rel_type, ${eventColumns('e')} from relations r join events e on e.nid = r.event_nid
      where ${ofRoom} and r.target_id in (?) and r.rel_type in ('m.thread', 'm.replace', 'm.reference')
      order by r.stream_id desc limit ?`,
    targets,
    { before: [roomId], after: [limit] },
  )
  return rows.map(relatingEvent)
}

function relatingEvent(row: RelatingRow): RelatingEvent {
  return { target: row.target_id, relType: row.rel_type, event: new StoredEvent(row) }
}

/** Those of the events that something of these kinds relates to, with its kind. */
export async function listRelationKinds(
  conn: Conn,
  roomId: RoomId,
  targets: readonly EventId[],
): Promise<{ readonly target_id: EventId; readonly rel_type: string }[]> {
  return await rowsIn(
    conn,
    `select distinct r.target_id, r.rel_type from relations r
      where ${ofRoom} and r.target_id in (?) and r.rel_type in ('m.thread', 'm.replace', 'm.reference')`,
    targets,
    { before: [roomId] },
  )
}

/** How many relations long a way to the event asked for may be. */
export const maxRecursion = 3

export interface RelatedQuery extends EventRange {
  readonly target: EventId
  readonly relType?: string | undefined
  readonly type?: string | undefined
  /** Also what relates to what relates to it, up to `maxRecursion` steps. */
  readonly recurse: boolean
}

/** A page of the events that relate to one. Kind and type hold for every step of the way. */
export async function listRelated(conn: Conn, roomId: RoomId, query: RelatedQuery): Promise<EventPage> {
  const { target, relType, type, recurse, limit } = query
  const kinds: Value[] = [...(relType === undefined ? [] : [relType]), ...(type === undefined ? [] : [type])]
  const kind = `${relType === undefined ? '' : ' and r.rel_type = ?'}${type === undefined ? '' : ' and r.type = ?'}`
  const [where, bindings] = rangeCondition(query)
  const rows = await conn.rows<EventRow>(
    `with recursive related (nid, event_id, steps) as (
       select c.nid, c.event_id, 1 from relations r join events c on c.nid = r.event_nid
        where r.target_id = ? and ${ofRoom}${kind}
       union
       select c.nid, c.event_id, p.steps + 1 from related p
         join relations r on r.target_id = p.event_id join events c on c.nid = r.event_nid
        where p.steps < ? and ${ofRoom}${kind}
     )
     select ${eventColumns('e')} from (select distinct nid from related) as n join events e on e.nid = n.nid
      where e.event_id <> ? and ${where}
      order by ${orderOf(query, 'e')} limit ?`,
    [target, roomId, ...kinds, recurse ? maxRecursion : 1, roomId, ...kinds, target, ...bindings, limit + 1],
  )
  const events = rows.slice(0, limit).map((row) => new StoredEvent(row))
  return { events, next: rows.length > limit ? placeBeyond(rows[limit - 1], query) : undefined }
}

export interface ThreadRoot {
  readonly event: StoredEvent
  /** Of the latest event in the thread. */
  readonly latest: number
}

/**
 * The first events of a room's threads, the thread with the latest event first, beginning where that is at `from`. What
 * came after `upTo` is as if it were not there.
 */
export async function listThreads(
  conn: Conn,
  roomId: RoomId,
  { from, upTo, limit, participant }: { from: number; upTo: number; limit: number; participant?: UserId | undefined },
): Promise<ThreadRoot[]> {
  const rows = await conn.rows<EventRow & { readonly latest: number }>(
    `select r.stream_id as latest, ${eventColumns('e')} from relations r
       join events e on e.event_id = r.target_id and e.room_id = r.room_id
      where r.room_id = ? and r.rel_type = 'm.thread' and r.stream_id <= ?
        and e.status = 0 and e.stream_id is not null
        and not exists (select 1 from relations l
          where l.target_id = r.target_id and l.rel_type = 'm.thread' and coalesce(l.room_id, '') = r.room_id
            and l.stream_id > r.stream_id and l.stream_id <= ?)
        ${participant === undefined ? '' : participated}
      order by r.stream_id desc limit ?`,
    [roomId, Math.min(from, upTo), upTo, ...(participant === undefined ? [] : [participant, participant]), limit],
  )
  return rows.map((row) => ({ event: new StoredEvent(row), latest: row.latest }))
}

const participated = `and (e.sender = ? or exists (select 1 from relations p
  where p.target_id = r.target_id and p.rel_type = 'm.thread' and coalesce(p.room_id, '') = r.room_id and p.sender = ?))`

export interface RelationRow {
  readonly event_nid: number
  readonly room_id: RoomId
  readonly target_id: EventId
  readonly rel_type: string
  readonly type: string
  readonly sender: UserId
  readonly aggregation_key: string | null
  readonly stream_id: number
}

export async function insertRelations(tx: Tx, rows: readonly RelationRow[]): Promise<void> {
  if (rows.length === 0) return
  await insertMany(
    tx,
    'relations',
    ['event_nid', 'room_id', 'target_id', 'rel_type', 'type', 'sender', 'aggregation_key', 'stream_id'],
    rows.map((row) => [
      row.event_nid,
      row.room_id,
      row.target_id,
      row.rel_type,
      row.type,
      row.sender,
      row.aggregation_key,
      row.stream_id,
    ]),
  )
}

/** Whether any event of the room relates to this one. */
export async function isRelated(conn: Conn, roomId: RoomId, targetId: EventId): Promise<boolean> {
  const row = await conn.row('select 1 from relations where target_id = ? and room_id = ? limit 1', [targetId, roomId])
  return row !== undefined
}

/** Whether the user has annotated an event with this key, by an event of this type. */
export async function hasAnnotation(
  conn: Conn,
  { targetId, type, sender, key }: { targetId: EventId; type: string; sender: UserId; key: string },
): Promise<boolean> {
  const row = await conn.row(
    `select 1 from relations
      where target_id = ? and rel_type = 'm.annotation' and sender = ? and type = ? and aggregation_key = ? limit 1`,
    [targetId, sender, type, key],
  )
  return row !== undefined
}
