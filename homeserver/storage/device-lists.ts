/** Whose devices or keys changed when. Only the latest change of a user is kept: who asks since an earlier one learns of it too. */
import type { RoomId, UserId } from '../core/ids.ts'
import { type Conn, rowsIn, type Tx } from './database.ts'

/** `streamId` must be reserved in the stream `device_lists`. */
export async function setDeviceListChange(tx: Tx, userId: UserId, streamId: number): Promise<void> {
  await tx.run('delete from device_list_changes where user_id = ?', [userId])
  await tx.run('insert into device_list_changes (stream_id, user_id) values (?, ?)', [streamId, userId])
}

/**
 * The users with changes in (after, upto] that `userId` shares a room with, the user himself, and those whose master key
 * he signed.
 */
export async function listChangedUsers(conn: Conn, userId: UserId, after: number, upto: number): Promise<UserId[]> {
  const rows = await conn.rows<{ user_id: UserId }>(
    `select c.user_id from device_list_changes c
      where c.stream_id > ? and c.stream_id <= ? and (c.user_id = ? or ${sharesRoomWith('c.user_id')})
      union
     select user_id from user_signatures where signer_id = ? and stream_id > ? and stream_id <= ?`,
    [after, upto, userId, userId, userId, after, upto],
  )
  return rows.map(({ user_id }) => user_id)
}

/** Those of `others` that are joined to a room to which `userId` is joined. */
export async function listSharingUsers(conn: Conn, userId: UserId, others: readonly UserId[]): Promise<UserId[]> {
  const rows = await rowsIn<{ user_id: UserId }>(
    conn,
    `select distinct theirs.user_id from memberships theirs
       join memberships mine on mine.room_id = theirs.room_id
      where mine.user_id = ? and mine.membership = 'join' and theirs.membership = 'join' and theirs.user_id in (?)`,
    others,
    { before: [userId] },
  )
  return rows.map(({ user_id }) => user_id)
}

/** Who came into a room or went in (after, upto], positions in the stream of events. */
export interface Move {
  readonly roomId: RoomId
  readonly userId: UserId
  readonly isJoined: boolean
}

/** Changes of who is joined to these rooms, in their order; changes of name or picture are none. */
export async function listMoves(conn: Conn, roomIds: readonly RoomId[], after: number, upto: number): Promise<Move[]> {
  const rows = await rowsIn<{ room_id: RoomId; state_key: UserId; json: string | null; prev_json: string | null }>(
    conn,
    `select c.room_id, c.state_key, e.json, p.json as prev_json
       from state_changes c
       left join events e on e.nid = c.event_nid
       left join events p on p.nid = c.prev_nid
      where c.stream_id > ? and c.stream_id <= ? and c.type = 'm.room.member' and c.room_id in (?)
      order by c.stream_id`,
    roomIds,
    { before: [after, upto] },
  )
  const moves: Move[] = []
  for (const { room_id, state_key, json, prev_json } of rows) {
    const isJoined = isJoin(json)
    if (isJoined !== isJoin(prev_json)) moves.push({ roomId: room_id, userId: state_key, isJoined })
  }
  return moves
}

/** The rooms in which the user's own membership changed in (after, upto]. */
export async function listOwnMoves(conn: Conn, userId: UserId, after: number, upto: number): Promise<RoomId[]> {
  const rows = await conn.rows<{ room_id: RoomId }>(
    `select distinct room_id from state_changes
      where type = 'm.room.member' and state_key = ? and stream_id > ? and stream_id <= ?`,
    [userId, after, upto],
  )
  return rows.map(({ room_id }) => room_id)
}

function isJoin(json: string | null): boolean {
  if (json === null) return false
  const { content } = JSON.parse(json) as { content: { membership?: unknown } } // an accepted event
  return content.membership === 'join'
}

/** A condition that binds one user id. */
function sharesRoomWith(column: string): string {
  return `exists (select 1 from memberships theirs
                    join memberships mine on mine.room_id = theirs.room_id
                   where theirs.user_id = ${column} and theirs.membership = 'join'
                     and mine.user_id = ? and mine.membership = 'join')`
}
