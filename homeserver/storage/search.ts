/**
 * Which words stand in which events. A document is what can be found of one event; its key is the event's place in the
 * stream, so that the greatest is the latest.
 */
import type { EventId, RoomId, UserId } from '../core/ids.ts'
import { type Conn, type Dialect, insertMany, rowsIn, type Tx, type Value } from './database.ts'
import { eventColumns, type EventRow, StoredEvent } from './events.ts'

/** Words that follow each other. */
export interface SearchUnit {
  readonly words: readonly string[]
  /** Whether the last word may go on. */
  readonly isPrefix: boolean
}

export interface SearchDocument {
  readonly streamId: number
  /** The place of the event whose text this is: the same one, or an edit. */
  readonly sourceId: number
  readonly roomId: RoomId
  readonly sender: UserId
  readonly type: string
  readonly hasUrl: boolean
  readonly words: readonly string[]
}

/** How far the index has come in the events stream. */
export async function findSearchPosition(conn: Conn): Promise<number> {
  const row = await conn.row<{ position: number }>('select position from search_progress')
  return row?.position ?? 0
}

export async function setSearchPosition(tx: Tx, position: number): Promise<void> {
  await tx.run(
    `insert into search_progress (only_row, position) values (1, ?)
       on conflict (only_row) do update set position = excluded.position`,
    [position],
  )
}

/** The next `limit` accepted events of some types in (after, upto]. */
export async function listEventsOfTypes(
  conn: Conn,
  types: readonly string[],
  { after, upto, limit }: { after: number; upto: number; limit: number },
): Promise<StoredEvent[]> {
  const rows = await conn.rows<EventRow>(
    `select ${eventColumns('e')} from events e
      where e.stream_id > ? and e.stream_id <= ? and e.status = 0 and e.type in (${types.map(() => '?').join(',')})
      order by e.stream_id limit ${limit}`,
    [after, upto, ...types],
  )
  return rows.map((row) => new StoredEvent(row))
}

/** The events that are found by the text of any of these, or were. */
export async function listFoundBy(conn: Conn, eventIds: readonly EventId[]): Promise<StoredEvent[]> {
  const rows = await rowsIn<EventRow>(
    conn,
    `select ${eventColumns('e')} from events s join search_documents d on d.source_id = s.stream_id
       join events e on e.stream_id = d.stream_id where s.event_id in (?)`,
    eventIds,
  )
  return rows.map((row) => new StoredEvent(row))
}

/** Adds documents, or gives those that are there another text. */
export async function setDocuments(tx: Tx, documents: readonly SearchDocument[]): Promise<void> {
  await insertMany(
    tx,
    'search_documents',
    ['stream_id', 'source_id', 'room_id', 'sender', 'type', 'has_url', 'words'],
    documents.map((d) => [
      d.streamId,
      d.sourceId,
      d.roomId,
      d.sender,
      d.type,
      d.hasUrl ? 1 : 0,
      encodeWords(tx.dialect, d.words),
    ]),
    'on conflict (stream_id) do update set source_id = excluded.source_id, words = excluded.words',
  )
}

export async function removeDocuments(tx: Tx, streamIds: readonly number[]): Promise<void> {
  await rowsIn(tx, 'delete from search_documents where stream_id in (?) returning stream_id', streamIds)
}

/** A room, up to a place in the events stream where that is told. */
export interface RoomSpan {
  readonly roomId: RoomId
  readonly upto?: number | undefined
}

export interface DocumentQuery {
  readonly units: readonly SearchUnit[]
  readonly rooms: readonly RoomSpan[]
  /** Single documents besides those of the rooms. */
  readonly documents?: readonly number[]
  readonly types: readonly string[]
  readonly senders?: readonly string[] | undefined
  readonly notSenders?: readonly string[] | undefined
  /** Those whose messages are not wanted. Names and topics they set are those of the room. */
  readonly ignored?: ReadonlySet<string>
  readonly hasUrl?: boolean | undefined
  /** Only events to which others relate in one of these ways, or by one of these users. */
  readonly relTypes?: readonly string[] | undefined
  readonly relatingSenders?: readonly string[] | undefined
  /** Only those of one room or sender. */
  readonly group?: { readonly key: 'room_id' | 'sender'; readonly value: string } | undefined
}

