/** The schema of a database as text, to be compared. */
import type { Conn } from '../../homeserver/storage/database.ts'

/** A line for each table, column, index and constraint, with what it says. */
export async function schemaText(conn: Conn): Promise<string> {
  const rows = await conn.rows<{ line: string | null }>(conn.dialect === 'sqlite' ? ofSqlite : ofPostgres)
  return rows.map(({ line }) => line ?? '').join('\n')
}

const ofSqlite = `select type || ' ' || name || ': ' || coalesce(sql, '') as line from sqlite_schema order by type, name`

const ofPostgres = `
  select line from (
    select 'column ' || table_name || '.' || column_name || ': ' || data_type || ' ' || is_nullable || ' '
             || coalesce(column_default, '') as line
      from information_schema.columns where table_schema = current_schema()
    union all select 'index ' || indexdef from pg_indexes where schemaname = current_schema()
    union all select 'constraint ' || conrelid::regclass::text || ' ' || conname || ': ' || pg_get_constraintdef(oid)
      from pg_constraint where connamespace = current_schema()::regnamespace
    union all select 'trigger ' || pg_get_triggerdef(oid) from pg_trigger where not tgisinternal) as lines
   order by line`
