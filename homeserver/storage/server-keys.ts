/** Signing keys of other servers, and those that our own server has had. */
import type { ServerName } from '../core/ids.ts'
import { type Conn, insertMany, rowsIn, type Tx } from './database.ts'

export interface ServerKeyRow {
  readonly server_name: ServerName
  readonly key_id: string
  /** 32 bytes in base64. */
  readonly public_key: string
  readonly valid_until_ts: number
  /** When the key stopped to sign, if it did. */
  readonly expired_ts: number | null
  /** Who gave the document: the server itself, or a notary. */
  readonly source: ServerName
  /** JSON text of the latest document that lists the key, with its server's own signatures. */
  readonly document: string
}

const columns = [
  'server_name',
  'key_id',
  'public_key',
  'valid_until_ts',
  'expired_ts',
  'source',
  'document',
] as const satisfies readonly (keyof ServerKeyRow)[]

const selected = columns.join(', ')

export async function listServerKeys(conn: Conn, server: ServerName): Promise<ServerKeyRow[]> {
  return await conn.rows(`select ${selected} from server_keys where server_name = ?`, [server])
}

/** The keys of many servers, in no order. */
export async function listKeysOfServers(conn: Conn, servers: readonly ServerName[]): Promise<ServerKeyRow[]> {
  return await rowsIn(conn, `select ${selected} from server_keys where server_name in (?)`, servers)
}

export async function saveServerKeys(tx: Tx, rows: readonly ServerKeyRow[]): Promise<void> {
  const updates = columns.slice(2).map((column) => `${column} = excluded.${column}`)
  await insertMany(
    tx,
    'server_keys',
    columns,
    rows.map((row) => columns.map((column) => row[column])),
    `on conflict (server_name, key_id) do update set ${updates.join(', ')}`,
  )
}

export interface OwnKeyRow {
  readonly key_id: string
  readonly public_key: string
  /** Null for the key that signs. */
  readonly retired_ts: number | null
}

export async function listOwnKeys(conn: Conn): Promise<OwnKeyRow[]> {
  return await conn.rows('select key_id, public_key, retired_ts from own_keys order by retired_ts desc, key_id')
}

export async function saveOwnKeys(tx: Tx, rows: readonly OwnKeyRow[]): Promise<void> {
  await insertMany(
    tx,
    'own_keys',
    ['key_id', 'public_key', 'retired_ts'],
    rows.map((row) => [row.key_id, row.public_key, row.retired_ts]),
    'on conflict (key_id) do update set public_key = excluded.public_key, retired_ts = excluded.retired_ts',
  )
}