/** Where a page ended. The rank is told where documents are ordered by it. */
export interface DocumentPlace {
  readonly streamId: number
  readonly rank?: number | undefined
}

export interface FoundDocument {
  readonly streamId: number
  readonly eventId: EventId
  /** The event whose text was found. */
  readonly sourceEventId: EventId
  /** The greater, the more it is about what was searched; only to be compared with those of the same search. */
  readonly rank: number
}

export interface DocumentPage {
  readonly order: 'rank' | 'recent'
  readonly after?: DocumentPlace | undefined
  readonly limit: number
}

/** So many documents are counted or ranked, the latest: a word that everybody uses must not cost without bound. */
const maxRanked = 10_000

/** The next documents, the best or the latest first. */
export async function findDocuments(
  conn: Conn,
  query: DocumentQuery,
  { order, after, limit }: DocumentPage,
): Promise<FoundDocument[]> {
  const { from, id, rank } = matching[conn.dialect]
  const [where, bindings] = whereOf(conn.dialect, query)
  const units = encodeUnits(conn.dialect, query.units)
  const isRanked = order === 'rank'
  const before: Condition[] = !isRanked && after ? [[` and ${id} < ?`, [after.streamId]]] : []
  const beyond: Condition[] =
    isRanked && after
      ? [['where rank < ? or (rank = ? and stream_id < ?)', [after.rank ?? 0, after.rank ?? 0, after.streamId]]]
      : []
  const sorted = isRanked ? 'rank desc, stream_id desc' : 'stream_id desc'
  const rows = await conn.rows<FoundRow>(
    `select m.stream_id, e.event_id, s.event_id as source_event_id, m.rank from (
       select stream_id, source_id, rank from (
         select ${id} as stream_id, d.source_id, ${rank} as rank from ${from} where ${where}${textOf(before)}
          order by ${id} desc limit ${isRanked ? maxRanked : limit}) as ranked
       ${textOf(beyond)} order by ${sorted} limit ${limit}) as m
     join events e on e.stream_id = m.stream_id join events s on s.stream_id = m.source_id
     order by ${isRanked ? 'm.rank desc, ' : ''}m.stream_id desc`,
    [...(conn.dialect === 'postgres' ? [units] : []), ...bindings, ...bound(before), ...bound(beyond)],
  )
  return rows.map((row) => ({
    streamId: row.stream_id,
    eventId: row.event_id,
    sourceEventId: row.source_event_id,
    rank: row.rank,
  }))
}

interface FoundRow {
  readonly stream_id: number
  readonly event_id: EventId
  readonly source_event_id: EventId
  readonly rank: number
}

/** How many documents there are, up to `maxRanked`. */
export async function countDocuments(conn: Conn, query: DocumentQuery): Promise<number> {
  const [where, bindings] = whereOf(conn.dialect, query)
  const row = await conn.row<{ count: number }>(
    `select count(*) as count from (
       select 1 from ${matching[conn.dialect].from} where ${where} limit ${maxRanked}) as matching`,
    bindings,
  )
  return row?.count ?? 0
}

type Condition = readonly [text: string, bindings: readonly Value[]]

/** `cross join`: SQLite shall look into the full text index first. */
const matching = {
  sqlite: {
    from: 'search_index cross join search_documents d on d.stream_id = search_index.rowid',
    id: 'search_index.rowid',
    matches: 'search_index match ?',
    rank: '-bm25(search_index)',
  },
  postgres: {
    from: 'search_documents d',
    id: 'd.stream_id',
    matches: 'd.words @@ cast(? as tsquery)',
    rank: 'cast(ts_rank(d.words, cast(? as tsquery), 1) as float8)',
  },
} as const satisfies Record<Dialect, object>

