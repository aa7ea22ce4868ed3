/** Files as administrators look through them and remove them. */
import type { ServerName, UserId } from '../core/ids.ts'
import { type Conn, escapeLike, type Tx, type Value } from './database.ts'
import type { Mxc } from './media.ts'

export interface ListedMedia {
  readonly server_name: ServerName
  readonly media_id: string
  readonly user_id: UserId | null
  readonly created_ts: number
  readonly content_type: string | null
  readonly file_name: string | null
  readonly size: number | null
  readonly quarantined_by: UserId | null
  readonly is_protected: 0 | 1
}

const columns =
  'server_name, media_id, user_id, created_ts, content_type, file_name, size, quarantined_by, is_protected'

/** Of one user, the newest first. */
export async function listMediaOf(
  conn: Conn,
  userId: UserId,
  { from, limit }: { from: number; limit: number },
): Promise<{ readonly media: ListedMedia[]; readonly total: number }> {
  const media = await conn.rows<ListedMedia>(
    `select ${columns} from media where user_id = ? order by created_ts desc, media_id limit ? offset ?`,
    [userId, limit, from],
  )
  const count = await conn.row<{ total: number }>('select count(*) as total from media where user_id = ?', [userId])
  return { media, total: count?.total ?? 0 }
}

export async function findListedMedia(conn: Conn, { server, mediaId }: Mxc): Promise<ListedMedia | undefined> {
  return await conn.row(`select ${columns} from media where server_name = ? and media_id = ?`, [server, mediaId])
}

/** Keeps files from everybody, and all that are the same, or with no administrator gives them back. Gives their number. */
export async function setQuarantine(
  tx: Tx,
  which: { readonly mxc: Mxc } | { readonly userId: UserId },
  by: UserId | undefined,
): Promise<number> {
  const [where, bindings] =
    'mxc' in which
      ? ['server_name = ? and media_id = ?', [which.mxc.server, which.mxc.mediaId]]
      : ['user_id = ?', [which.userId]]
  return await tx.run(
    `update media set quarantined_by = ? where is_protected = 0 and quarantined_by is ${by === undefined ? 'not null' : 'null'}
        and (${where} or sha256 in (select sha256 from media where ${where} and is_protected = 0))`,
    [by ?? null, ...bindings, ...bindings],
  )
}

/** Whether a file can be kept from everybody. False if there is none. */
export async function setProtected(tx: Tx, { server, mediaId }: Mxc, isProtected: boolean): Promise<boolean> {
  const changed = await tx.run('update media set is_protected = ? where server_name = ? and media_id = ?', [
    isProtected ? 1 : 0,
    server,
    mediaId,
  ])
  return changed === 1
}

/** Which files to remove: all that fit every condition given. */
export interface MediaSelection {
  readonly userId?: UserId | undefined
  readonly mxc?: Mxc | undefined
  /** Uploaded here, or copied from other servers. */
  readonly origin?: 'local' | 'remote' | undefined
  readonly beforeTs?: number | undefined
  /** Larger than so many bytes. */
  readonly above?: number | undefined
  /** Not those that are somebody's picture, or a room's. */
  readonly keepsAvatars?: boolean | undefined
}

export interface RemovedMedia {
  readonly mediaIds: string[]
  /** The names in the store of what nothing refers to any more. */
  readonly storageKeys: string[]
}

/** Forgets files, `limit` at most. */
export async function removeMedia(tx: Tx, selection: MediaSelection, limit: number): Promise<RemovedMedia> {
  const { where, bindings } = conditionsOf(selection)
  const found = await tx.rows<{ server_name: string; media_id: string; storage_key: string | null }>(
    `select server_name, media_id, storage_key from media where ${where} order by server_name, media_id limit ?`,
    [...bindings, limit],
  )
  const keys: (string | null)[] = []
  for (const { server_name: server, media_id: mediaId, storage_key: key } of found) {
    const thumbnails = await tx.rows<{ storage_key: string | null }>(
      'select storage_key from media_thumbnails where server_name = ? and media_id = ?',
      [server, mediaId],
    )
    keys.push(key, ...thumbnails.map((thumbnail) => thumbnail.storage_key))
    await tx.run('delete from media where server_name = ? and media_id = ?', [server, mediaId])
  }
  return { mediaIds: found.map((row) => row.media_id), storageKeys: keys.filter((key) => key !== null) }
}

