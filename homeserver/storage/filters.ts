/** Filters that clients have uploaded. They never change. */
import type { UserId } from '../core/ids.ts'
import type { Conn, Tx } from './database.ts'

/** The filter as JSON. */
export async function findFilter(conn: Conn, userId: UserId, filterId: number): Promise<string | undefined> {
  const row = await conn.row<{ filter: string }>('select filter from filters where user_id = ? and filter_id = ?', [
    userId,
    filterId,
  ])
  return row?.filter
}

/** Its id, if the user has just this filter. */
export async function findFilterId(conn: Conn, userId: UserId, filter: string): Promise<number | undefined> {
  const row = await conn.row<{ filter_id: number }>('select filter_id from filters where user_id = ? and filter = ?', [
    userId,
    filter,
  ])
  return row?.filter_id
}

/** Gives the id, counted from 0 for each user. */
export async function addFilter(tx: Tx, userId: UserId, filter: string): Promise<number> {
  const row = await tx.row<{ next: number }>(
    'select coalesce(max(filter_id) + 1, 0) as next from filters where user_id = ?',
    [userId],
  )
  const filterId = row?.next ?? 0
  await tx.run('insert into filters (user_id, filter_id, filter) values (?, ?, ?)', [userId, filterId, filter])
  return filterId
}

/** Deletes the oldest filters beyond the latest `keep`. */
export async function removeOldFilters(tx: Tx, userId: UserId, keep: number): Promise<void> {
  await tx.run(
    `delete from filters where user_id = ?
        and filter_id <= (select max(filter_id) from filters where user_id = ?) - ?`,
    [userId, userId, keep],
  )
}
