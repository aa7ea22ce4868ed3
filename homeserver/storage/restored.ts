/**
 * What makes a database that was put back from a backup safe to go on with: what had been given out since then must not be
 * given out again.
 */
import type { Tx } from './database.ts'
import { RESTORE_JUMP, RESTORED_EVENTS, streamTables } from './streams.ts'

export async function beginAfterRestore(tx: Tx): Promise<void> {
  await tx.run('delete from media where user_id is null and storage_key is not null') // copies, which come again
  await tx.run('delete from media where storage_key is null') // promised files
  await beginAfterLoss(tx)
}

/** As after a restore, where only the database is an older one: the files are all there. */
export async function beginAfterLoss(tx: Tx): Promise<void> {
  // Peers may have got them in the meantime: given out twice, messages could not be read.
  await tx.run('delete from one_time_keys')
  for (const [stream, table] of Object.entries(streamTables)) {
    if (table === undefined) continue
    const position = await lastOf(tx, stream, table)
    await setPosition(tx, stream, position + RESTORE_JUMP)
    if (stream === 'events') await setPosition(tx, RESTORED_EVENTS, position)
  }
}

async function lastOf(tx: Tx, stream: string, table: string): Promise<number> {
  const row = await tx.row<{ last: number | null }>(
    `select max(place) as last from (
       select max(stream_id) as place from ${table}
       union all select position as place from stream_positions where stream = ?) as places`,
    [stream],
  )
  return row?.last ?? 0
}

async function setPosition(tx: Tx, stream: string, position: number): Promise<void> {
  await tx.run(
    `insert into stream_positions (stream, position) values (?, ?)
       on conflict (stream) do update set position = excluded.position`,
    [stream, position],
  )
}
