/** What tables there are and what is in them, for those who copy a database whole. */
import type { Conn, Tx, Value } from './database.ts'

export interface Table {
  readonly name: string
  /** By their names, so that the order is the same on both databases. */
  readonly columns: readonly string[]
  readonly key: readonly string[]
  /** The tables that rows of this one refer to. */
  readonly refersTo: readonly string[]
}

export type Row = readonly Value[]

/** Rows in one statement. */
const BATCH = 500

/** Those that are refered to come before those that refer. Without the register of migrations. */
export async function listTables(conn: Conn): Promise<Table[]> {
  const names = await conn.rows<{ name: string }>(
    conn.dialect === 'sqlite'
      ? `select name from sqlite_schema where type = 'table' and name not like 'sqlite%' order by name`
      : `select table_name as name from information_schema.tables
          where table_schema = current_schema() and table_type = 'BASE TABLE' order by table_name`,
  )
  const tables: Table[] = []
  for (const { name } of names) if (name !== 'schema_migrations') tables.push(await describe(conn, name))
  return inOrder(tables)
}

async function describe(conn: Conn, name: string): Promise<Table> {
  const columns = await conn.rows<{ name: string; key: number }>(
    conn.dialect === 'sqlite'
      ? 'select name, pk as key from pragma_table_info(?) order by pk'
      : `select a.attname as name, coalesce(array_position(i.indkey::int2[], a.attnum), -1) + 1 as key
           from pg_attribute a left join pg_index i on i.indrelid = a.attrelid and i.indisprimary
          where a.attrelid = to_regclass(?) and a.attnum > 0 and not a.attisdropped order by key`,
    [name],
  )
  const references = await conn.rows<{ name: string }>(
    conn.dialect === 'sqlite'
      ? 'select distinct "table" as name from pragma_foreign_key_list(?)'
      : `select distinct confrelid::regclass::text as name from pg_constraint
          where contype = 'f' and conrelid = to_regclass(?)`,
    [name],
  )
  return {
    name,
    columns: columns.map((column) => column.name).toSorted(),
    key: columns.filter(({ key }) => key > 0).map((column) => column.name),
    refersTo: references.map((reference) => reference.name).filter((other) => other !== name),
  }
}

function inOrder(tables: readonly Table[]): Table[] {
  const ordered: Table[] = []
  for (let left = [...tables]; left.length > 0;) {
    const names = new Set(left.map(({ name }) => name))
    const ready = left.filter(({ refersTo }) => !refersTo.some((name) => names.has(name)))
    if (ready.length === 0) throw new Error(`tables refer to each other in a circle: ${[...names].join(', ')}`)
    ordered.push(...ready)
    left = left.filter((table) => !ready.includes(table))
  }
  return ordered
}

/** All rows in the order of the key, in batches. A table without a key is read at once. */
export async function* readTable(conn: Conn, { name, columns, key }: Table): AsyncGenerator<Row[], void> {
  if (key.length === 0) {
    const order = columns.map((column) => `coalesce(cast(${column} as text), '')`).join(', ')
    yield valuesOf(await conn.rows(`select ${columns.join(', ')} from ${name} order by ${order}`), columns)
    return
  }
  const places = key.map((column) => columns.indexOf(column))
  for (let after: Row | undefined, more = true; more;) {
    const from = after === undefined ? '' : `where (${key.join(', ')}) > (${key.map(() => '?').join(', ')})`
    const found = await conn.rows<Record<string, Value>>(
      `select ${columns.join(', ')} from ${name} ${from} order by ${key.join(', ')} limit ${BATCH}`,
      after === undefined ? [] : places.map((place) => after?.[place] ?? null),
    )
    const rows = valuesOf(found, columns)
    if (rows.length > 0) yield rows
    after = rows.at(-1)
    more = rows.length === BATCH
  }
}

const valuesOf = (found: readonly Record<string, Value>[], columns: readonly string[]): Row[] =>
  found.map((row) => columns.map((column) => row[column] ?? null))

export async function writeRows(
  tx: Tx,
  table: string,
  columns: readonly string[],
  rows: readonly Row[],
): Promise<void> {
  const tuple = `(${columns.map(() => '?').join(', ')})`
  const own = tx.dialect === 'postgres' ? 'overriding system value' : '' // numbers that the database would give itself
  for (let from = 0; from < rows.length; from += BATCH) {
    const chunk = rows.slice(from, from + BATCH)
    await tx.run(
      `insert into ${table} (${columns.join(', ')}) ${own} values ${chunk.map(() => tuple).join(', ')}`,
      chunk.flat(),
    )
  }
}

/** Has Postgres give its own numbers after those that were written; SQLite does by itself. */
export async function continueNumbers(tx: Tx): Promise<void> {
  if (tx.dialect === 'sqlite') return
  const found = await tx.rows<{ table: string; column: string }>(
    `select table_name as table, column_name as column from information_schema.columns
      where table_schema = current_schema() and is_identity = 'YES'`,
  )
  for (const { table, column } of found) {
    await tx.rows(
      `select setval(pg_get_serial_sequence('${table}', '${column}'), greatest(coalesce(max(${column}), 0), 1)) from ${table}`,
    )
  }
}
