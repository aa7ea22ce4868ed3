/** What other servers are still to be sent: events and EDUs, each in its order, until the server has them. */
import type { ServerName } from '../core/ids.ts'
import { type Conn, insertMany, type Tx } from './database.ts'

const outboxKind = { event: 0, edu: 1 } as const

interface Addressed {
  readonly destination: ServerName
  /** Of one count for events and EDUs; never given out twice. */
  readonly id: number
  /** Of several with one key the last is enough, when too much waits. */
  readonly key: string | null
}

export interface OutgoingEvent extends Addressed {
  readonly eventNid: number
}

export interface OutgoingEdu extends Addressed {
  /** As canonical JSON. */
  readonly edu: string
}

/** One thing to send, with its canonical JSON. */
export interface OutgoingItem {
  readonly id: number
  readonly json: string
  /** Of an event. */
  readonly depth: number
}

/** How far to read: at most `limit`, and none after the id `upto`. */
export interface OutgoingRange {
  readonly limit: number
  readonly upto?: number | undefined
}

export async function addOutgoing(tx: Tx, rows: readonly (OutgoingEvent | OutgoingEdu)[]): Promise<void> {
  await insertMany(
    tx,
    'federation_outbox',
    ['destination', 'kind', 'id', 'event_nid', 'edu', 'item_key'],
    rows.map((row) =>
      'edu' in row
        ? [row.destination, outboxKind.edu, row.id, null, row.edu, row.key]
        : [row.destination, outboxKind.event, row.id, row.eventNid, null, row.key],
    ),
  )
}

/** The greatest id there is; 0 if nothing waits. */
export async function lastOutgoingId(conn: Conn): Promise<number> {
  const row = await conn.row<{ last: number | null }>('select max(id) as last from federation_outbox')
  return row?.last ?? 0
}

/** The servers something waits for, and how much. */
export async function listAddressed(
  conn: Conn,
): Promise<{ readonly destination: ServerName; readonly count: number }[]> {
  return await conn.rows('select destination, count(*) as count from federation_outbox group by destination')
}

/** The oldest events for a server. One that is here no more has no text. */
export async function listOutgoingEvents(
  conn: Conn,
  destination: ServerName,
  { limit, upto = Number.MAX_SAFE_INTEGER }: OutgoingRange,
): Promise<OutgoingItem[]> {
  return await conn.rows(
    `select o.id, coalesce(e.json, '') as json, coalesce(e.depth, 0) as depth
       from federation_outbox o left join events e on e.nid = o.event_nid
      where o.destination = ? and o.kind = ${outboxKind.event} and o.id <= ? order by o.id limit ?`,
    [destination, upto, limit],
  )
}

/** The oldest EDUs for a server. */
export async function listOutgoingEdus(
  conn: Conn,
  destination: ServerName,
  { limit, upto = Number.MAX_SAFE_INTEGER }: OutgoingRange,
): Promise<OutgoingItem[]> {
  return await conn.rows(
    `select id, edu as json, 0 as depth from federation_outbox
      where destination = ? and kind = ${outboxKind.edu} and id <= ? order by id limit ?`,
    [destination, upto, limit],
  )
}

export async function countOutgoing(conn: Conn, destination: ServerName): Promise<number> {
  const row = await conn.row<{ count: number }>(
    'select count(*) as count from federation_outbox where destination = ?',
    [destination],
  )
  return row?.count ?? 0
}

export async function removeOutgoing(tx: Tx, destination: ServerName, ids: readonly number[]): Promise<void> {
  if (ids.length === 0) return
  await tx.run(
    `delete from federation_outbox where destination = ? and kind in (${outboxKind.event}, ${outboxKind.edu})
        and id in (${ids.map(() => '?').join(',')})`,
    [destination, ...ids],
  )
}

/** Leaves the last of each key, and of the EDUs the last `maxEdus`. */
export async function thinOutgoing(tx: Tx, destination: ServerName, maxEdus: number): Promise<void> {
  await tx.run(
    `delete from federation_outbox where destination = ? and item_key is not null and id not in
       (select max(id) from federation_outbox where destination = ? and item_key is not null group by kind, item_key)`,
    [destination, destination],
  )
  await tx.run(
    `delete from federation_outbox where destination = ? and kind = ${outboxKind.edu} and id <=
       (select id from federation_outbox where destination = ? and kind = ${outboxKind.edu}
         order by id desc limit 1 offset ?)`,
    [destination, destination, maxEdus],
  )
}
