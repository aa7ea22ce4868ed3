/**
 * A room's events in order. A place, as tokens name it, is after the event of that depth and stream id; one without a
 * depth is a place in the order in which the events came here.
 */
import type { RoomEventFilter } from '../core/filter.ts'
import type { EventId, RoomId } from '../core/ids.ts'
import type { PaginationToken } from '../core/token.ts'
import { type Conn, escapeLike, type Value } from './database.ts'
import { eventColumns, type EventRow, listEventsByNid, StoredEvent } from './events.ts'

/** Backwards, from late to early, or forwards. */
export type Direction = 'b' | 'f'

export interface EventRange {
  readonly dir: Direction
  /** Undefined: from the end of the room that `dir` leads away from. */
  readonly from?: PaginationToken | undefined
  readonly to?: PaginationToken | undefined
  readonly limit: number
  /** Leaves out what came later than this stream id. */
  readonly upTo?: number | undefined
}

export interface EventPage {
  readonly events: readonly StoredEvent[]
  /** The place where the next page begins; undefined if there is nothing beyond. */
  readonly next: PaginationToken | undefined
}

/** Events looked at for one page, so that a filter that passes next to nothing does not read a whole room. */
const WINDOW = 5_000
/** Patterns in one statement. */
const MAX_GLOBS = 50

/** What finds an event that is in memory. */
export type Peek = (eventId: EventId) => StoredEvent | undefined

/**
 * The next accepted events of a room. With a filter a page may be empty though there is more. The filter is a first
 * sieve: what it lets through has yet to be asked the compiled filter. Of events in memory only the places are read.
 */
export async function listRoomEvents(
  conn: Conn,
  roomId: RoomId,
  range: EventRange,
  { filter = {}, peek }: { readonly filter?: RoomEventFilter; readonly peek: Peek },
): Promise<EventPage> {
  const { limit } = range
  const sieve = sieveOf(filter, roomId)
  const [inRange, values] = rangeCondition(range)
  const where = `e.room_id = ? and ${inRange}`
  const bindings = [roomId, ...values]
  const order = orderOf(range, 'e')
  const rows =
    sieve.length === 0
      ? await conn.rows<PlacedRow>(
          `select ${placeColumns} from events e where ${where} order by ${order} limit ${limit + 1}`,
          bindings,
        )
      : await conn.rows<PlacedRow>(
          `select ${placeColumns}
             from (select e.* from events e where ${where} order by ${order} limit ${WINDOW}) as e
            where ${sieve.map(([text]) => text).join(' and ')} order by ${order} limit ${limit + 1}`,
          [...bindings, ...sieve.flatMap(([, bound]) => bound)],
        )
  const events = await eventsOf(conn, rows.slice(0, limit), peek)
  if (rows.length > limit) return { events, next: placeBeyond(rows[limit - 1], range) ?? range.from }
  if (sieve.length === 0) return { events, next: undefined }
  const last = await conn.row<PlacedRow>(
    `select ${placeColumns} from events e where ${where} order by ${order} limit 1 offset ${WINDOW - 1}`,
    bindings,
  )
  return { events, next: placeBeyond(last, range) }
}

/** The events of these rows, in their order. */
async function eventsOf(conn: Conn, rows: readonly PlacedRow[], peek: Peek): Promise<StoredEvent[]> {
  const known = new Map<number, StoredEvent>()
  const missing: number[] = []
  for (const { nid, event_id: id } of rows) {
    const event = peek(id)
    if (event) known.set(nid, event)
    else missing.push(nid)
  }
  if (missing.length > 0) for (const event of await listEventsByNid(conn, missing)) known.set(event.row.nid, event)
  return rows.flatMap(({ nid }) => known.get(nid) ?? [])
}

const placeColumns = 'e.nid, e.event_id, e.depth, e.stream_id'

interface PlacedRow {
  readonly nid: number
  readonly event_id: EventId
  readonly depth: number
  readonly stream_id: number | null
}

/** The place on the far side of an event, for those who walk in this direction. */
export function placeBeyond(
  row: Pick<PlacedRow, 'depth' | 'stream_id'> | undefined,
  { dir, from }: Pick<EventRange, 'dir' | 'from'>,
): PaginationToken | undefined {
  if (!row || row.stream_id === null) return undefined
  if (isByArrival(dir, from)) return { stream: row.stream_id }
  return { depth: row.depth, stream: dir === 'f' ? row.stream_id : row.stream_id - 1 }
}

/** Forwards from a place in the order of arrival it goes on in that order, so that nothing is missed. */
function isByArrival(dir: Direction, from: PaginationToken | undefined): boolean {
  return dir === 'f' && from !== undefined && from.depth === undefined
}

