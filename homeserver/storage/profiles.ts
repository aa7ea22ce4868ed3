/** Profiles of local users. https://spec.matrix.org/v1.19/client-server-api/#profiles */
import type { Json } from '../core/event.ts'
import type { UserId } from '../core/ids.ts'
import { type Conn, rowsIn, type Tx } from './database.ts'

export interface Profile {
  readonly displayname: string | undefined
  readonly avatarUrl: string | undefined
  /** Everything else, by the keys of the wire. */
  readonly fields: Readonly<Record<string, Json>>
}

interface Row {
  user_id: UserId
  displayname: string | null
  avatar_url: string | null
  fields: string
}

/** Undefined if nothing was ever set. */
export async function findProfile(conn: Conn, userId: string): Promise<Profile | undefined> {
  const row = await conn.row<Row>('select * from profiles where user_id = ?', [userId])
  return row && profileOf(row)
}

export async function listProfiles(conn: Conn, userIds: readonly UserId[]): Promise<Map<UserId, Profile>> {
  const rows = await rowsIn<Row>(conn, 'select * from profiles where user_id in (?)', userIds)
  return new Map(rows.map((row) => [row.user_id, profileOf(row)]))
}

export async function setProfile(tx: Tx, userId: UserId, profile: Profile): Promise<void> {
  await tx.run(
    `insert into profiles (user_id, displayname, avatar_url, fields) values (?, ?, ?, ?)
       on conflict (user_id) do update set
         displayname = excluded.displayname, avatar_url = excluded.avatar_url, fields = excluded.fields`,
    [userId, profile.displayname ?? null, profile.avatarUrl ?? null, JSON.stringify(profile.fields)],
  )
}

export interface ProfileChange {
  readonly userId: UserId
  readonly field: string
  readonly streamId: number
}

/** Remembers when a field was last set or taken away. */
export async function setProfileChange(tx: Tx, { userId, field, streamId }: ProfileChange): Promise<void> {
  await tx.run(
    `insert into profile_changes (user_id, field, stream_id) values (?, ?, ?)
       on conflict (user_id, field) do update set stream_id = excluded.stream_id`,
    [userId, field, streamId],
  )
}

/** The fields that changed in (after, upto]. Whether they are there now, the profiles tell. */
export async function listProfileChanges(conn: Conn, after: number, upto: number): Promise<ProfileChange[]> {
  const rows = await conn.rows<{ user_id: UserId; field: string; stream_id: number }>(
    'select user_id, field, stream_id from profile_changes where stream_id > ? and stream_id <= ? order by stream_id',
    [after, upto],
  )
  return rows.map(({ user_id: userId, field, stream_id: streamId }) => ({ userId, field, streamId }))
}

export async function removeProfile(tx: Tx, userId: UserId): Promise<void> {
  await tx.run('delete from profiles where user_id = ?', [userId])
}

function profileOf(row: Row): Profile {
  return {
    displayname: row.displayname ?? undefined,
    avatarUrl: row.avatar_url ?? undefined,
    fields: JSON.parse(row.fields) as Record<string, Json>, // written by `setProfile`
  }
}
