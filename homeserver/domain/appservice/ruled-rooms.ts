/** The rooms that a user could give to a bridge. */
import { requiredLevel, userLevel } from '../../core/auth/power-levels.ts'
import type { UserId } from '../../core/ids.ts'
import type { Conn } from '../../storage/database.ts'
import { plainRoomsOf, type RoomStats } from '../../storage/rooms.ts'
import { maxRuledRooms } from '../limits.ts'
import { roomPower } from '../rooms/room-power.ts'

/** Those without encryption in which they may change power levels, by name. */
export async function ruledRooms(conn: Conn, userId: UserId): Promise<RoomStats[]> {
  const rooms = await plainRoomsOf(conn, userId, maxRuledRooms)
  const ruled: RoomStats[] = []
  for (const room of rooms) {
    const levels = await roomPower(conn, room.room_id)
    if (userLevel(levels, userId) >= requiredLevel(levels, 'm.room.power_levels', 'state')) ruled.push(room)
  }
  return ruled
}