function whereOf(dialect: Dialect, query: DocumentQuery): Condition {
  const { units, types, senders, notSenders = [], ignored, hasUrl, relTypes, relatingSenders, group } = query
  const unwanted = [...(ignored ?? [])]
  const conditions: Condition[] = [
    [matching[dialect].matches, [encodeUnits(dialect, units)]],
    placeCondition(query),
    [isIn('d.type', types), types],
  ]
  if (senders) conditions.push([isIn('d.sender', senders), senders])
  if (notSenders.length > 0) conditions.push([`not ${isIn('d.sender', notSenders)}`, notSenders])
  if (unwanted.length > 0) {
    conditions.push([`(d.type <> 'm.room.message' or not ${isIn('d.sender', unwanted)})`, unwanted])
  }
  if (hasUrl !== undefined) conditions.push(['d.has_url = ?', [hasUrl ? 1 : 0]])
  if (relTypes || relatingSenders) conditions.push(relatedCondition(query))
  if (group) conditions.push([`d.${group.key} = ?`, [group.value]])
  return [conditions.map(([text]) => text).join(' and '), bound(conditions)]
}

function placeCondition({ rooms, documents = [] }: DocumentQuery): Condition {
  const whole = rooms.filter(({ upto }) => upto === undefined).map(({ roomId }) => roomId)
  const alternatives: Condition[] = [[isIn('d.room_id', whole), whole]]
  for (const { roomId, upto } of rooms) {
    // An edit is never earlier than what it edits.
    if (upto !== undefined) alternatives.push(['(d.room_id = ? and d.source_id <= ?)', [roomId, upto]])
  }
  if (documents.length > 0) alternatives.push([isIn('d.stream_id', documents), documents])
  return [`(${alternatives.map(([text]) => text).join(' or ')})`, bound(alternatives)]
}

/** https://spec.matrix.org/v1.19/client-server-api/#filtering-by-relation */
function relatedCondition({ relTypes, relatingSenders }: DocumentQuery): Condition {
  const relType = relTypes ? ` and ${isIn('r.rel_type', relTypes)}` : ''
  const sender = relatingSenders ? ` and ${isIn('r.sender', relatingSenders)}` : ''
  return [
    `exists (select 1 from events t join relations r on r.target_id = t.event_id
       where t.stream_id = d.stream_id and coalesce(r.room_id, '') = d.room_id${relType}${sender})`,
    [...(relTypes ?? []), ...(relatingSenders ?? [])],
  ]
}

function isIn(column: string, list: readonly unknown[]): string {
  return list.length === 0 ? '1 = 0' : `${column} in (${list.map(() => '?').join(',')})`
}

function textOf(conditions: readonly Condition[]): string {
  return conditions.map(([text]) => text).join('')
}

function bound(conditions: readonly Condition[]): Value[] {
  return conditions.flatMap(([, bindings]) => bindings)
}

// Words are letters and digits alone, which the domain sees to; so they need nothing but quotes.

function encodeWords(dialect: Dialect, words: readonly string[]): string {
  if (dialect === 'sqlite') return words.join(' ')
  return words.map((word, index) => `'${word}':${index + 1}`).join(' ')
}

function encodeUnits(dialect: Dialect, units: readonly SearchUnit[]): string {
  if (dialect === 'sqlite') {
    return units.map(({ words, isPrefix }) => `"${words.join(' ')}"${isPrefix ? '*' : ''}`).join(' AND ')
  }
  return units
    .map(({ words, isPrefix }) => `(${words.map((word) => `'${word}'`).join(' <-> ')}${isPrefix ? ':*' : ''})`)
    .join(' & ')
}