/** For `order by`. */
export function orderOf({ dir, from }: Pick<EventRange, 'dir' | 'from'>, alias: string): string {
  const way = dir === 'f' ? 'asc' : 'desc'
  const depth = isByArrival(dir, from) ? '' : `${alias}.depth ${way}, `
  return `${depth}${alias}.stream_id ${way}`
}

/** The accepted events `e` that a range covers, of any room. */
export function rangeCondition({ dir, from, to, upTo }: EventRange): [string, Value[]] {
  const parts: Condition[] = [['e.status = 0 and e.stream_id is not null', []]]
  if (from) parts.push(placeCondition(dir === 'f' ? '>' : '<=', from))
  if (to) parts.push(placeCondition(dir === 'f' ? '<=' : '>', to))
  if (upTo !== undefined) parts.push(['e.stream_id <= ?', [upTo]])
  return [parts.map(([text]) => text).join(' and '), parts.flatMap(([, values]) => values)]
}

type Condition = readonly [text: string, bindings: readonly Value[]]

function placeCondition(operator: '>' | '<=', { depth, stream }: PaginationToken): Condition {
  return depth === undefined
    ? [`e.stream_id ${operator} ?`, [stream]]
    : [`(e.depth, e.stream_id) ${operator} (?, ?)`, [depth, stream]]
}

/** What the columns can tell of a filter. `like` is blind to case on SQLite, so it may only let too much through. */
function sieveOf(filter: RoomEventFilter, roomId: RoomId): Condition[] {
  const { types, not_types: notTypes = [], senders, not_senders: notSenders = [] } = filter
  const conditions: Condition[] = []
  // SQLite takes no expression of a thousand alternatives; the compiled filter knows them all.
  if (types && types.filter((type) => type.includes('*')).length <= MAX_GLOBS) conditions.push(typeCondition(types))
  const excluded = notTypes.filter((type) => !type.includes('*'))
  if (excluded.length > 0) conditions.push([`not ${isIn('e.type', excluded)}`, excluded])
  if (senders) conditions.push([isIn('e.sender', senders), senders])
  if (notSenders.length > 0) conditions.push([`not ${isIn('e.sender', notSenders)}`, notSenders])
  if (filter.contains_url === true) conditions.push([`e.json like ?`, ['%"url":%']])
  return [...conditions, ...relatedCondition(filter, roomId)]
}

function typeCondition(types: readonly string[]): Condition {
  const globs = types.filter((type) => type.includes('*'))
  const names = types.filter((type) => !type.includes('*'))
  const patterns = globs.map((glob) => escapeLike(glob).replaceAll('*', '%'))
  const alternatives = [isIn('e.type', names), ...globs.map(() => `e.type like ? escape '\\'`)]
  return [`(${alternatives.join(' or ')})`, [...names, ...patterns]]
}

/** https://spec.matrix.org/v1.19/client-server-api/#filtering-by-relation */
function relatedCondition(
  { related_by_rel_types: relTypes, related_by_senders: senders }: RoomEventFilter,
  roomId: RoomId,
): Condition[] {
  if (!relTypes && !senders) return []
  const relType = relTypes ? ` and ${isIn('r.rel_type', relTypes)}` : ''
  const sender = senders ? ` and ${isIn('r.sender', senders)}` : ''
  return [
    [
      `exists (select 1 from relations r where r.target_id = e.event_id and coalesce(r.room_id, '') = ?${relType}${sender})`,
      [roomId, ...(relTypes ?? []), ...(senders ?? [])],
    ],
  ]
}

function isIn(column: string, list: readonly unknown[]): string {
  return list.length === 0 ? '1 = 0' : `${column} in (${list.map(() => '?').join(',')})`
}

/** The events of a room nearest to a time, nearest first; `skip` of them are passed over. */
export async function listEventsByTime(
  conn: Conn,
  roomId: RoomId,
  { ts, dir, limit, skip }: { ts: number; dir: Direction; limit: number; skip: number },
): Promise<StoredEvent[]> {
  const [operator, way] = dir === 'f' ? ['>=', 'asc'] : ['<=', 'desc']
  const rows = await conn.rows<EventRow>(
    `select ${eventColumns('e')} from events e
      where e.room_id = ? and e.status = 0 and e.stream_id is not null and e.origin_server_ts ${operator} ?
      order by e.origin_server_ts ${way}, e.depth ${way}, e.stream_id ${way} limit ${limit} offset ${skip}`,
    [roomId, ts],
  )
  return rows.map((row) => new StoredEvent(row))
}
