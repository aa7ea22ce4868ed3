/** What is known of each file: rows of `media` and `media_thumbnails`. The bytes are in a `MediaStore`. */
import type { ServerName, UserId } from '../core/ids.ts'
import type { Conn, Tx } from './database.ts'

/** The two parts of `mxc://server/id`. */
export interface Mxc {
  readonly server: ServerName
  readonly mediaId: string
}

/** A file that is there, in full. */
export interface MediaContent {
  readonly storageKey: string
  readonly contentType: string
  readonly fileName: string | undefined
  /** Bytes. */
  readonly size: number
  /** In hex. */
  readonly sha256: string
}

export interface MediaRecord {
  readonly userId: UserId | undefined
  /** Undefined while the file has not come. */
  readonly content: MediaContent | undefined
  /** Until when it may come, or, of a copy for a while, until when it is kept. */
  readonly expiresTs: number | undefined
  /** Administrators keep it from everybody. */
  readonly isQuarantined: boolean
}

/** Width and height 0 stand for the full size. */
export interface ThumbnailSize {
  readonly width: number
  readonly height: number
  readonly method: 'crop' | 'scale'
}

export interface ThumbnailKind extends ThumbnailSize {
  readonly animated: boolean
}

interface ContentRow {
  readonly storage_key: string | null
  readonly content_type: string
  readonly size: number
  readonly sha256: string
}

interface MediaRow extends ContentRow {
  readonly user_id: UserId | null
  readonly expires_ts: number | null
  readonly file_name: string | null
  readonly quarantined_by: UserId | null
}

export async function findMedia(conn: Conn, { server, mediaId }: Mxc): Promise<MediaRecord | undefined> {
  const row = await conn.row<MediaRow>(
    `select user_id, expires_ts, storage_key, content_type, file_name, size, sha256, quarantined_by
       from media where server_name = ? and media_id = ?`,
    [server, mediaId],
  )
  return (
    row && {
      userId: row.user_id ?? undefined,
      expiresTs: row.expires_ts ?? undefined,
      content: contentOf(row),
      isQuarantined: row.quarantined_by !== null,
    }
  )
}

function contentOf(row: MediaRow): MediaContent | undefined {
  if (row.storage_key === null) return undefined
  const { storage_key: storageKey, content_type: contentType, file_name: fileName, size, sha256 } = row
  return { storageKey, contentType, fileName: fileName ?? undefined, size, sha256 }
}

/** False if there is a file of this name already. */
export async function addMedia(
  tx: Tx,
  { server, mediaId }: Mxc,
  { userId, createdTs, expiresTs }: { userId: UserId | undefined; createdTs: number; expiresTs?: number },
  { storageKey, contentType, fileName, size, sha256 }: MediaContent,
): Promise<boolean> {
  const origin = [server, mediaId, userId ?? null, createdTs, expiresTs ?? null]
  const added = await tx.run(
    `insert into media
       (server_name, media_id, user_id, created_ts, expires_ts, storage_key, content_type, file_name, size, sha256)
       values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict do nothing`,
    [...origin, storageKey, contentType, fileName ?? null, size, sha256],
  )
  return added === 1
}

/** An id without a file yet. */
export async function addPendingMedia(
  tx: Tx,
  { server, mediaId }: Mxc,
  { userId, createdTs, expiresTs }: { userId: UserId; createdTs: number; expiresTs: number },
): Promise<void> {
  await tx.run('insert into media (server_name, media_id, user_id, created_ts, expires_ts) values (?, ?, ?, ?, ?)', [
    server,
    mediaId,
    userId,
    createdTs,
    expiresTs,
  ])
}

/** When each of a user's pending ids expires, the first first. */
export async function pendingExpiries(conn: Conn, userId: UserId, now: number): Promise<number[]> {
  const rows = await conn.rows<{ expires_ts: number }>(
    'select expires_ts from media where user_id = ? and expires_ts > ? order by expires_ts',
    [userId, now],
  )
  return rows.map((row) => row.expires_ts)
}

