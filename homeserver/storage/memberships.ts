/** Who is in which room, now. */
import type { EventId, RoomId, ServerName, UserId } from '../core/ids.ts'
import { type Conn, escapeLike, insertMany, type Tx } from './database.ts'

export type Membership = 'join' | 'invite' | 'knock' | 'leave' | 'ban'

export interface MembershipRow {
  readonly room_id: RoomId
  readonly user_id: UserId
  readonly membership: Membership
  /** Who made the membership so: the inviter, the kicker, the user. */
  readonly sender: UserId
  readonly event_nid: number
  readonly event_id: EventId
  readonly stream_id: number
  readonly display_name: string | null
  readonly avatar_url: string | null
  readonly forgotten: number
}

const columns = [
  'room_id',
  'user_id',
  'membership',
  'sender',
  'event_nid',
  'event_id',
  'stream_id',
  'display_name',
  'avatar_url',
  'forgotten',
] as const satisfies readonly (keyof MembershipRow)[]

/** At most one row for each room and user. */
export async function setMemberships(tx: Tx, rows: readonly MembershipRow[]): Promise<void> {
  if (rows.length === 0) return
  const updates = columns.slice(2).map((column) => `${column} = excluded.${column}`)
  await insertMany(
    tx,
    'memberships',
    columns,
    rows.map((row) => columns.map((column) => row[column])),
    `on conflict (room_id, user_id) do update set ${updates.join(', ')}`,
  )
}

/** All rooms the user has or had to do with, forgotten ones included. */
export async function listMembershipsOf(conn: Conn, userId: UserId): Promise<MembershipRow[]> {
  return await conn.rows(`select ${columns.join(', ')} from memberships where user_id = ?`, [userId])
}

export async function findMembership(conn: Conn, roomId: RoomId, userId: UserId): Promise<MembershipRow | undefined> {
  return await conn.row(`select ${columns.join(', ')} from memberships where room_id = ? and user_id = ?`, [
    roomId,
    userId,
  ])
}

/** The current membership that this event made. */
export async function findMembershipBy(
  conn: Conn,
  roomId: RoomId,
  eventId: EventId,
): Promise<MembershipRow | undefined> {
  return await conn.row(
    `select ${columns.join(', ')} from memberships
      where room_id = ? and user_id = (select state_key from events where event_id = ?) and event_id = ?`,
    [roomId, eventId, eventId],
  )
}

/** The members of a room with this membership. */
export async function listMembers(conn: Conn, roomId: RoomId, membership: Membership): Promise<MembershipRow[]> {
  return await conn.rows(`select ${columns.join(', ')} from memberships where room_id = ? and membership = ?`, [
    roomId,
    membership,
  ])
}

export async function listJoinedRooms(conn: Conn, userId: UserId): Promise<RoomId[]> {
  const rows = await conn.rows<{ room_id: RoomId }>(
    `select room_id from memberships where user_id = ? and membership = 'join'`,
    [userId],
  )
  return rows.map(({ room_id }) => room_id)
}

/** Hides a room its user has left. True if it was not hidden before. */
export async function forgetRoom(tx: Tx, roomId: RoomId, userId: UserId): Promise<boolean> {
  const changed = await tx.run(
    `update memberships set forgotten = 1
      where room_id = ? and user_id = ? and membership in ('leave', 'ban') and forgotten = 0`,
    [roomId, userId],
  )
  return changed > 0
}

/** The users of a server who have or had to do with a room; those with one membership only, if it is given. */
export async function listMembersOfServer(
  conn: Conn,
  roomId: RoomId,
  server: ServerName,
  membership?: Membership,
): Promise<UserId[]> {
  const rows = await conn.rows<{ user_id: UserId }>(
    `select user_id from memberships
      where room_id = ? and user_id like ? escape '\\' ${membership === undefined ? '' : 'and membership = ?'}`,
    [roomId, `%:${escapeLike(server)}`, ...(membership === undefined ? [] : [membership])],
  )
  return rows.flatMap(({ user_id: id }) => (id.endsWith(`:${server}`) ? [id] : [])) // `like` may be blind to case
}
