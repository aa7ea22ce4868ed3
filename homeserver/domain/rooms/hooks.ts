/** What rooms ask of those who come after them: `compose.ts` fulfils it. */
import type { RoomAlias, RoomId, ServerName, UserId } from '../../core/ids.ts'
import type { Requester } from '../accounts/requester.ts'

/** Whoever keeps aliases and the published list. */
export interface RoomDirectory {
  /** Where an alias leads, and which servers know the room; undefined for one that leads nowhere. */
  resolve(alias: RoomAlias): Promise<{ readonly roomId: RoomId; readonly servers: readonly ServerName[] } | undefined>
  /** Throws `M_ROOM_IN_USE`, `M_EXCLUSIVE` or `M_INVALID_PARAM` unless this user may add this alias. */
  checkNew(who: Requester, alias: RoomAlias): Promise<void>
  /** Throws as `checkNew` does. */
  add(who: Requester, alias: RoomAlias, roomId: RoomId): Promise<void>
  /** Lists the room among the public ones. Throws `M_FORBIDDEN` where this user may not. */
  publish(who: Requester, roomId: RoomId): Promise<void>
  /** Gives a room's local aliases and its place in the list to the room that replaces it. */
  move(from: RoomId, to: RoomId): Promise<void>
}

/** Whoever keeps settings of a user for single rooms. */
export interface RoomSettings {
  /** Gives the settings for one room to the room that replaces it, unless it has settings of its own. */
  carryOver(userId: UserId, from: RoomId, to: RoomId): Promise<void>
}
