/** What people may do in a room, by its state as the homeserver tells it. */
import { type PowerLevels, requiredLevel, userLevel } from '../../homeserver/core/auth/power-levels.ts'
import type { JsonObject, Pdu } from '../../homeserver/core/event.ts'
import { findRoomVersion, roomVersions } from '../../homeserver/core/room-version.ts'
import type { Content } from './event.ts'
import { stringOf } from './json.ts'

export interface StateEvent {
  readonly type: string
  readonly state_key: string
  readonly sender: string
  readonly content: Content
}

export const findState = (state: readonly StateEvent[], type: string, key = ''): StateEvent | undefined =>
  state.find((event) => event.type === type && event.state_key === key)

/** Whether this user may set state of this type there. */
export function maySetState(state: readonly StateEvent[], userId: string, type: string): boolean {
  const create = findState(state, 'm.room.create')
  const levels: PowerLevels = {
    version: findRoomVersion(stringOf(create?.content['room_version']) ?? '1') ?? roomVersions['12'],
    create: create as Pdu | undefined, // in the form for clients, which has what counts here
    content: findState(state, 'm.room.power_levels')?.content as JsonObject | undefined,
  }
  return userLevel(levels, userId) >= requiredLevel(levels, type, 'state')
}
