/** Events as they are stored: the canonical JSON once, and beside it what statements look for. */
import { isJsonObject, parseJson } from '../core/canonical-json.ts'
import type { IdentifiedPdu, Pdu } from '../core/event.ts'
import type { EventId, RoomId, UserId } from '../core/ids.ts'
import { type Conn, insertMany, rowsIn, type Tx } from './database.ts'

/** What became of an event at its reception. Only accepted ones are shown to clients. */
export const eventStatus = { accepted: 0, softFailed: 1, rejected: 2 } as const
export type EventStatus = (typeof eventStatus)[keyof typeof eventStatus]

export interface EventRow {
  readonly nid: number
  readonly event_id: EventId
  readonly room_id: RoomId
  /** Null for outliers, negative for events from before we were there. */
  readonly stream_id: number | null
  readonly depth: number
  readonly type: string
  readonly state_key: string | null
  readonly sender: UserId
  readonly origin_server_ts: number
  /** The group of the state after the event; null for outliers. */
  readonly state_group: number | null
  /** The state event this one replaced. */
  readonly replaces_nid: number | null
  readonly status: EventStatus
  /** The redaction that emptied the event. */
  readonly redacted_by: EventId | null
  readonly thread_root: EventId | null
  /** Whom push rules notify, in the form of domain/push. */
  readonly push: string | null
  readonly txn_device: string | null
  readonly txn_id: string | null
  /** The PDU in canonical JSON. */
  readonly json: string
  /** Where in `json` the text of `content` is, in UTF-16 units. */
  readonly content_at: number
  readonly content_length: number
}

const columns = [
  'nid',
  'event_id',
  'room_id',
  'stream_id',
  'depth',
  'type',
  'state_key',
  'sender',
  'origin_server_ts',
  'state_group',
  'replaces_nid',
  'status',
  'redacted_by',
  'thread_root',
  'push',
  'txn_device',
  'txn_id',
  'json',
  'content_at',
  'content_length',
] as const satisfies readonly (keyof EventRow)[]

/** For statements that read whole events: `select ${eventColumns('e')} from events e …`. */
export function eventColumns(alias: string): string {
  return columns.map((column) => `${alias}.${column}`).join(', ')
}

/** An event with its PDU, which is parsed when somebody first asks for it. */
export class StoredEvent implements IdentifiedPdu {
  readonly row: EventRow
  #pdu: Pdu | undefined
  #stickyMs: number | undefined

  constructor(row: EventRow, pdu?: Pdu) {
    this.row = row
    this.#pdu = pdu
  }

  get eventId(): EventId {
    return this.row.event_id
  }

  get roomId(): RoomId {
    return this.row.room_id
  }

  get pdu(): Pdu {
    // What is stored was a PDU when it was checked.
    this.#pdu ??= parseJson(this.row.json) as Pdu
    return this.#pdu
  }

  /** The canonical text of `content`. */
  get contentText(): string {
    return this.row.json.substr(this.row.content_at, this.row.content_length)
  }

  /** For how long after it was sent it is told to everybody in the room, at most an hour; 0 for nearly all events. */
  get stickyMs(): number {
    this.#stickyMs ??= this.row.json.includes('sticky":{') ? stickyDuration(this.pdu) : 0
    return this.#stickyMs
  }

  /** Roughly what it takes in memory, in bytes. */
  get weight(): number {
    return this.row.json.length * 2 + 800
  }
}

/** How long an event can be sticky. */
export const maxStickyMs = 60 * 60_000

/** Under its name in the proposal, or the one it is to get. Whatever else stands there means nothing. */
function stickyDuration(pdu: Pdu): number {
  const sticky = pdu['msc4354_sticky'] ?? pdu['sticky']
  const duration = isJsonObject(sticky) ? sticky['duration_ms'] : undefined
  return Number.isSafeInteger(duration) ? Math.min(Math.max(0, Number(duration)), maxStickyMs) : 0
}

export async function insertEvents(tx: Tx, rows: readonly EventRow[]): Promise<void> {
  await insertMany(
    tx,
    'events',
    columns,
    rows.map((row) => columns.map((column) => row[column])),
  )
}

/** Gives outliers their place: they were checked again, as events of their room. */
export async function placeEvents(tx: Tx, rows: readonly EventRow[]): Promise<void> {
  for (const row of rows) {
    await tx.run(
      `update events set stream_id = ?, state_group = ?, replaces_nid = ?, status = ?, redacted_by = ?, thread_root = ?,
              push = ?, json = ?, content_at = ?, content_length = ? where nid = ?`,
      [
        row.stream_id,
        row.state_group,
        row.replaces_nid,
        row.status,
        row.redacted_by,
        row.thread_root,
        row.push,
        row.json,
        row.content_at,
        row.content_length,
        row.nid,
      ],
    )
  }
}

/** Events that are read at once: a result is in memory twice for a moment. */
const MAX_READ = 1_000

/** Those of the events that we have, outliers and rejected ones included, in no order. */
export async function listEvents(conn: Conn, eventIds: readonly EventId[]): Promise<StoredEvent[]> {
  const events: StoredEvent[] = []
  for (let from = 0; from < eventIds.length; from += MAX_READ) {
    const rows = await rowsIn<EventRow>(
      conn,
      `select ${eventColumns('e')} from events e where e.event_id in (?)`,
      eventIds.slice(from, from + MAX_READ),
    )
    for (const row of rows) events.push(new StoredEvent(row))
  }
  return events
}

