/**
 * What accounts ask of those who come after them: `compose.ts` fills these lists. Each is asked in the order of its list.
 */
import type { Json } from '../../core/event.ts'
import type { DeviceId, RoomId, UserId } from '../../core/ids.ts'
import type { Tx } from '../../storage/database.ts'
import type { Requester } from './requester.ts'

/** Whoever keeps things for devices: keys, messages on their way, pushers. */
export interface DeviceBelongings {
  /** Drops them, in the transaction that removes the devices. */
  devicesRemoved(tx: Tx, userId: UserId, deviceIds: readonly DeviceId[]): Promise<void>
}

export interface Newcomer {
  readonly userId: UserId
  readonly isAdmin: boolean
}

/** Whoever receives new users. */
export interface Arrival {
  /** Called once, when the account is on disk and before its user hears of it. */
  arrived(newcomer: Newcomer): Promise<void>
}

/** Whoever has to act when an account ends. */
export interface Departure {
  /** Called until it succeeds, also after a restart, so doing it twice must do no harm. */
  leave(userId: UserId, options: { erase: boolean }): Promise<void>
}

/** Whoever shows profiles elsewhere, such as rooms in their member events. */
export interface ProfilePropagation {
  /** In the background, one change of a user after the other. */
  changed(who: Requester, profile: ShownProfile): Promise<void>
  /** The rooms whose members hear of changes. */
  audience(userId: UserId): Promise<readonly RoomId[]>
}

interface ShownProfile {
  readonly displayname: string | undefined
  readonly avatarUrl: string | undefined
}

/** Whoever knows the profiles of other servers' users. */
export interface RemoteProfiles {
  /** Undefined if there is no such user. */
  find(userId: string): Promise<Readonly<Record<string, Json>> | undefined>
}

/** Whoever knows who accounts are elsewhere. */
export interface ExternalLogins {
  /** Whether the user can show there who they are. */
  has(userId: UserId): Promise<boolean>
}

export interface AccountHooks {
  readonly devices: DeviceBelongings[]
  readonly arrivals: Arrival[]
  readonly departures: Departure[]
  readonly profiles: ProfilePropagation[]
  readonly remoteProfiles: RemoteProfiles[]
  readonly externalLogins: ExternalLogins[]
}
