/**
 * What rooms and participants are called at the SFU. Browsers compute the same hashes: nothing in them may be escaped or
 * normalised in another way than `JSON.stringify` does.
 */
import { createHash } from 'node:crypto'
import type { DeviceId, RoomId, UserId } from '../../core/ids.ts'

/** The slot of a room's one call, as clients spell it. Those who ask by `/sfu/get` mean it without saying so. */
export const ROOM_SLOT = 'm.call#ROOM'

export interface CallMember {
  readonly userId: UserId
  /** Undefined where the client leaves it to its member id to tell its devices apart. */
  readonly deviceId: DeviceId | undefined
  readonly memberId: string
}

/** All who are in the same slot of a Matrix room meet in this room of the SFU, whichever way they asked. */
export const sfuRoomOf = (roomId: RoomId, slotId: string): string => hash([roomId, slotId])

export const identityOf = ({ userId, deviceId, memberId }: CallMember): string =>
  hash(deviceId === undefined ? [userId, memberId] : [userId, deviceId, memberId])

/** For those who ask by `/sfu/get`: in plain text. */
export const plainIdentityOf = (userId: UserId, deviceId: DeviceId): string => `${userId}:${deviceId}`

function hash(parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64').replace(/=+$/, '')
}
