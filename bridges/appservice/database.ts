/**
 * What the bridge asks of a database. The homeserver's own one fulfils it; a bridge in a process of its own brings its own.
 * Statements have `?` placeholders and are written in the SQL that SQLite and Postgres share.
 */
type Value = string | number | null

export interface Conn {
  rows<Row>(sql: string, bindings?: readonly Value[]): Promise<Row[]>
  row<Row>(sql: string, bindings?: readonly Value[]): Promise<Row | undefined>
}

export interface Tx extends Conn {
  /** Gives the number of rows that were touched. */
  run(sql: string, bindings?: readonly Value[]): Promise<number>
}

export interface Database extends Conn {
  transaction<T>(name: string, fn: (tx: Tx) => Promise<T>): Promise<T>
}