/** What became of those of the events that we have. */
export async function listStatuses(conn: Conn, eventIds: readonly EventId[]): Promise<Map<EventId, EventStatus>> {
  const rows = await rowsIn<Pick<EventRow, 'event_id' | 'status'>>(
    conn,
    'select event_id, status from events where event_id in (?)',
    eventIds,
  )
  return new Map(rows.map((row) => [row.event_id, row.status]))
}

/** As much of an event as its place in a state needs. */
export type EventOutline = Pick<EventRow, 'nid' | 'event_id' | 'room_id' | 'type' | 'state_key' | 'status'>

/** Those of the events that we have, which may be the state of a large room. */
export async function listOutlines(conn: Conn, eventIds: readonly EventId[]): Promise<Map<EventId, EventOutline>> {
  const outlines = new Map<EventId, EventOutline>()
  for (let from = 0; from < eventIds.length; from += MAX_READ) {
    const rows = await rowsIn<EventOutline>(
      conn,
      'select nid, event_id, room_id, type, state_key, status from events where event_id in (?)',
      eventIds.slice(from, from + MAX_READ),
    )
    for (const row of rows) outlines.set(row.event_id, row)
  }
  return outlines
}

/** What a state takes of an event. */
export type StateRow = Pick<
  EventRow,
  'nid' | 'event_id' | 'room_id' | 'type' | 'state_key' | 'sender' | 'json' | 'content_at' | 'content_length'
>

/** As much of the events as a state takes of them, in no order. At most a thousand at once. */
export async function listStateRows(conn: Conn, eventIds: readonly EventId[]): Promise<StateRow[]> {
  return await rowsIn<StateRow>(
    conn,
    `select nid, event_id, room_id, type, state_key, sender, json, content_at, content_length
       from events where event_id in (?)`,
    eventIds,
  )
}

export async function findEvent(conn: Conn, eventId: EventId): Promise<StoredEvent | undefined> {
  return (await listEvents(conn, [eventId]))[0]
}

/** By their interned ids, in no order. */
export async function listEventsByNid(conn: Conn, nids: readonly number[]): Promise<StoredEvent[]> {
  const rows = await rowsIn<EventRow>(conn, `select ${eventColumns('e')} from events e where e.nid in (?)`, nids)
  return rows.map((row) => new StoredEvent(row))
}

export interface Redaction {
  readonly eventId: EventId
  readonly redactedBy: EventId
  readonly json: string
  readonly contentAt: number
  readonly contentLength: number
}

/** Replaces an event by what its redaction leaves, also where it was derived from (T39). */
export async function redactEvent(
  tx: Tx,
  { eventId, redactedBy, json, contentAt, contentLength }: Redaction,
): Promise<void> {
  await tx.run(
    // It notifies nobody any more, but its sender has read what was before it.
    `update events set json = ?, content_at = ?, content_length = ?, redacted_by = ?,
            push = case when push is null then null else '{}' end where event_id = ?`,
    [json, contentAt, contentLength, redactedBy, eventId],
  )
  await tx.run(
    `update memberships set display_name = null, avatar_url = null where event_id = ?
        and room_id = (select room_id from events where event_id = ?)
        and user_id = (select state_key from events where event_id = ? and type = 'm.room.member')`,
    [eventId, eventId, eventId],
  )
  await tx.run('delete from relations where event_nid = (select nid from events where event_id = ?)', [eventId])
  // The search index hears of it later, and says what is to be found then; an edit gives way to what it edited.
  const place = '(select stream_id from events where event_id = ?)'
  await tx.run(`update search_documents set words = '' where stream_id = ${place} or source_id = ${place}`, [
    eventId,
    eventId,
  ])
}

/** The transaction ids a device has used since `sinceTs`, with the events they made. */
export async function listTransactions(
  conn: Conn,
  sender: UserId,
  device: string,
  sinceTs: number,
): Promise<{ room_id: RoomId; txn_id: string; event_id: EventId }[]> {
  return await conn.rows(
    `select room_id, txn_id, event_id from events
      where sender = ? and txn_device = ? and txn_id is not null and origin_server_ts >= ?`,
    [sender, device, sinceTs],
  )
}

/** Remembers redactions that came before what they redact. */
export async function addEarlyRedactions(
  tx: Tx,
  redactions: readonly { readonly targetId: EventId; readonly redactionId: EventId }[],
): Promise<void> {
  await insertMany(
    tx,
    'early_redactions',
    ['target_id', 'redaction_id'],
    redactions.map(({ targetId, redactionId }) => [targetId, redactionId]),
    'on conflict (target_id, redaction_id) do nothing',
  )
}

/** The redactions of an event that came before it. */
export async function listEarlyRedactions(conn: Conn, targetId: EventId): Promise<EventId[]> {
  const rows = await conn.rows<{ redaction_id: EventId }>(
    'select redaction_id from early_redactions where target_id = ? order by redaction_id limit 20',
    [targetId],
  )
  return rows.map(({ redaction_id }) => redaction_id)
}

/** The greatest interned id of an event or state group. */
export async function lastNid(conn: Conn): Promise<number> {
  const row = await conn.row<{ nid: number | null }>(
    'select max(nid) as nid from (select max(nid) as nid from events union all select max(id) as nid from state_groups) as ids',
  )
  return row?.nid ?? 0
}

/** The lowest place of an event in the stream: what came from before our time counts down from zero. */
export async function lowestStreamId(conn: Conn): Promise<number> {
  const row = await conn.row<{ lowest: number | null }>('select min(stream_id) as lowest from events')
  return Math.min(row?.lowest ?? 0, 0)
}
