/** The power levels of a room as it is now, for decisions that make no event. */
import { type PowerLevels, powerLevelsOf } from '../../core/auth/power-levels.ts'
import { notFound } from '../../core/errors.ts'
import type { RoomId } from '../../core/ids.ts'
import { findRoomVersion } from '../../core/room-version.ts'
import type { Conn } from '../../storage/database.ts'
import { currentStateEvents, findRoom } from '../../storage/rooms.ts'

/** Throws `M_NOT_FOUND` for a room we do not know. */
export async function roomPower(conn: Conn, roomId: RoomId): Promise<PowerLevels> {
  const [room, events] = await Promise.all([
    findRoom(conn, roomId),
    currentStateEvents(conn, roomId, ['m.room.create', 'm.room.power_levels']),
  ])
  const version = room && findRoomVersion(room.version)
  if (!version) throw notFound('There is no such room here')
  const get = (type: string) => events.find(({ row }) => row.type === type && row.state_key === '')
  return powerLevelsOf({ get }, version)
}
