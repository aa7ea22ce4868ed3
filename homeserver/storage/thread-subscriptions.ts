/** Which threads users follow. https://github.com/matrix-org/matrix-spec-proposals/pull/4306 */
import type { EventId, RoomId, UserId } from '../core/ids.ts'
import { type Conn, rowsIn, type Tx } from './database.ts'

export interface ThreadSubscriptionRow {
  readonly user_id: UserId
  readonly room_id: RoomId
  readonly root_id: EventId
  /** 0: the user has unsubscribed. */
  readonly subscribed: number
  /** A client subscribed for him. */
  readonly automatic: number
  /** The place in the events stream at which he last unsubscribed. */
  readonly unsubscribed_at: number | null
  readonly stream_id: number
}

const columns = ['user_id', 'room_id', 'root_id', 'subscribed', 'automatic', 'unsubscribed_at', 'stream_id'] as const
const selected = columns.join(', ')

export async function findThreadSubscription(
  conn: Conn,
  userId: UserId,
  roomId: RoomId,
  rootId: EventId,
): Promise<ThreadSubscriptionRow | undefined> {
  return await conn.row(
    `select ${selected} from thread_subscriptions where user_id = ? and room_id = ? and root_id = ?`,
    [userId, roomId, rootId],
  )
}

export async function setThreadSubscription(tx: Tx, row: ThreadSubscriptionRow): Promise<void> {
  await tx.run(
    `insert into thread_subscriptions (${selected}) values (${columns.map(() => '?').join(', ')})
     on conflict (user_id, room_id, root_id) do update set subscribed = excluded.subscribed,
       automatic = excluded.automatic, unsubscribed_at = excluded.unsubscribed_at, stream_id = excluded.stream_id`,
    columns.map((column) => row[column]),
  )
}

/** What changed in (after, upto], the latest first. */
export async function listThreadSubscriptions(
  conn: Conn,
  userId: UserId,
  { after, upto, limit }: { readonly after: number; readonly upto: number; readonly limit: number },
): Promise<ThreadSubscriptionRow[]> {
  return await conn.rows(
    `select ${selected} from thread_subscriptions
      where user_id = ? and stream_id > ? and stream_id <= ? order by stream_id desc limit ?`,
    [userId, after, upto, limit],
  )
}

export async function countThreadSubscriptions(conn: Conn, userId: UserId): Promise<number> {
  const row = await conn.row<{ count: number }>(
    'select count(*) as count from thread_subscriptions where user_id = ?',
    [userId],
  )
  return row?.count ?? 0
}

/** Who follows a thread. */
export async function listSubscribers(conn: Conn, rootId: EventId): Promise<UserId[]> {
  const rows = await conn.rows<{ user_id: UserId }>(
    'select user_id from thread_subscriptions where root_id = ? and subscribed = 1',
    [rootId],
  )
  return rows.map(({ user_id }) => user_id)
}

/** Those of the users who ever subscribed to a thread. */
export async function listEverSubscribed(conn: Conn, userIds: readonly UserId[]): Promise<UserId[]> {
  const rows = await rowsIn<{ user_id: UserId }>(
    conn,
    'select distinct user_id from thread_subscriptions where user_id in (?)',
    userIds,
  )
  return rows.map(({ user_id }) => user_id)
}
