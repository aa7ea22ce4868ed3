/** Whether a room as it is now would let an event happen that it did not let happen when it came. */
import { authStateKeys } from '../../core/auth/auth-events.ts'
import { checkAuth } from '../../core/auth/rules.ts'
import { authStateOf } from '../../core/auth/verdict.ts'
import { type StateKey, stateKeyOf } from '../../core/event.ts'
import { findRoomVersion } from '../../core/room-version.ts'
import type { Conn } from '../../storage/database.ts'
import type { StoredEvent } from '../../storage/events.ts'
import { findRoom, findStateEvent } from '../../storage/rooms.ts'

const createKey = stateKeyOf('m.room.create', '')

export async function isAllowedNow(conn: Conn, event: StoredEvent): Promise<boolean> {
  const { roomId, pdu } = event
  const room = await findRoom(conn, roomId)
  const version = room && findRoomVersion(room.version)
  if (!version) return false
  const keys = new Set([createKey, ...authStateKeys(pdu, version)])
  const state = new Map<StateKey, StoredEvent>()
  for (const key of keys) {
    const [type = '', stateKey = ''] = key.split('\0')
    const found = await findStateEvent(conn, roomId, type, stateKey)
    if (found) state.set(key, found)
  }
  return checkAuth(event, authStateOf(state), version).allowed
}
