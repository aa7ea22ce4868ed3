/** What devices tell to and ask of those who talk with other servers: `compose.ts` fills these lists. */
import type { DeviceId, ServerName, UserId } from '../../core/ids.ts'
import type { StoredCrossSigningKey } from '../../storage/cross-signing.ts'
import type { Tx } from '../../storage/database.ts'
import type { StoredDeviceKeys } from '../../storage/device-keys.ts'
import type { Claim, ClaimedKey } from '../../storage/one-time-keys.ts'
import type { ToDeviceMessages } from './to-device.ts'

/** What is different about a user's keys. Devices may be new, have other keys or another name, or be gone. */
export interface ChangedKeys {
  readonly devices?: readonly DeviceId[]
  readonly crossSigning?: boolean
}

/** Whoever has to tell others of it. */
export interface KeyAnnouncement {
  /** In the transaction that changes the keys. */
  keysChanged(tx: Tx, userId: UserId, changed: ChangedKeys): Promise<void>
}

/** Servers that could not be asked, and why. */
export type KeyFailures = Readonly<Record<ServerName, { readonly status: number; readonly message: string }>>

export interface RemoteKeyAnswer {
  /** Users whose keys are stored here, and up to date. */
  readonly stored: readonly UserId[]
  /** Users with whom nobody here shares a room, and their keys, of which nothing is kept. */
  readonly strangers: readonly UserId[]
  readonly devices: readonly StoredDeviceKeys[]
  readonly crossSigning: readonly StoredCrossSigningKey[]
  readonly failures: KeyFailures
}

/** Whoever knows the keys of other servers' users. `timeoutMs` is for each server; none is waited for longer. */
export interface RemoteKeys {
  query(userIds: readonly UserId[], timeoutMs: number): Promise<RemoteKeyAnswer>
  claim(claims: readonly Claim[], timeoutMs: number): Promise<{ keys: readonly ClaimedKey[]; failures: KeyFailures }>
}

/** Whoever keeps the keys of some users of this server itself. What it does not tell, or not in time, it does not have. */
export interface KeyKeeper {
  keeps(userId: UserId): boolean
  /** One-time keys, each of which it gives once. */
  claim(claims: readonly Claim[]): Promise<readonly ClaimedKey[]>
  /** No devices stand for all of them. */
  query(wanted: ReadonlyMap<UserId, readonly DeviceId[]>): Promise<KeptKeys>
}

export interface KeptKeys {
  readonly devices: readonly StoredDeviceKeys[]
  readonly crossSigning: readonly StoredCrossSigningKey[]
}

/** Whoever brings messages to the devices of other servers' users. */
export interface RemoteInboxes {
  /** In the transaction that takes the request, so they are sent if and only if it was. */
  queueMessages(tx: Tx, sender: UserId, type: string, messages: ToDeviceMessages): Promise<void>
}

/** Whoever hears of changes of people of whom it is not known yet whether they are in a room. */
export interface UnplacedChanges {
  /** Those with changes in (after, upto] of the stream `device_lists` who may share a room with this user. */
  changedIn(userId: UserId, after: number, upto: number): Promise<readonly UserId[]>
}

export interface DeviceHooks {
  readonly announcements: KeyAnnouncement[]
  readonly remoteKeys: RemoteKeys[]
  readonly remoteInboxes: RemoteInboxes[]
  readonly keyKeepers: KeyKeeper[]
  readonly unplacedChanges: UnplacedChanges[]
}
