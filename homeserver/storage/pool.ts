/** Connections as both dialects have them. */
import type { Knex } from 'knex'

export type Value = string | number | null | Buffer

export interface Connection {
  query(sql: string, bindings: readonly Value[]): Promise<unknown[]>
  run(sql: string, bindings: readonly Value[]): Promise<number>
  /** Begins a transaction that reads one state of the database, and writes. */
  begin(): Promise<void>
  /** Rejects only where the transaction is not committed, whatever became of the connection meanwhile. */
  commit(): Promise<void>
  rollback(): Promise<void>
}

/** A knex pool whose connections are spoken to directly: building a query through knex costs more than running it. */
export interface Pool {
  readonly knex: Knex
  acquire(): Promise<Connection>
  release(connection: Connection): void
  close(): Promise<void>
}

export function poolOf<Raw extends object>(knex: Knex, wrap: (raw: Raw) => Connection): Pool {
  const wrapped = new WeakMap<Raw, Connection>()
  const raws = new WeakMap<Connection, Raw>()
  return {
    knex,
    async acquire() {
      const raw: Raw = await knex.client.acquireConnection()
      const connection = wrapped.get(raw) ?? wrap(raw)
      wrapped.set(raw, connection)
      raws.set(connection, raw)
      return connection
    },
    release: (connection) => void knex.client.releaseConnection(raws.get(connection)),
    close: () => knex.destroy(),
  }
}

/** knex tells of aborted waits for a connection when a pool closes; whoever waited gets the error anyway. */
export const silent = { warn() {}, error() {}, debug() {}, deprecate() {} }
