/** How it goes with sending to other servers: when each was last reached, and when one that fails is tried again. */
import type { ServerName } from '../core/ids.ts'
import { type Conn, escapeLike, insertMany, type Tx } from './database.ts'

export interface DestinationRow {
  readonly server_name: ServerName
  /** Since it was last reached. */
  readonly failures: number
  /** Times in milliseconds since the epoch. */
  readonly failing_since: number | null
  readonly retry_at: number | null
  readonly last_error: string | null
  readonly last_success: number | null
  /** Up to where in the outbox the transaction that failed goes, in the events and in the EDUs. */
  readonly event_upto: number | null
  readonly edu_upto: number | null
}

const columns = [
  'server_name',
  'failures',
  'failing_since',
  'retry_at',
  'last_error',
  'last_success',
  'event_upto',
  'edu_upto',
] as const satisfies readonly (keyof DestinationRow)[]

const selected = columns.join(', ')

export async function setDestinations(tx: Tx, rows: readonly DestinationRow[]): Promise<void> {
  const updates = columns.slice(1).map((column) => `${column} = excluded.${column}`)
  await insertMany(
    tx,
    'federation_destinations',
    columns,
    rows.map((row) => columns.map((column) => row[column])),
    `on conflict (server_name) do update set ${updates.join(', ')}`,
  )
}

/** Those that could not be reached when they were last tried. */
export async function listFailingDestinations(conn: Conn): Promise<DestinationRow[]> {
  return await conn.rows(`select ${selected} from federation_destinations where retry_at is not null`)
}

/** In the order of their names, those after `after`. */
export async function listDestinations(
  conn: Conn,
  { after = '', limit }: { after?: ServerName; limit: number },
): Promise<DestinationRow[]> {
  return await conn.rows(
    `select ${selected} from federation_destinations where server_name > ? order by server_name limit ?`,
    [after, limit],
  )
}

export async function findDestination(conn: Conn, server: ServerName): Promise<DestinationRow | undefined> {
  return await conn.row(`select ${selected} from federation_destinations where server_name = ?`, [server])
}

/** Those whose name holds the term, in the order of their names. */
export async function searchDestinations(
  conn: Conn,
  { term = '', from, limit }: { term?: string | undefined; from: number; limit: number },
): Promise<{ readonly destinations: DestinationRow[]; readonly total: number }> {
  const where = `from federation_destinations where server_name like ? escape '\\'`
  const pattern = `%${escapeLike(term.toLowerCase())}%`
  const destinations = await conn.rows<DestinationRow>(
    `select ${selected} ${where} order by server_name limit ? offset ?`,
    [pattern, limit, from],
  )
  const count = await conn.row<{ total: number }>(`select count(*) as total ${where}`, [pattern])
  return { destinations, total: count?.total ?? 0 }
}
