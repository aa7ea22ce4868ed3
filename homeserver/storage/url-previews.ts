/** Previews of pages, by their addresses: rows of `url_previews`. */
import type { JsonObject } from '../core/event.ts'
import type { Conn, Tx } from './database.ts'

/** Undefined if there is none, or none that is still good. */
export async function findUrlPreview(conn: Conn, url: string, now: number): Promise<JsonObject | undefined> {
  const row = await conn.row<{ preview: string }>('select preview from url_previews where url = ? and expires_ts > ?', [
    url,
    now,
  ])
  return row && (JSON.parse(row.preview) as JsonObject) // written by setUrlPreview
}

export async function setUrlPreview(tx: Tx, url: string, preview: JsonObject, expiresTs: number): Promise<void> {
  await tx.run(
    `insert into url_previews (url, expires_ts, preview) values (?, ?, ?)
       on conflict (url) do update set expires_ts = excluded.expires_ts, preview = excluded.preview`,
    [url, expiresTs, JSON.stringify(preview)],
  )
}

export async function removeExpiredUrlPreviews(tx: Tx, now: number): Promise<number> {
  return await tx.run('delete from url_previews where expires_ts <= ?', [now])
}
