/** Databases as older releases left them: what is in a new one, brought into an older schema as far as that has a place for it. */
import { skippedTables } from '../../homeserver/backup/manifest.ts'
import { Database, type Value } from '../../homeserver/storage/database.ts'
import { migrate } from '../../homeserver/storage/migrate.ts'
import {
  continueNumbers,
  listTables,
  readTable,
  type Row,
  type Table,
  writeRows,
} from '../../homeserver/storage/tables.ts'

/** What is in a table, by columns in the order of their names. */
interface Content {
  readonly table: Table
  readonly rows: readonly Row[]
}

export type Contents = ReadonlyMap<string, Content>

/** All that is not worked out from the rest. */
export async function readAll(database: Database): Promise<Contents> {
  const found = new Map<string, Content>()
  for (const table of await listTables(database)) {
    if (skippedTables.some((pattern) => pattern.test(table.name))) continue
    const rows: Row[] = []
    for await (const batch of readTable(database, table)) rows.push(...batch)
    found.set(table.name, { table, rows })
  }
  return found
}

/** Columns of a table that others have not, taken away. */
export function only({ table, rows }: Content, columns: readonly string[]): Row[] {
  const places = columns.map((column) => table.columns.indexOf(column))
  return rows.map((row) => places.map((place) => row[place] ?? null))
}

/** An empty database gets a schema of old, and what of `contents` it can hold. Gives its tables. */
export async function makeOld(url: string, schema: number, contents: Contents): Promise<readonly Table[]> {
  const database = await Database.open({ url })
  try {
    await migrate(database, { upTo: schema })
    const tables = (await listTables(database)).filter(({ name }) => contents.has(name))
    await database.transaction('fill', async (tx) => {
      for (const { name } of tables.toReversed()) await tx.run(`delete from ${name}`) // what migrations put there
      for (const { name, columns } of tables) {
        const content = contents.get(name)
        if (content) await writeRows(tx, name, columns, only(content, columns))
      }
      await continueNumbers(tx)
    })
    return tables
  } finally {
    await database.close()
  }
}

/** One made-up row for a table of SQLite that has none, of the types that its columns have and of existing rows that it refers to. */
export async function addAnyRow(database: Database, table: string): Promise<void> {
  await database.transaction('add a row', async (tx) => {
    const columns = await tx.rows<{ name: string; type: string }>('select name, type from pragma_table_info(?)', [
      table,
    ])
    const references = await tx.rows<{ from: string; to: string; table: string }>(
      'select "from", "to", "table" from pragma_foreign_key_list(?)',
      [table],
    )
    const values: Value[] = []
    for (const { name, type } of columns) {
      const reference = references.find(({ from }) => from === name)
      const other = reference && `select ${reference.to} as value from ${reference.table} order by 1 limit 1`
      const found = other === undefined ? undefined : await tx.row<{ value: Value }>(other)
      values.push(found?.value ?? (/text/i.test(type) ? `any ${name}` : 1))
    }
    await writeRows(tx, table, columns.map(({ name }) => name), [values]) // prettier-ignore
  })
}
