/** Rooms and participants at the SFU, by the names they have there: rows of `call_rooms` and `call_identities`. */
import type { DeviceId, RoomId, UserId } from '../core/ids.ts'
import type { Conn, Tx } from './database.ts'

export interface CallIdentityRow {
  readonly sfu_room: string
  readonly identity: string
  readonly room_id: RoomId
  readonly user_id: UserId
  readonly device_id: DeviceId | null
  readonly member_id: string | null
  readonly issued_ts: number
}

export interface CallRoomRow {
  readonly sfu_room: string
  readonly room_id: RoomId
  readonly slot_id: string
  readonly used_ts: number
}

export async function setCallRoom(tx: Tx, row: CallRoomRow): Promise<void> {
  await tx.run(
    `insert into call_rooms (sfu_room, room_id, slot_id, used_ts) values (?, ?, ?, ?)
       on conflict (sfu_room) do update set used_ts = excluded.used_ts`,
    [row.sfu_room, row.room_id, row.slot_id, row.used_ts],
  )
}

/** Keeps the user's latest `keep` identities, the new one among them. */
export async function setCallIdentity(tx: Tx, row: CallIdentityRow, { keep }: { keep: number }): Promise<void> {
  await tx.run(
    `insert into call_identities (sfu_room, identity, room_id, user_id, device_id, member_id, issued_ts)
       values (?, ?, ?, ?, ?, ?, ?) on conflict (sfu_room, identity) do update set issued_ts = excluded.issued_ts`,
    [row.sfu_room, row.identity, row.room_id, row.user_id, row.device_id, row.member_id, row.issued_ts],
  )
  await tx.run(
    `delete from call_identities where user_id = ? and issued_ts < (
       select min(issued_ts) from (
         select issued_ts from call_identities where user_id = ? order by issued_ts desc limit ?) as latest)`,
    [row.user_id, row.user_id, keep],
  )
}

export async function findCallIdentity(
  conn: Conn,
  sfuRoom: string,
  identity: string,
): Promise<CallIdentityRow | undefined> {
  return await conn.row('select * from call_identities where sfu_room = ? and identity = ?', [sfuRoom, identity])
}

/** Where a user may be met that got in by this Matrix room. */
export async function listCallIdentities(conn: Conn, roomId: RoomId, userId: UserId): Promise<CallIdentityRow[]> {
  return await conn.rows('select * from call_identities where user_id = ? and room_id = ?', [userId, roomId])
}

/** Whoever was ever let into a room of the SFU, and is remembered. */
export async function listIdentitiesIn(conn: Conn, sfuRoom: string): Promise<CallIdentityRow[]> {
  return await conn.rows('select * from call_identities where sfu_room = ?', [sfuRoom])
}

export async function findCallRoom(conn: Conn, sfuRoom: string): Promise<CallRoomRow | undefined> {
  return await conn.row('select sfu_room, room_id, slot_id, used_ts from call_rooms where sfu_room = ?', [sfuRoom])
}

export async function listCallRooms(conn: Conn): Promise<CallRoomRow[]> {
  return await conn.rows('select sfu_room, room_id, slot_id, used_ts from call_rooms')
}

/** Forgets rooms of the SFU, and whom it let in there. */
export async function removeCallRooms(tx: Tx, sfuRooms: readonly string[]): Promise<void> {
  for (const sfuRoom of sfuRooms) {
    await tx.run('delete from call_identities where sfu_room = ?', [sfuRoom])
    await tx.run('delete from call_rooms where sfu_room = ?', [sfuRoom])
  }
}
