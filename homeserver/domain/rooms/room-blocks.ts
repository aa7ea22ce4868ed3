/** Rooms that administrators keep everybody of this server out of. Who is in one already stays in it. */
import { forbidden } from '../../core/errors.ts'
import type { Json } from '../../core/event.ts'
import type { RoomId, UserId } from '../../core/ids.ts'
import { findRoomBlocker, setRoomBlocker } from '../../storage/blocked-rooms.ts'
import type { Conn, Database } from '../../storage/database.ts'

export class RoomBlocks {
  readonly #database: Database

  constructor({ database }: { readonly database: Database }) {
    this.#database = database
  }

  /** The administrator who blocked the room. */
  async blockerOf(roomId: RoomId): Promise<UserId | undefined> {
    return await findRoomBlocker(this.#database, roomId)
  }

  /** Blocks a room by this administrator; undefined opens it again. */
  async set(roomId: RoomId, blocker: UserId | undefined): Promise<void> {
    await this.#database.transaction('block a room', (tx) => setRoomBlocker(tx, roomId, blocker))
  }
}

/** Throws `M_FORBIDDEN` for a change of membership that leads into a blocked room. */
export async function checkBlocked(conn: Conn, roomId: RoomId, membership: Json | undefined): Promise<void> {
  if (membership === 'leave' || membership === 'ban') return
  if ((await findRoomBlocker(conn, roomId)) !== undefined) throw forbidden('This room is blocked on this server')
}