const isAvatar = `(
  exists (select 1 from profiles p where p.avatar_url = 'mxc://' || server_name || '/' || media_id)
  or exists (select 1 from room_stats r where r.avatar_url = 'mxc://' || server_name || '/' || media_id))`

function conditionsOf(selection: MediaSelection): { readonly where: string; readonly bindings: Value[] } {
  const { userId, mxc, origin, beforeTs, above, keepsAvatars } = selection
  const conditions = ['storage_key is not null'] // what has not come is the sweeper's
  const bindings: Value[] = []
  const add = (condition: string, ...values: Value[]): void => {
    conditions.push(condition)
    bindings.push(...values)
  }
  if (userId !== undefined) add('user_id = ?', userId)
  if (mxc) add('server_name = ? and media_id = ?', mxc.server, mxc.mediaId)
  if (origin !== undefined) add(`user_id is ${origin === 'local' ? 'not null' : 'null'}`)
  if (origin === 'remote') add('quarantined_by is null') // they would come again
  if (beforeTs !== undefined) add('created_ts < ?', beforeTs)
  if (above !== undefined) add('size > ?', above)
  if (keepsAvatars === true) add(`not ${isAvatar}`)
  return { where: conditions.join(' and '), bindings }
}

export interface MediaUsage {
  readonly user_id: UserId
  readonly displayname: string | null
  readonly media_count: number
  readonly media_length: number
}

const usageOrders = {
  user_id: 'user_id',
  displayname: `coalesce(displayname, '')`,
  media_length: 'media_length',
  media_count: 'media_count',
} as const

export type MediaUsageOrder = keyof typeof usageOrders
export const mediaUsageOrders = Object.keys(usageOrders) as MediaUsageOrder[] // the keys of the table above

export interface MediaUsageQuery {
  readonly term?: string | undefined
  readonly order: MediaUsageOrder
  readonly descending: boolean
  readonly from: number
  readonly limit: number
}

/** What each user has uploaded. */
export async function listMediaUsage(
  conn: Conn,
  { term, order, descending, from, limit }: MediaUsageQuery,
): Promise<{ readonly users: MediaUsage[]; readonly total: number }> {
  const usage = `(
    select m.user_id, p.displayname, count(*) as media_count, cast(coalesce(sum(m.size), 0) as bigint) as media_length
      from media m left join profiles p on p.user_id = m.user_id
     where m.user_id is not null group by m.user_id, p.displayname) as usages`
  const where =
    term === undefined ? '' : `where lower(user_id) like ? escape '\\' or lower(displayname) like ? escape '\\'`
  const pattern = `%${escapeLike((term ?? '').toLowerCase())}%`
  const bindings = term === undefined ? [] : [pattern, pattern]
  const direction = descending ? 'desc' : 'asc'
  const users = await conn.rows<MediaUsage>(
    `select * from ${usage} ${where} order by ${usageOrders[order]} ${direction}, user_id limit ? offset ?`,
    [...bindings, limit, from],
  )
  const count = await conn.row<{ total: number }>(`select count(*) as total from ${usage} ${where}`, bindings)
  return { users, total: count?.total ?? 0 }
}

/** The names in the store of what was uploaded here, in their order. */
export async function listStoredMedia(
  conn: Conn,
  { after, limit }: { after: string; limit: number },
): Promise<string[]> {
  const rows = await conn.rows<{ storage_key: string }>(
    'select storage_key from media where user_id is not null and storage_key > ? order by storage_key limit ?',
    [after, limit],
  )
  return rows.map((row) => row.storage_key)
}