/** Gives a pending id its file. False if it has one, or is gone. */
export async function fillMedia(
  tx: Tx,
  { server, mediaId }: Mxc,
  { storageKey, contentType, fileName, size, sha256 }: MediaContent,
): Promise<boolean> {
  const filled = await tx.run(
    `update media set storage_key = ?, content_type = ?, file_name = ?, size = ?, sha256 = ?, expires_ts = null
       where server_name = ? and media_id = ? and storage_key is null`,
    [storageKey, contentType, fileName ?? null, size, sha256, server, mediaId],
  )
  return filled === 1
}

/** Forgets ids whose file did not come in time, and gives their number. */
export async function removeExpiredPromises(tx: Tx, now: number): Promise<number> {
  return await tx.run('delete from media where expires_ts <= ? and storage_key is null', [now])
}

/** Forgets copies whose time is over, `limit` at most, but not those in quarantine: they would come again. Gives the names in the store of what nothing refers to any more. */
export async function removeExpiredCopies(tx: Tx, now: number, limit: number): Promise<string[]> {
  const copies = await tx.rows<Pick<ContentRow, 'storage_key'> & { server_name: string; media_id: string }>(
    `select server_name, media_id, storage_key from media
      where expires_ts <= ? and storage_key is not null and quarantined_by is null limit ?`,
    [now, limit],
  )
  const keys: (string | null)[] = []
  for (const { server_name: server, media_id: mediaId, storage_key: key } of copies) {
    const thumbnails = await tx.rows<Pick<ContentRow, 'storage_key'>>(
      'select storage_key from media_thumbnails where server_name = ? and media_id = ?',
      [server, mediaId],
    )
    keys.push(key, ...thumbnails.map((thumbnail) => thumbnail.storage_key))
    await tx.run('delete from media where server_name = ? and media_id = ?', [server, mediaId])
  }
  return keys.filter((key) => key !== null)
}

/** Whether anything refers to this name in the store. */
export async function isStored(conn: Conn, storageKey: string): Promise<boolean> {
  const row = await conn.row(
    'select 1 from media where storage_key = ? union all select 1 from media_thumbnails where storage_key = ?',
    [storageKey, storageKey],
  )
  return row !== undefined
}

/** A thumbnail made before; `original` where the file itself serves as one. */
export async function findThumbnail(
  conn: Conn,
  { server, mediaId }: Mxc,
  { width, height, method, animated }: ThumbnailKind,
  original: MediaContent,
): Promise<MediaContent | undefined> {
  const row = await conn.row<ContentRow>(
    `select storage_key, content_type, size, sha256 from media_thumbnails
       where server_name = ? and media_id = ? and width = ? and height = ? and method = ? and animated = ?`,
    [server, mediaId, width, height, method, animated ? 1 : 0],
  )
  if (!row) return undefined
  const { storage_key: storageKey, content_type: contentType, size, sha256 } = row
  return { storageKey: storageKey ?? original.storageKey, contentType, fileName: undefined, size, sha256 }
}

/** False if there is one already. */
export async function addThumbnail(
  tx: Tx,
  { server, mediaId }: Mxc,
  { width, height, method, animated }: ThumbnailKind,
  { storageKey, contentType, size, sha256 }: MediaContent,
  original: MediaContent,
): Promise<boolean> {
  const ownKey = storageKey === original.storageKey ? null : storageKey
  const added = await tx.run(
    `insert into media_thumbnails
       (server_name, media_id, width, height, method, animated, storage_key, content_type, size, sha256)
       values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) on conflict do nothing`,
    [server, mediaId, width, height, method, animated ? 1 : 0, ownKey, contentType, size, sha256],
  )
  return added === 1
}

/** Puts off the end of a copy. */
export async function keepMediaUntil(tx: Tx, { server, mediaId }: Mxc, expiresTs: number): Promise<void> {
  await tx.run('update media set expires_ts = ? where server_name = ? and media_id = ? and storage_key is not null', [
    expiresTs,
    server,
    mediaId,
  ])
}
