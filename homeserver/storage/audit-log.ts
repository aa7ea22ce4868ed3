/** What administrators have done. The table takes rows and gives none back. */
import type { UserId } from '../core/ids.ts'
import type { Conn, Tx } from './database.ts'

export interface AuditEntry {
  readonly ts: number
  readonly actor: UserId
  readonly ip: string
  /** Method and path as they are declared. */
  readonly action: string
  /** JSON. */
  readonly details: string
  /** Why it was refused; null: it was done. */
  readonly errcode: string | null
}

export async function addAuditEntry(tx: Tx, entry: AuditEntry): Promise<void> {
  await tx.run(
    `insert into audit_log (id, ts, actor, ip, action, details, errcode)
       select coalesce(max(id), 0) + 1, cast(? as bigint), cast(? as text), cast(? as text), cast(? as text),
              cast(? as text), cast(? as text) from audit_log`,
    [entry.ts, entry.actor, entry.ip, entry.action, entry.details, entry.errcode],
  )
}

/** Reads the whole log: for what is asked seldom. */
export async function wasEverDone(conn: Conn, action: string): Promise<boolean> {
  const found = await conn.row('select 1 from audit_log where action = ? and errcode is null limit 1', [action])
  return found !== undefined
}

/** The newest first, those before the entry `before`. */
export async function listAuditEntries(
  conn: Conn,
  { before, limit }: { before: number | undefined; limit: number },
): Promise<(AuditEntry & { readonly id: number })[]> {
  return await conn.rows(
    'select id, ts, actor, ip, action, details, errcode from audit_log where id < ? order by id desc limit ?',
    [before ?? Number.MAX_SAFE_INTEGER, limit],
  )
}
